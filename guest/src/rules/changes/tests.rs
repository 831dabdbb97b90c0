//! Change lists of states: nesting, lists, types, secrets, and sizes.

use super::*;
use crate::contract::{Argument, Outcome};

fn event(states: &[(&str, &str)]) -> Event {
    let argument = |(name, json): &(&str, &str)| Argument { name: (*name).to_owned(), json: (*json).to_owned() };
    Event {
        channel: "admin".to_owned(),
        kind: "request".to_owned(),
        method: Some("provider.updated".to_owned()),
        target: None,
        server: None,
        path: None,
        outcome: Outcome::Success,
        outcome_detail: "ok".to_owned(),
        status_code: None,
        error_code: None,
        duration_us: None,
        has_duration: false,
        user: None,
        connection: None,
        instance: None,
        client_name: None,
        has_payload: false,
        has_arguments: !states.is_empty(),
        arguments: states.iter().map(argument).collect(),
        facts: Vec::new(),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Unset => "-".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(text) => format!("'{text}'"),
    }
}

fn lines(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| format!("{}: {} > {}", change.field, value(&change.old), value(&change.new));
    changes.iter().map(line).collect()
}

fn of(states: &[(&str, &str)]) -> Vec<Change> {
    of_states(&event(states), MOST).changes
}

/// `field: old > new`, with texts in quotes and `-` for what is not set.
fn changed(old: &str, new: &str) -> Vec<String> {
    lines(&of(&[("old", old), ("new", new)]))
}

