//! A key has every declared value and nothing else, and the cache is bounded and belongs to its settings.

use std::collections::BTreeMap;

use mcp_audit_log_contract::depends::{DependencyNames, EventFields};
use mcp_audit_log_contract::manifest::SettingField;
use mcp_audit_log_model::event::{Argument, Body, Channel, Failure, Kind, OutcomeDetail, Payload};
use mcp_audit_log_model::time::Timestamp;

use super::*;

fn event() -> Event {
    let mut event =
        Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok).fact("phase", "opened");
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool("search".into()));
    event.arguments.push(Argument { name: "model".into(), json: "1".into() });
    event
}

fn key(depends: &Dependencies, event: &Event) -> Option<Vec<u8>> {
    let mut key = vec![9];
    write_key(&mut key, depends, event).then_some(key)
}

fn verdict(action: &str) -> Arc<Verdict> {
    Arc::new(Verdict {
        action: action.to_owned(),
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes: Vec::new(),
        keep: None,
        faults: Vec::new(),
    })
}

type Change = (EventField, fn(&mut Event));

/// What changes each field of an event, and that field alone but for what follows from it.
fn changes() -> Vec<Change> {
    vec![
        (EventField::Kind, |event| event.kind = Kind::Intent),
        (EventField::Method, |event| event.method = None),
        (EventField::Target, |event| event.target = Some(Target::Prompt("search".into()))),
        (EventField::Server, |event| event.server = Some(String::new())),
        (EventField::Path, |event| event.path = Some("/".into())),
        (EventField::Outcome, |event| event.detail = OutcomeDetail::Denied),
        (EventField::OutcomeDetail, |event| event.detail = OutcomeDetail::Accepted),
        (EventField::StatusCode, |event| event.status_code = Some(0)),
        (EventField::ErrorCode, |event| {
            event.failure = Some(Failure { code: Some(0), ..Failure::new("rpc", String::new()) });
        }),
        (EventField::DurationUs, |event| event.duration_us = Some(u64::MAX)),
        (EventField::HasDuration, |event| event.duration_us = Some(0)),
        (EventField::User, |event| event.caller.user = Some("uma".into())),
        (EventField::Connection, |event| event.caller.connection = Some("laptop".into())),
        (EventField::Instance, |event| event.caller.instance = Some("acme".into())),
        (EventField::ClientName, |event| event.client.name = Some("x".into())),
        (EventField::HasPayload, |event| {
            event.payload = Some(Payload { request: Some(Body::whole("")), response: None });
        }),
        (EventField::HasArguments, |event| event.arguments.clear()),
    ]
}

#[test]
fn each_declared_field_is_in_the_key_and_no_other() {
    let changes = changes();
    assert_eq!(changes.len() + 1, EventField::ALL.len(), "the channel is always in it");
    for (field, change) in changes {
        let mut changed = event();
        change(&mut changed);
        let only = Dependencies { fields: EventFields::from_iter([field]), ..Dependencies::default() };
        assert_ne!(key(&only, &event()), key(&only, &changed), "{field}");
        let follows = |other: &EventField| match field {
            EventField::Outcome => *other == EventField::OutcomeDetail,
            EventField::DurationUs => *other == EventField::HasDuration,
            EventField::HasDuration => *other == EventField::DurationUs,
            _ => false,
        };
        let others = EventField::ALL.iter().copied().filter(|other| *other != field && !follows(other));
        let others = Dependencies { fields: others.collect(), ..Dependencies::default() };
        assert_eq!(key(&others, &event()), key(&others, &changed), "{field}");
    }
    let mut other = event();
    other.channel = Channel::Stdio;
    assert_ne!(key(&Dependencies::default(), &event()), key(&Dependencies::default(), &other));
}

#[test]
fn declared_facts_and_arguments_are_in_the_key_by_name_value_and_order() {
    let names = |name: &str| DependencyNames::of([name.to_owned()]);
    let facts = Dependencies { facts: names("phase"), ..Dependencies::default() };
    let arguments = Dependencies { arguments: names("model"), ..Dependencies::default() };
    let with = |name: &str, value: Value| Event { facts: vec![(name.to_owned(), value)], ..event() };
    let keys = [
        key(&facts, &event()),
        key(&facts, &with("phase", Value::Unset)),
        key(&facts, &with("phase", Value::Boolean(false))),
        key(&facts, &with("phase", Value::Integer(0))),
        key(&facts, &with("phase", "0".into())),
        key(&facts, &with("other", "0".into())),
        key(&facts, &event().fact("phase", "closed")),
        key(&facts, &with("phase", "closed".into()).fact("phase", "opened")),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(one.is_some() && !keys[at + 1..].contains(one), "{at}");
    }
    assert_eq!(key(&facts, &event()), key(&facts, &event().fact("other", 1)));
    let mut other = event();
    other.arguments.push(Argument { name: "q".into(), json: "2".into() });
    assert_eq!(key(&arguments, &event()), key(&arguments, &other));
    other.arguments[0].json = "2".into();
    assert_ne!(key(&arguments, &event()), key(&arguments, &other));
    assert_ne!(key(&arguments, &event()), key(&facts, &event()));
    other.arguments[0].json = "x".repeat(LONGEST_KEY);
    assert_eq!(key(&arguments, &other), None, "too long to be remembered");
}

#[test]
fn the_cache_is_bounded_and_keeps_used_verdicts() {
    let cache = VerdictCache::new(20 * (OVERHEAD + 10));
    let settings = Settings::default();
    let name = |number: usize| number.to_le_bytes().to_vec().into_boxed_slice();
    for number in 0..1_000 {
        let mut open = cache.open(&settings);
        open.put(name(number), &verdict("x"));
        assert!(open.len() <= 22, "{}", open.len());
        assert!(open.get(&name(0)).is_some(), "it is used after each of the {number}");
    }
    let mut open = cache.open(&settings);
    assert!(open.get(&name(500)).is_none() && open.get(&name(999)).is_some());
    open.put(name(1), &verdict(&"x".repeat(LONGEST_VERDICT + 1)));
    assert!(open.get(&name(1)).is_none(), "too long");
}

#[test]
fn a_settings_change_empties_the_verdict_cache() {
    let field = |key: &str| SettingField {
        key: key.to_owned(),
        label: String::new(),
        help: String::new(),
        default: Value::Boolean(false),
        minimum: None,
        maximum: None,
    };
    let settings = |on: bool| Settings::load(&[field("x")], &BTreeMap::from([("x".to_owned(), Value::Boolean(on))]));
    let cache = VerdictCache::new(1 << 20);
    cache.open(&settings(true)).put(Box::from(*b"a"), &verdict("a"));
    assert_eq!(cache.open(&settings(true)).get(b"a"), Some(verdict("a")));
    assert_eq!(cache.open(&settings(false)).get(b"a"), None);
    assert_eq!(cache.open(&settings(true)).get(b"a"), None, "as if it had been asked for under those");
}
