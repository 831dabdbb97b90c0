//! Cached verdicts equal the verdicts of the policy: with and without the cache, the same traffic gives the same
//! entries.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::sync::Arc;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Argument, Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::{ManualClock, Timestamp};
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, Options, Viewer};

#[path = "../benches/log/random.rs"]
#[allow(dead_code, reason = "the benchmarks use the rest")]
mod random;
#[path = "../benches/log/traffic.rs"]
#[allow(dead_code, reason = "the benchmarks use the rest")]
mod traffic;

use random::Random;

const METHODS: [&str; 12] = [
    "tools/call",
    "resources/read",
    "completion/complete",
    "sampling/createMessage",
    "TOOL",
    "POST",
    "foo/bar",
    "user.deleted",
    "connection.created",
    "settings.updated",
    "payload.read",
    "view.shared",
];
const FACTS: [&str; 14] = [
    "phase",
    "client_id",
    "resource_type",
    "resource_id",
    "resource_name",
    "llm_model",
    "setting",
    "field",
    "old",
    "new",
    "entry",
    "view",
    "name",
    "other",
];
const ARGUMENTS: [&str; 8] = ["model", "id", "record_name", "ids", "old", "new", "q", "password"];
const TEXTS: [&str; 8] = [
    "opened",
    "res.partner",
    "odoo://res.partner/record/42",
    "/oauth/token",
    "/mcp/tool/search",
    "file:///{path}",
    "",
    "ü",
];
const JSON: [&str; 7] =
    ["\"res.partner\"", "5", "[7]", "null", "{\"a\":1,\"password\":\"canary\"}", "{\"a\":2}", "not json"];

fn one<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[random.below(of.len() as u64) as usize]
}

fn text(random: &mut Random) -> Option<String> {
    random.percent(70).then(|| one(random, &TEXTS).to_owned())
}

/// A random event with few distinct values, so that many events are equal.
fn any_event(random: &mut Random) -> Event {
    let (channel, kind) = (one(random, Channel::ALL), one(random, Kind::ALL));
    let mut event = Event::new(traffic::beginning(), channel, kind, one(random, OutcomeDetail::ALL));
    event.method = random.percent(90).then(|| one(random, &METHODS).to_owned());
    event.target = text(random).map(match random.below(4) {
        0 => Target::Tool,
        1 => Target::Prompt,
        2 => Target::Resource,
        _ => Target::Other,
    });
    (event.server, event.path) = (text(random), text(random));
    (event.caller.user, event.caller.connection) = (text(random), text(random));
    event.client.name = text(random);
    event.duration_us = random.percent(50).then(|| random.next() >> 20);
    event.status_code = random.percent(50).then(|| random.below(600) as u16);
    for _ in 0..random.below(4) {
        let value = match random.below(4) {
            0 => Value::Unset,
            1 => Value::Integer(random.below(3) as i64),
            2 => Value::Boolean(true),
            _ => one(random, &TEXTS).into(),
        };
        event = event.fact(one(random, &FACTS), value);
    }
    for _ in 0..random.below(4) {
        let argument = Argument { name: one(random, &ARGUMENTS).to_owned(), json: one(random, &JSON).to_owned() };
        event.arguments.push(argument);
    }
    if random.percent(50) {
        event.payload = Some(Payload { request: Some(Body::whole(r#"{"a":"b"}"#)), response: None });
    }
    event
}

/// Unusual events and ordinary traffic.
fn events(count: usize) -> Vec<Event> {
    let mut random = Random::new(7);
    let mut ordinary = traffic::Traffic::new(1_000_000, 40).with_payload(200).with_models();
    (0..count).filter_map(|at| if at % 2 == 0 { Some(any_event(&mut random)) } else { ordinary.next() }).collect()
}

fn without_cache() -> Limits {
    Limits { verdict_cache_bytes: 0, ..Limits::default() }
}

#[test]
fn a_cached_verdict_equals_the_policys_verdict() {
    let load = |limits| Policy::builtin(limits, Timestamp::EPOCH).expect("the default policy");
    // The small one drops verdicts all the time.
    let small = Limits { verdict_cache_bytes: 60_000, ..Limits::default() };
    let (cached, small, plain) = (load(Limits::default()), load(small), load(without_cache()));
    let settings = |on: bool| {
        let stored = [("log_payloads".to_owned(), Value::Boolean(on))].into();
        Settings::load(&plain.manifest().settings, &stored)
    };
    let events = events(20_000);
    let mut random = Random::new(11);
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at((1 + random.below(300) as usize).min(rest.len()));
        let settings = settings(random.percent(80));
        let expected = plain.judge(&settings, batch);
        assert!(cached.judge(&settings, batch) == expected && small.judge(&settings, batch) == expected);
        rest = behind;
    }
    let (hits, misses) = cached.health().cache();
    assert!(hits > 2_000 && hits + misses == 20_000, "{hits} of {}", hits + misses);
    assert!(small.health().cache().0 > 100);
    assert_eq!(plain.health().cache(), (0, 20_000));
    assert!(cached.health().fuel() < plain.health().fuel());
}

/// The entries of these events, without random values: the commitment to a payload has a random salt.
async fn recorded(limits: Limits, events: &[Event]) -> (Vec<Entry>, Vec<Option<String>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new(traffic::beginning()));
    let log: AuditLog = Options::new(folder.path()).limits(limits).clock(clock).open().expect("a log");
    let viewer = |group: &str| Viewer::new("ada", [group]);
    let on = serde_json::json!({ "log_payloads": true }).as_object().cloned().expect("an object");
    log.change_settings(&log.view().access(&viewer("admin")), &on).expect("switched on");
    for event in events {
        log.record(event.clone()).expect("taken");
    }
    log.record_durably(Event::new(traffic::beginning(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok))
        .await
        .expect("stored");
    let access = log.view().access(&viewer("auditor"));
    let (mut entries, mut payloads) = (Vec::new(), Vec::new());
    for event in events {
        let domain = Domain::equals(Field::Id, event.id.to_string().as_str());
        let mut entry = log.view().reader(&access).page(domain, None, 2).expect("a page").entries.remove(0);
        let kept = entry.has_payload.then(|| log.read_payload(&access, entry.id).expect("read").expect("kept").1);
        payloads.push(kept.map(|kept| format!("{:?}", kept.request)));
        entry.payload_commitment = None;
        entry.seq = 0;
        entries.push(entry);
    }
    log.close();
    (entries, payloads)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_cache_changes_no_entry() {
    let events = events(600).into_iter().map(|event| match event.channel {
        // What a log says of itself is not taken from others; it would be an entry about a state that it does not have.
        Channel::System => Event { channel: Channel::Admin, ..event },
        _ => Event { caller: Caller { instance: None, ..event.caller }, ..event },
    });
    let events: Vec<_> = events.collect();
    let (cached, plain) = (recorded(Limits::default(), &events).await, recorded(without_cache(), &events).await);
    assert_eq!(cached.0.len(), 600);
    for (cached, plain) in cached.0.iter().zip(&plain.0) {
        assert_eq!(format!("{cached:?}"), format!("{plain:?}"));
    }
    assert!(cached.1 == plain.1 && cached.1.iter().flatten().count() > 50);
}
