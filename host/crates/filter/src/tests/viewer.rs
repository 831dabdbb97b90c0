//! Operands that refer to the viewer: another domain for another viewer, and an error for a viewer who lacks the value.

use super::*;

/// Every filter with a viewer's own values, negations included.
const OWN: &[&str] = &[
    r#"[["instance","=",{"viewer":"instance"}]]"#,
    r#"[["instance","!=",{"viewer":"instance"}]]"#,
    r#"["!",["instance","=",{"viewer":"instance"}]]"#,
    r#"[["instance","in",["eu",{"viewer":"instance"}]]]"#,
    r#"[["instance","not in",[{"viewer":"instance"}]]]"#,
    r#"["|",[1,"=",1],["instance","=",{"viewer":"instance"}]]"#,
];

#[test]
fn viewer_operands_use_the_viewers_values() {
    let stored = with(&[(Field::User, "anna"), (Field::Instance, "eu")]);
    let bob = Context::new(now(), Some("bob"), Some("us"));
    for (domain, anna, other) in [
        (r#"[["user","=",{"viewer":"user"}]]"#, true, false),
        (r#"[["user","!=",{"viewer":"user"}]]"#, false, true),
        (r#"[["user","in",["x",{"viewer":"user"}]]]"#, true, false),
        (r#"[["instance","=",{"viewer":"instance"}]]"#, true, false),
        // Any field of texts may be compared with it.
        (r#"[["connection","=",{"viewer":"user"}]]"#, false, false),
        // A text that looks like an operand stays a text.
        (r#"[["user","=","{\"viewer\":\"user\"}"]]"#, false, false),
    ] {
        assert_eq!(json(domain).matches(&stored), anna, "{domain}");
        assert_eq!(parse_json(domain, &bob).expect(domain).matches(&stored), other, "{domain}");
    }
}

#[test]
fn a_missing_viewer_value_is_an_error_and_never_matches_everything() {
    for context in [
        Context::new(now(), Some("anna"), None),
        Context::new(now(), Some("anna"), Some("")),
        Context::new(now(), Some("anna"), Some(" ")),
        Context::without_viewer(now()),
    ] {
        for domain in OWN {
            let error = parse_json(domain, &context).expect_err(domain).to_string();
            assert!(error.contains("you belong to no tenant"), "{domain}: {error}");
        }
        assert!(parse_text("instance:@me", &context).is_err());
        assert!(parse_text("-instance:@me", &context).is_err());
    }
    assert!(parse_json(r#"[["user","=",{"viewer":"user"}]]"#, &Context::without_viewer(now())).is_err());
}

#[test]
fn errors_for_every_viewer_are_found_without_a_viewer() {
    let check = |comparison, field: &str| {
        let operands = vec![Operand::Viewer(ViewerValue::Instance)];
        check_tokens(&[DomainToken::Leaf { field: field.to_owned(), comparison, operands }], now())
    };
    assert_eq!(check(Comparison::Equal, "instance"), Ok(()));
    assert_eq!(check(Comparison::NotIn, "instance"), Ok(()));
    for comparison in [Comparison::Like, Comparison::NotIlike, Comparison::EqualIfSet, Comparison::Less] {
        assert!(check(comparison, "instance").is_err(), "a name is no pattern and no limit");
    }
    for field in ["status_code", "at", "id", "outcome", "payload"] {
        assert!(check(Comparison::Equal, field).is_err(), "{field}");
    }
}