#[test]
fn states_are_compared_field_by_field() {
    let old = r#"{"name":"A","limits":{"rate":{"day":5},"on":true},"gone":"x","same":[1,{"a":2}]}"#;
    let new = r#"{"same":[1,{"a":2}],"limits":{"on":false,"rate":{"day":6}},"name":"A","extra":null,"more":1}"#;
    assert_eq!(
        changed(old, new),
        ["limits.rate.day: 5 > 6", "limits.on: true > false", "gone: 'x' > -", "more: - > 1"]
    );
    assert_eq!(changed(old, old), [""; 0]);
    assert_eq!(changed(r#"{"a":"\u0041"}"#, r#"{ "a" : "A" }"#), [""; 0], "another spelling is no change");
}

#[test]
fn a_single_state_is_all_set_or_all_unset() {
    let state = r#"{"name":"A","rules":[{"tool":"delete_*","effect":"deny"}]}"#;
    let created = lines(&of(&[("new", state)]));
    assert_eq!(created, ["name: - > 'A'", "rules.0.tool: - > 'delete_*'", "rules.0.effect: - > 'deny'"]);
    let deleted = lines(&of(&[("old", state)]));
    assert_eq!(deleted, ["name: 'A' > -", "rules.0.tool: 'delete_*' > -", "rules.0.effect: 'deny' > -"]);
}

#[test]
fn lists_of_scalars_are_one_value_and_others_are_indexed() {
    assert_eq!(changed(r#"{"t":["a"]}"#, r#"{"t":["a","b"]}"#), [r#"t: '["a"]' > '["a","b"]'"#]);
    assert_eq!(changed(r#"{"t":[{"a":1},{"a":2}]}"#, r#"{"t":[{"a":1},{"a":3}]}"#), ["t.1.a: 2 > 3"]);
    assert_eq!(changed(r#"{"t":[{"a":1}]}"#, r#"{"t":[]}"#), ["t: - > '[]'", "t.0.a: 1 > -"]);
}

#[test]
fn a_change_of_type_is_a_change() {
    assert_eq!(changed(r#"{"a":1}"#, r#"{"a":"1"}"#), ["a: 1 > '1'"]);
    assert_eq!(changed(r#"{"a":1.5}"#, r#"{"a":"1.5"}"#), ["a: '1.5' > '1.5'"]);
    assert_eq!(changed(r#"{"a":{"b":1}}"#, r#"{"a":2}"#), ["a: - > 2", "a.b: 1 > -"]);
    assert_eq!(changed(r#"{"a":false}"#, r#"{"a":null}"#), ["a: false > -"]);
    assert_eq!(changed("\"x\"", "\"y\""), ["value: 'x' > 'y'"]);
    assert_eq!(changed(r#"{"":1}"#, r#"{"":2}"#), ["value: 1 > 2"]);
}

#[test]
fn no_secret_is_in_a_change_list() {
    for state in [
        r#"{"api_key":"canary"}"#,
        r#"{"stripeApiKey":"canary"}"#,
        r#"{"auth":{"password":"canary"}}"#,
        r#"{"credentials":{"user":"canary","value":"canary"}}"#,
        r#"{"a":[{"b":{"client_secret":["canary"]}}]}"#,
        r#"{"tokens":["canary"]}"#,
        r#"{"token2":"canary"}"#,
        r#"{"headers":[{"name":"Authorization","value":"canary"}]}"#,
        r#"{"headers":[{"value":"canary","key":"x-api-key"}]}"#,
        r#"{"\u0070assword":"canary"}"#,
    ] {
        for states in [[("old", state), ("new", "{}")], [("old", "{}"), ("new", state)], [("old", "7"), ("new", state)]]
        {
            let changes = lines(&of(&states));
            let text = changes.join("\n");
            assert!(text.contains("[masked]") && !text.contains("canary"), "{text}");
        }
    }
    assert_eq!(changed(r#"{"pin":1234}"#, r#"{"pin":4321}"#), ["pin: '[masked]' > '[masked]'"]);
    assert_eq!(changed(r#"{"pin":1234}"#, r#"{"pin":1234}"#), [""; 0]);
    assert_eq!(changed(r#"{"max_tokens":1}"#, r#"{"max_tokens":2}"#), ["max_tokens: 1 > 2"]);
}

#[test]
fn values_that_are_too_deep_are_hidden_without_recursion() {
    let deep = |inside: &str| format!("{}{inside}{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    let changes = of(&[("old", &deep("1")), ("new", &deep("2"))]);
    assert_eq!((changes.len(), &changes[0].old), (1, &Value::Text(MASKED.to_owned())));
    let brackets = "[".repeat(100_000);
    assert_eq!(lines(&of(&[("old", &brackets)])), ["value: '[masked]' > -"]);
}

#[test]
fn huge_states_are_bounded_and_the_rest_is_counted() {
    let object = |from: usize| {
        let members: Vec<_> = (from..from + 2_000).map(|n| format!("\"k{n}\":\"{}\"", "ä".repeat(5_000))).collect();
        format!("{{{}}}", members.join(","))
    };
    let mut event = event(&[("old", &object(0)), ("new", &object(2_000))]);
    event.facts.push(Fact { name: LEFT_OUT.to_owned(), value: Value::Integer(7) });
    let verdict = add(&event, crate::sdk::verdict::called("x.updated"));
    assert_eq!(verdict.changes.len(), MOST);
    assert_eq!(verdict.facts[0].value, Value::Integer(4_000 - 500 + 7));
    let texts = verdict.changes.iter().flat_map(|change| [&change.old, &change.new]);
    assert!(texts.into_iter().all(|value| !matches!(value, Value::Text(text) if text.len() > 1_024)));
    let long = format!("{{\"{}\":{{\"a\":1,\"b\":2}}}}", "x".repeat(100_000));
    let paths = of(&[("new", &long)]);
    assert!(paths.len() == 2 && paths.iter().all(|change| change.field.len() <= 256));
}

#[test]
fn invalid_json_is_harmless() {
    for json in ["", "{", "{\"a\":", "[1,", "nonsense", "{\"a\" 1}", "\u{0}", "{\"a\":01}"] {
        let _ = changed(json, "{}");
        let _ = changed("{}", json);
        assert_eq!(changed(json, json), [""; 0], "{json}");
    }
    assert_eq!(changed(r#"{"password":"canary""#, "null"), ["value: '[masked]' > -"]);
    assert_eq!(changed(r#"["canary"#, "null"), ["value: '[masked]' > -"]);
}
