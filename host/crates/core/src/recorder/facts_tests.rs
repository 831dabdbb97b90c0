//! Which facts and changes win: the host's or the policy's.

use serde_json::json;

use super::*;
use mcp_audit_log_model::event::{Kind, OutcomeDetail};
use mcp_audit_log_model::time::Timestamp;

fn event(channel: Channel) -> Event {
    Event::new(Timestamp::EPOCH, channel, Kind::Request, OutcomeDetail::Ok)
}

fn fact_of(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

fn change(field: &str, old: impl Into<Value>, new: impl Into<Value>) -> Change {
    Change { field: field.to_owned(), old: old.into(), new: new.into() }
}

fn judged(mut event: Event, facts: Vec<(String, Value)>, changes: Vec<Change>) -> Entry {
    let mut entry = Entry::new(event.id, event.occurred_at, event.occurred_at);
    let told = host(&mut entry, &mut event);
    told.judged(&mut entry, &facts, &changes, &Masks::new(&[], &[]));
    entry
}

#[test]
fn host_facts_win_and_policy_facts_get_a_prefix() {
    let event = event(Channel::Admin).fact("sent_by", "tina").fact("http_method", "POST").fact("request_bytes", 7);
    let facts = ["sent_by", "http_method", "fault", "policy_digest", "cost_source", "changes", "policy.x", "own"];
    let mut facts: Vec<_> = facts.iter().map(|name| fact_of(name, "forged")).collect();
    facts.push(fact_of("request_bytes", 1));
    let entry = judged(event, facts, Vec::new());
    assert_eq!((entry.text(Field::HttpMethod), entry.request_bytes), (Some("POST"), Some(7)));
    let expected = json!({
        "sent_by": "tina",
        "policy.sent_by": "forged",
        "policy.http_method": "forged",
        "policy.fault": "forged",
        "policy.policy_digest": "forged",
        "policy.cost_source": "forged",
        "policy.changes": "forged",
        "policy.policy.x": "forged",
        "own": "forged",
        "policy.request_bytes": 1,
    });
    assert_eq!(json!(entry.details), expected);
}

#[test]
fn in_entries_about_the_log_all_policy_facts_get_a_prefix() {
    let entry = judged(
        event(Channel::System).fact("setting", "retention_days").fact("old", 90).fact("new", 7),
        vec![fact_of("checkpoint", 1), fact_of("resumed", true)],
        vec![change("retention_days", 90, 365), change("retention_days", 1, 1), change("log_payloads", true, true)],
    );
    let expected = json!({
        "policy.checkpoint": 1,
        "policy.resumed": true,
        "changes": [{"field": "retention_days", "old": 90, "new": 7}],
        "policy.changes": [
            {"field": "retention_days", "old": 1, "new": 1},
            {"field": "log_payloads", "old": true, "new": true},
        ],
    });
    assert_eq!(json!(entry.details), expected);
}

#[test]
fn a_policy_may_hide_texts_of_settings_and_any_value_of_others() {
    let setting = |old: Value, new: Value| {
        let event = event(Channel::System).fact("setting", "motto").fact("old", old).fact("new", new);
        judged(event, Vec::new(), vec![change("motto", MASKED, MASKED)]).details["changes"].clone()
    };
    assert_eq!(setting("a".into(), "b".into()), json!([{"field": "motto", "old": MASKED, "new": MASKED}]));
    assert_eq!(setting(1.into(), 2.into()), json!([{"field": "motto", "old": 1, "new": 2}]));
    let admin = event(Channel::Admin).fact("field", "code").fact("old", 1234).fact("new", Value::Unset);
    let admin = judged(admin, Vec::new(), vec![change("code", MASKED, MASKED), change("other", 1, 2)]);
    let expected = json!([{"field": "code", "old": MASKED, "new": null}, {"field": "other", "old": 1, "new": 2}]);
    assert_eq!(admin.details["changes"], expected);
}

#[test]
fn changes_are_masked_by_name_and_pattern_with_or_without_a_policy() {
    let secret = || {
        let event = event(Channel::Admin).fact("field", "smtp.api_key").fact("old", "canary").fact("new", "canary2");
        event.fact("field", "url").fact("old", Value::Unset).fact("new", "https://joe:canary@x/")
    };
    let judged = judged(secret(), Vec::new(), vec![change("password", "canary", 7)]);
    let mut event = secret();
    let mut unjudged = Entry::new(event.id, event.occurred_at, event.occurred_at);
    host(&mut unjudged, &mut event).unjudged(&mut unjudged, &Masks::new(&[], &[]));
    for entry in [judged, unjudged] {
        let text = json!(entry.details).to_string();
        assert!(!text.contains("canary") && text.contains("smtp.api_key") && text.contains(MASKED), "{text}");
    }
}

#[test]
fn policy_facts_are_truncated_bounded_and_counted() {
    let long = || "x".repeat(16_000);
    let changes = (0..400).map(|at| change(&format!("f{at}"), long(), long())).collect();
    let facts = (0..200).map(|at| fact_of(&format!("fact-{at}"), long())).collect();
    let entry = judged(event(Channel::Admin).fact("changes_left_out", 5), facts, changes);
    let bytes = json!(entry.details).to_string().len();
    assert!(bytes < 160 << 10, "{bytes}");
    let number = |name: &str| entry.details[name].as_u64().expect("a number");
    let facts = entry.details.keys().filter(|name| name.starts_with("fact-")).count() as u64;
    assert_eq!(facts + number("facts_left_out"), 200);
    let told = entry.details.get("changes").map_or(0, |changes| changes.as_array().expect("a list").len()) as u64;
    assert_eq!(told + number("changes_left_out"), 400 + 5);
    let one = judged(event(Channel::Admin), Vec::new(), vec![change("a", long(), 1)]);
    assert_eq!(one.details["changes"][0]["old"].as_str().map(|old| old.chars().count()), Some(DETAIL));
}

#[test]
fn event_sources_cannot_set_the_details_of_a_verdict() {
    let entry = judged(event(Channel::Api).fact("fault", "x").fact("policy_digest", "y"), Vec::new(), Vec::new());
    assert_eq!(json!(entry.details), json!({"given.fault": "x", "given.policy_digest": "y"}));
}
