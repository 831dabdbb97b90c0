//! The text form: the meaning of each spelling, and the errors for mistakes.

use super::*;

/// The text form and the JSON form of the same domain.
#[test]
fn each_spelling_has_its_domain() {
    for (text, same) in [
        ("", "[]"),
        ("   ", "[]"),
        ("outcome:error", r#"[["outcome","=","error"]]"#),
        ("Outcome:error", r#"[["outcome","=","error"]]"#),
        ("outcome:error tool:a", r#"[["outcome","=","error"],["tool","=","a"]]"#),
        ("outcome:error AND tool:a", r#"[["outcome","=","error"],["tool","=","a"]]"#),
        ("outcome:error,denied", r#"[["outcome","in",["error","denied"]]]"#),
        ("-outcome:success", r#"[["outcome","!=","success"]]"#),
        ("!outcome:success", r#"[["outcome","!=","success"]]"#),
        ("tool:search*", r#"[["tool","=ilike","search%"]]"#),
        ("tool:*_100%*", r#"[["tool","=ilike","%\\_100\\%%"]]"#),
        ("tool:a*,b,c", r#"["|",["tool","=ilike","a%"],["tool","in",["b","c"]]]"#),
        ("-tool:a*,b", r#"["!","|",["tool","=ilike","a%"],["tool","=","b"]]"#),
        (r#"tool:"my tool""#, r#"[["tool","=","my tool"]]"#),
        (r#"tool:"a,b*",c"#, r#"[["tool","in",["a,b*","c"]]]"#),
        (r#"tool:"say \"x\" \\ C:\dir""#, r#"[["tool","=","say \"x\" \\ C:\\dir"]]"#),
        (r#"tool:it"s"#, r#"[["tool","=","it\"s"]]"#),
        ("tool:a:b", r#"[["tool","=","a:b"]]"#),
        ("tool:none", r#"[["tool","=",null]]"#),
        ("-tool:none", r#"[["tool","!=",null]]"#),
        ("tool:none,a", r#"[["tool","in",[null,"a"]]]"#),
        (r#"tool:"none""#, r#"[["tool","=","none"]]"#),
        (r#"tool:"""#, r#"[["tool","=",""]]"#),
        ("user:@me", r#"[["user","=",{"viewer":"user"}]]"#),
        ("instance:@me,us", r#"[["instance","in",[{"viewer":"instance"},"us"]]]"#),
        (r#"user:"@me""#, r#"[["user","=","@me"]]"#),
        ("user:@you", r#"[["user","=","@you"]]"#),
        ("status:404", r#"[["status_code","=",404]]"#),
        ("status:404,500", r#"[["status_code","in",[404,500]]]"#),
        ("status:>=400 status_code:<500", r#"[["status_code",">=",400],["status_code","<",500]]"#),
        ("-status:>400", r#"["!",["status_code",">",400]]"#),
        ("duration:>=5ms", r#"[["duration_us",">=",5000]]"#),
        ("duration:<2s", r#"[["duration_us","<",2000000]]"#),
        ("duration:>800us", r#"[["duration_us",">",800]]"#),
        ("duration_us:>800", r#"[["duration_us",">",800]]"#),
        ("duration:none", r#"[["duration_us","=",null]]"#),
        ("since:7d", r#"[["at",">=","-7d"]]"#),
        ("since:-7d", r#"[["at",">=","-7d"]]"#),
        ("since:today", r#"[["at",">=","today"]]"#),
        ("since:2026-11-20T10:00:00Z", r#"[["at",">=","2026-11-20T10:00:00Z"]]"#),
        ("until:2026-11-20", r#"[["at","<=","2026-11-20"]]"#),
        ("from:1h to:now", r#"[["at",">=","-1h"],["at","<=","now"]]"#),
        ("at:yesterday", r#"[["at","=","yesterday"]]"#),
        ("at:<2026-11-20", r#"[["at","<","2026-11-20"]]"#),
        ("record:INV/2026/0042", r#"[["record_id","=","INV/2026/0042"]]"#),
        ("outcome:error OR tool:a", r#"["|",["outcome","=","error"],["tool","=","a"]]"#),
        // A blank binds more than OR.
        ("tool:a user:b OR tool:c", r#"["|","&",["tool","=","a"],["user","=","b"],["tool","=","c"]]"#),
        ("tool:a (user:b OR tool:c)", r#"[["tool","=","a"],"|",["user","=","b"],["tool","=","c"]]"#),
        ("( tool:a )", r#"[["tool","=","a"]]"#),
        ("-(tool:a OR user:b)", r#"["!","|",["tool","=","a"],["user","=","b"]]"#),
        ("((tool:a))", r#"[["tool","=","a"]]"#),
    ] {
        assert_eq!(parse_text(text, &context()).as_ref(), Ok(&json(same)), "{text}");
    }
}

/// Free text, and the text that it searches for.
#[test]
fn words_are_free_text() {
    for (text, pattern) in [
        ("invoice", "invoice"),
        ("50%", "50\\%"),
        ("a_b", "a\\_b"),
        ("a*b", "a%b"),
        (r#""a*b""#, "a*b"),
        (r#""two words""#, "two words"),
        ("C:\\dir", "C:\\\\dir"),
        // A colon after something that is not a field belongs to the word.
        ("https://x", "https://x"),
        ("INV:42", "INV:42"),
        ("account.move:7", "account.move:7"),
        ("fe80::1", "fe80::1"),
        (":)", ":)"),
        ("<b>\"x", "<b>\"x"),
        ("f(x)", "f(x)"),
        (r#""or""#, "or"),
        ("a=b", "a=b"),
        (r#""OR""#, "OR"),
        (r#""tool:x""#, "tool:x"),
        (r#""request:x""#, "request:x"),
        (r#""-x""#, "-x"),
        ("-", "-"),
        ("@me", "@me"),
        ("none", "none"),
    ] {
        let domain = parse_text(text, &context()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let Domain::Any(fields) = domain else { panic!("{text}: {domain}") };
        let looked_for = Test::Like(Pattern::new(&format!("%{pattern}%"), true));
        let names: Vec<_> = fields
            .iter()
            .map(|part| match part {
                Domain::Term(Term { field, test }) if *test == looked_for => field.name(),
                other => panic!("{text}: {other}"),
            })
            .collect();
        let all = [
            "method",
            "tool",
            "model",
            "record_id",
            "resource_name",
            "resource_id",
            "user",
            "connection",
            "ip",
            "server",
        ];
        assert_eq!(names, all, "{text}");
    }
}

#[test]
fn every_word_must_be_found_in_some_field() {
    let stored = with(&[(Field::Tool, "Search_Read"), (Field::User, "anna"), (Field::ClientName, "secret")]);
    for (text, expected) in [
        ("search", true),
        ("SEARCH anna", true),
        ("search bob", false),
        ("search -bob", true),
        ("-anna", false),
        ("bob OR anna", true),
        ("s*read", true),
        ("search%read", false),
        ("secret", false),
    ] {
        assert_eq!(parse_text(text, &context()).expect(text).matches(&stored), expected, "{text}");
    }
}

#[test]
fn an_error_points_at_the_word() {
    for (text, character, word, reason) in [
        ("tool:x outcom:error", 8, "outcom:error", "did you mean outcome?"),
        ("tool:x otucome:error", 8, "otucome:error", "did you mean outcome?"),
        ("tol:x", 1, "tol:x", "did you mean tool?"),
        ("staus:404", 1, "staus:404", "did you mean status?"),
        ("é x  -usr_agent:y useragent:z", 6, "-usr_agent:y", "did you mean user_agent?"),
        ("request:x", 1, "request:x", "payloads"),
        ("tool:x -response:y", 8, "-response:y", "payloads"),
        ("(payload:x)", 2, "payload:x", "put it in quotes"),
        ("x outcome:errors", 3, "outcome:errors", "outcome must be one of success, error, denied"),
        ("x status:4*", 3, "status:4*", "holds whole numbers"),
        ("x duration:5", 3, "duration:5", "use 800us, 5ms or 2s"),
        ("x duration:>99999999999999s", 3, "duration:>99999999999999s", "is not a duration"),
        ("x tool:", 3, "tool:", "a value is missing"),
        ("x tool:a,,b", 3, "tool:a,,b", "a value is missing"),
        ("x tool:>a", 3, "tool:>a", "put the value in quotes"),
        ("x tool:!=a", 3, "tool:!=a", "-field:value"),
        ("x status:>1,2", 3, "status:>1,2", "whole numbers"),
        ("x since:soon", 3, "since:soon", "is not a time"),
        ("x id:42", 3, "id:42", "UUIDs"),
        ("x connection:@me", 3, "connection:@me", "user:@me"),
        ("x tool:\"a b", 3, "tool:\"a", "not closed"),
        ("x tool:\"a\"b", 3, "tool:\"a\"b", "the quote ends"),
        ("x OR", 3, "OR", "a term is missing"),
        ("OR x", 1, "OR", "a term is missing"),
        ("AND", 1, "AND", "a term is missing"),
        ("x AND OR y", 3, "AND", "a term is missing"),
        ("x ( )", 5, ")", "a term is missing"),
        ("x (y", 3, "(", "not closed"),
        ("x (", 3, "(", "not closed"),
        ("x -(y OR z", 3, "-(", "not closed"),
        ("x tool:y)", 3, "tool:y)", "closes nothing"),
        ("x )", 3, ")", "closes nothing"),
        ("x or y", 3, "or", "OR in capitals"),
        ("not tool:x", 1, "not", "-tool:x"),
        ("x | y", 3, "|", "write OR"),
        ("x tool=y", 3, "tool=y", "write tool:y"),
        ("x outcome!=error", 3, "outcome!=error", "write -outcome:error"),
        ("x duration>2s", 3, "duration>2s", "write duration:>2s"),
        ("since:2026-11-21 09:00", 18, "09:00", "since:2026-11-21T09:00:00Z"),
        ("x username:y", 3, "username:y", "unknown field username"),
        ("x “two", 3, "“two", "straight quotes"),
    ] {
        let error = parse_text(text, &context()).expect_err(text);
        assert_eq!(
            (error.position, error.term.as_deref()),
            (Some(Position::Character(character)), Some(word)),
            "{text}"
        );
        assert!(error.message.contains(reason), "{text}: {error}");
    }
}
