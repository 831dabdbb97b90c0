//! A printed domain can be read again, and gives the same domain.

use proptest::prelude::*;

use super::*;

fn again(domain: &Domain) -> Result<Domain, DomainError> {
    // Without a viewer and at another time: the printed form is exact.
    parse_json(&domain.to_string(), &Context::without_viewer(Timestamp::EPOCH))
}

#[test]
fn a_domain_prints_as_its_source() {
    for (written, printed) in [
        ("[]", r#"[[1,"=",1]]"#),
        (r#"[[0,"=",1]]"#, r#"[[0,"=",1]]"#),
        (r#"[["tool","=","a"],["user","=",false]]"#, r#"[["tool","=","a"],["user","=",null]]"#),
        (r#"["|",["tool","ilike","a"],["user","!=","b"]]"#, r#"["|",["tool","ilike","a"],"!",["user","=","b"]]"#),
        (
            r#"["|",["tool","=","a"],"|",["tool","=","b"],["tool","=","c"]]"#,
            r#"["|","|",["tool","=","a"],["tool","=","b"],["tool","=","c"]]"#,
        ),
        (r#"[["at",">=","-1h"]]"#, r#"[["occurred_at",">=","2026-11-21T11:00:00.000000Z"]]"#),
        (r#"[["user","=",{"viewer":"user"}]]"#, r#"[["user","=","anna"]]"#),
        (r#"[["tool",">","a"]]"#, r#"[["tool",">","a"]]"#),
        (r#"[["status_code",">",400]]"#, r#"[["status_code",">=",401]]"#),
    ] {
        assert_eq!(json(written).to_string(), printed);
    }
}

#[test]
fn the_longest_texts_round_trip() {
    for (comparison, length) in [
        ("=", MAX_OPERAND_BYTES),
        ("<=", MAX_OPERAND_BYTES),
        (">", MAX_OPERAND_BYTES),
        ("like", MAX_PATTERN_BYTES),
        ("ilike", MAX_PATTERN_BYTES),
        ("=like", MAX_PATTERN_BYTES),
    ] {
        let long = "x".repeat(length);
        let domain = json(&format!(r#"[["tool","{comparison}","{long}"]]"#));
        assert_eq!(again(&domain).as_ref(), Ok(&domain), "{comparison}");
    }
}

/// A term with values that are difficult for one of the forms.
fn term() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(String::new()),
        "[a-c%_\\\\\"\u{0}*é]{1,6}",
        Just("%%".to_owned()),
        Just("%a\\%".to_owned()),
        Just("none".to_owned()),
    ];
    let values = prop_oneof![
        3 => text.clone().prop_map(|text| serde_json::json!(text)),
        1 => prop::collection::vec(text, 0..4).prop_map(|list| serde_json::json!(list)),
        1 => Just(serde_json::json!([null, "a"])),
        1 => Just(serde_json::json!(null)),
        1 => Just(serde_json::json!({"viewer": "user"})),
    ];
    let of_text = (0..Comparison::SPELLINGS.len(), values)
        .prop_map(|(at, value)| serde_json::json!(["tool", Comparison::SPELLINGS[at].0, value]));
    let times = prop::sample::select(vec!["today", "-7d", "2026-11-21", "9999-12-31", "0000-01-01", "now", "-2026y"]);
    let of_time = (0..8_usize, prop::collection::vec(times, 1..3)).prop_map(|(at, times)| {
        let value = if times.len() == 1 { serde_json::json!(times[0]) } else { serde_json::json!(times) };
        serde_json::json!(["at", Comparison::SPELLINGS[at].0, value])
    });
    let of_number = (0..8_usize, prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN)])
        .prop_map(|(at, number)| serde_json::json!(["status_code", Comparison::SPELLINGS[at].0, number]));
    let of_id = (0..8_usize, prop_oneof![any::<u128>(), Just(u128::MAX)])
        .prop_map(|(at, id)| serde_json::json!(["id", Comparison::SPELLINGS[at].0, Uuid::from_u128(id).to_string()]));
    prop_oneof![4 => of_text, 2 => of_time, 1 => of_number, 1 => of_id]
        .prop_map(|json| json.to_string())
        .prop_filter("a term that is allowed", |term| parse_json(&format!("[{term}]"), &context()).is_ok())
}

/// Operators and terms in an order that often makes a domain.
fn list() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        1 => Just(r#""&""#.to_owned()),
        2 => Just(r#""|""#.to_owned()),
        1 => Just(r#""!""#.to_owned()),
        1 => prop_oneof![Just(r#"[1,"=",1]"#.to_owned()), Just(r#"[0,"=",1]"#.to_owned())],
        6 => term(),
    ];
    let tail = prop::collection::vec(term(), 2..4);
    (prop::collection::vec(part, 0..10), tail)
        .prop_map(|(parts, tail)| format!("[{}]", [parts, tail].concat().join(",")))
}

/// Words of the text form, some of them invalid.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => prop::sample::select(vec![
            "outcome:error", "tool:search*", "-user:@me", "since:7d", "until:2026-11-20", "status:>=500", "duration:<5ms",
            "user:none", "tool:a,b*,none", "tool:\"a b\"", "plain", "https://x", "(", ")", "OR", "AND", "-(", "!x", "\"a b\"",
        ]).prop_map(str::to_owned),
        1 => "[a-z:\"*,<>()!\\\\ -]{1,8}",
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lists_of_any_content_round_trip(text in list()) {
        let Ok(domain) = parse_json(&text, &context()) else { return Ok(()) };
        prop_assert_eq!(again(&domain), Ok(domain));
    }

    #[test]
    fn texts_of_any_content_round_trip(text in words()) {
        let Ok(domain) = parse_text(&text, &context()) else { return Ok(()) };
        prop_assert_eq!(again(&domain), Ok(domain));
    }
}
