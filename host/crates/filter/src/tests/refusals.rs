//! A text that is not a domain is refused, with a reason and a position.

use super::*;

#[test]
fn an_invalid_domain_is_refused_with_a_reason() {
    for (domain, reason) in [
        ("", "not JSON"),
        ("{}", "a domain is a JSON list"),
        ("[1]", "a term is [field, operator, value]"),
        (r#"["&"]"#, "lacks its operand"),
        (r#"["&",["tool","=","x"]]"#, "lacks its operand"),
        (r#"["^"]"#, "unknown operator"),
        (r#"[["payload","=","x"]]"#, "unknown field \"payload\"; payloads"),
        (r#"[["request","=","x"]]"#, "unknown field \"request\"; payloads"),
        (r#"[["response","like","x"]]"#, "unknown field \"response\"; payloads"),
        (r#"[["where","=","x"]]"#, "unknown field \"where\"; use one of: at, seq, id"),
        (r#"[["tol","=","x"]]"#, "did you mean tool?"),
        (r#"[["otucome","=","x"]]"#, "did you mean outcome?"),
        (r#"[["tool","any!","x"]]"#, "bypasses record rules"),
        (r#"[["tool","any","x"]]"#, "follows relations"),
        (r#"[["tool","child_of","x"]]"#, "follows relations"),
        (r#"[["tool","<>","x"]]"#, "use '!='"),
        (r#"[["tool","==","x"]]"#, "use '='"),
        (r#"[["tool","LIKE","x"]]"#, "unknown operator \"LIKE\"; use one of: =  !="),
        (r#"[["tool",1,"x"]]"#, "the operator must be a text"),
        (r#"[["tool","="]]"#, "2 parts"),
        (r#"[[2,"=",1]]"#, "the field must be a text"),
        (r#"[["tool","=",{}]]"#, "values are texts, whole numbers"),
        (r#"[["tool","=",{"viewer":"groups"}]]"#, "{\"viewer\":\"user\"}"),
        (r#"[["tool","=",1.5]]"#, "values are texts, whole numbers"),
        (r#"[["tool","=",[["x"]]]]"#, "values are texts, whole numbers"),
        (r#"[["tool","=",1]]"#, "tool holds texts"),
        (r#"[["tool","=",true]]"#, "tool holds texts"),
        (r#"[["tool","=",[]]]"#, "need a value"),
        (r#"[["tool","!=",[]]]"#, "need a value"),
        (r#"[["tool","in",false]]"#, "'in' needs a list"),
        (r#"[["tool","not in",null]]"#, "'in' needs a list"),
        (r#"[["tool","<",["a","b"]]]"#, "takes one value"),
        (r#"[["tool","like",false]]"#, "needs a text"),
        (r#"[["tool","<",null]]"#, "needs a value"),
        (r#"[["status_code","=","404"]]"#, "status_code holds whole numbers"),
        (r#"[["status_code","=",1e99]]"#, "values are texts, whole numbers"),
        (r#"[["status_code","like","4"]]"#, "works only on texts"),
        (r#"[["at",">=","soon"]]"#, "is not a time"),
        (r#"[["at",">=","-99999999d"]]"#, "is not a time"),
        (r#"[["at",">=","-9223372036854775807w"]]"#, "is not a time"),
        (r#"[["at",">=",0]]"#, "holds times"),
        (r#"[["id","=","x"]]"#, "holds UUIDs"),
        (r#"[["outcome","=","errors"]]"#, "outcome must be one of success, error, denied"),
        (r#"[["channel","in",["mcp","http"]]]"#, "channel must be one of"),
    ] {
        let error = parse_json(domain, &context()).expect_err(domain).to_string();
        assert!(error.contains(reason), "{domain}: {error}");
    }
}

/// A search for it would find nothing.
#[test]
fn unknown_at_words_are_refused() {
    for text in ["user:@you", "user:@all,uma", "tool:@mine", "-instance:@us"] {
        let error = parse_text(text, &context()).expect_err(text).to_string();
        assert!(error.contains("@me is the only such word"), "{text}: {error}");
    }
}

#[test]
fn an_error_in_a_list_names_the_term_and_its_position() {
    let good = r#"["tool","=","x"]"#;
    for (domain, number, term) in [
        (format!(r#"["&",{good},["outcom","=","x"]]"#), 3, r#"["outcom","=","x"]"#),
        (format!(r#"["|",{good},{good},{good},["tool","~","x"]]"#), 5, r#"["tool","~","x"]"#),
        (format!(r#"[{good},["at",">","x"],["at",">","y"]]"#), 2, r#"["at",">","x"]"#),
        (format!(r#"[{good},["at","in",["today","x"]]]"#), 2, r#"["at","in",["today","x"]]"#),
        (format!(r#"[{good},"|",{good}]"#), 2, r#""|""#),
        (format!(r#"[{good},"^"]"#), 2, r#""^""#),
        (format!("[{good},7]"), 2, "7"),
    ] {
        let error = parse_json(&domain, &context()).expect_err(&domain);
        assert_eq!((error.position, error.term.as_deref()), (Some(Position::Term(number)), Some(term)), "{domain}");
        assert!(error.to_string().ends_with(&format!("(term {number}: {term})")), "{error}");
    }
}
