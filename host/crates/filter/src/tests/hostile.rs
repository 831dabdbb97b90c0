//! Hostile input is refused or taken as plain text, soon, and without taking the stack.

use super::*;

fn refused(domain: &str) -> String {
    let error = parse_json(domain, &context()).expect_err("refused").to_string();
    assert!(error.len() < 1_500, "an error repeats little of what was sent");
    error
}

fn refused_text(text: &str) -> String {
    let error = parse_text(text, &context()).expect_err("refused").to_string();
    assert!(error.len() < 1_500, "an error repeats little of what was sent");
    error
}

#[test]
fn operands_are_plain_text_whatever_they_contain() {
    for text in
        ["'", "\"", "';--", "%", "_", "\\", "\\%", "%\\", "a\0b", "\u{202e}", "$1", "?1", "{x}", "\n", "none", "@me"]
    {
        let stored = with(&[(Field::Tool, text), (Field::User, "x")]);
        let domain = |operator| json(&serde_json::json!([["tool", operator, text]]).to_string());
        assert!(domain("=").matches(&stored), "{text:?} is itself");
        assert!(!domain("=").matches(&with(&[(Field::Tool, "other")])), "{text:?} is nothing else");
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        for text in [format!("tool:\"{quoted}\""), format!("\"{quoted}\"")] {
            let domain = parse_text(&text, &context()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(domain.matches(&stored), "{text:?}");
            assert!(!domain.matches(&with(&[(Field::Tool, "other")])), "{text:?}");
        }
    }
}

#[test]
fn a_trailing_backslash_does_not_take_the_wildcard() {
    let stored = with(&[(Field::Tool, "C:\\dir")]);
    for text in ["C:\\", "C:\\\\", "\\dir"] {
        assert!(
            json(&serde_json::json!([["tool", "like", text.replace("\\d", "\\\\d")]]).to_string()).matches(&stored),
            "{text}"
        );
    }
}

#[test]
fn many_terms_are_too_many() {
    let term = r#"["tool","=","x"]"#;
    let many = |count: usize| format!("[{}]", vec![term; count].join(","));
    assert!(parse_json(&many(MAX_TERMS), &context()).is_ok());
    assert!(refused(&many(MAX_TERMS + 1)).contains("too many terms"));
    assert!(refused(&many(10_000)).contains("too many terms"));
    let days = |count: usize| format!(r#"[["at","in",[{}]]]"#, vec![r#""today""#; count].join(","));
    assert!(refused(&days(MAX_OPERANDS)).contains("too many terms"), "a day is two terms");
    assert!(refused_text(&"x ".repeat(10_000)).contains("too many"));
    assert!(refused_text(&"tool:x ".repeat(10_000)).contains("too many"));
    assert!(refused_text(&"tool:x OR ".repeat(10_000)).contains("too many"));
}

#[test]
fn as_many_alternatives_are_allowed_as_terms() {
    let chain = format!("[{}{}]", r#""|","#.repeat(MAX_TERMS - 1), vec![r#"["tool","=","x"]"#; MAX_TERMS].join(","));
    assert!(json(&chain).matches(&with(&[(Field::Tool, "x")])));
    let nested = format!("[{}{}]", r#""|",["tool","=","y"],"#.repeat(MAX_TERMS - 1), r#"["tool","=","x"]"#);
    assert!(json(&nested).matches(&with(&[(Field::Tool, "x")])));
}

#[test]
fn deep_nesting_is_refused() {
    let term = r#"["tool","=","x"]"#;
    let not = |depth: usize| format!("[{}{term}]", r#""!","#.repeat(depth));
    assert!(parse_json(&not(MAX_DEPTH), &context()).is_ok());
    assert!(refused(&not(MAX_DEPTH + 1)).contains("deeper"));
    assert!(refused(&not(10_000)).contains("deeper"));
    assert!(refused(&format!("[{}]", r#""&","#.repeat(10_000).trim_end_matches(','))).contains("lacks its operand"));
    let zigzag = format!("[{}{term}]", format!(r#""&",{term},"|",{term},"#).repeat(MAX_DEPTH));
    assert!(refused(&zigzag).contains("deeper"));
    assert!(refused(&"[".repeat(100_000)).contains("not JSON"));
    assert!(
        refused(&format!(r#"[["tool","=",{}1{}]]"#, "[".repeat(100_000), "]".repeat(100_000))).contains("not JSON")
    );
    assert!(refused_text(&"(".repeat(100_000)).contains("deeper"));
    assert!(refused_text(&"-(".repeat(100_000)).contains("deeper"));
    assert!(refused_text(&format!("{}x{}", "(".repeat(10_000), ")".repeat(10_000))).contains("deeper"));
}

#[test]
fn enormous_operands_are_refused() {
    let huge = "x".repeat(1 << 20);
    for field in ["tool", "outcome", "at", "id", "status_code", "no_such_field"] {
        refused(&format!(r#"[["{field}","=","{huge}"]]"#));
        refused_text(&format!("{field}:\"{huge}\" x:\"y"));
    }
    refused(&format!(r#"[["{huge}","=","x"]]"#));
    refused(&format!(r#"[["tool","{huge}","x"]]"#));
    refused_text(&format!("tool:{huge}"));
    refused_text(&huge);
    let pattern = format!(r#"[["tool","=like","%{}"]]"#, "x".repeat(MAX_PATTERN_BYTES + 1));
    assert!(parse_json(&pattern, &context()).is_err_and(|error| error.message.contains("the pattern is longer than")));
    let long = format!(r#"[["tool","=","{}"]]"#, "x".repeat(MAX_OPERAND_BYTES + 1));
    assert!(refused(&long).contains("4096 bytes"));
    let wide = format!(r#"[["tool","in",[{}]]]"#, vec!["1"; MAX_OPERANDS + 1].join(","));
    assert!(refused(&wide).contains("too many values"));
    assert!(refused_text(&format!("tool:x{}", ",x".repeat(MAX_OPERANDS))).contains("too many values"));
}

proptest::proptest! {
    /// Any text gives a result or an error.
    #[test]
    fn nothing_panics(text in "\\PC*", list in "[\\[\\]\",&|!=a-z0-9{}:]{0,60}") {
        let _ = parse_text(&text, &context());
        let _ = parse_text(&list, &context());
        let _ = parse_json(&list, &context());
    }
}
