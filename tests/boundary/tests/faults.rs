//! If a policy misbehaves, no event is lost, and no viewer sees what they may not see.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeMap;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{FaultKind, Limits, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, Grant, Options, Viewer};
use mcp_audit_log_boundary_tests as evil;

const NOW: Timestamp = Timestamp::EPOCH;

fn policy() -> Policy {
    Policy::load(evil::POLICY, Limits::default(), NOW).expect("the evil policy")
}

/// The same policy in each contract.
fn policies() -> impl Iterator<Item = Policy> {
    evil::POLICIES.into_iter().map(|policy| Policy::load(policy, Limits::default(), NOW).expect("the evil policy"))
}

fn settings(policy: &Policy, mode: &str) -> Settings {
    Settings::load(&policy.manifest().settings, &BTreeMap::from([("evil".to_owned(), Value::from(mode))]))
}

fn event(target: &str) -> Event {
    let event = Event::new(NOW, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    Event { method: Some("tools/call".into()), target: Some(Target::Tool(target.to_owned())), ..event }
}

fn good() -> Viewer {
    Viewer { user: "good".into(), groups: Vec::new(), instance: None }
}

/// Every way of failing in `judge` and the expected fault.
const JUDGE: &[(&str, FaultKind)] = &[
    ("panic", FaultKind::Trap),
    ("spin", FaultKind::Fuel),
    ("memory", FaultKind::Memory),
    ("recurse", FaultKind::Stack),
    // The guest's allocator needs more than all of the fuel to free so many items.
    ("oversize-list", FaultKind::Fuel),
    ("oversize-text", FaultKind::Result),
    ("bad-utf8", FaultKind::Result),
    ("too-few", FaultKind::Result),
    ("too-many", FaultKind::Result),
    ("wrong-index", FaultKind::Result),
    ("bad-mask", FaultKind::Result),
    ("long-action", FaultKind::Result),
];

#[test]
fn every_invalid_verdict_is_a_fault_of_its_kind() {
    for policy in policies() {
        for (mode, kind) in JUDGE {
            let verdicts = policy.judge(&settings(&policy, mode), &[event("x")]);
            let fault = verdicts.into_iter().next().expect("one answer").expect_err(mode);
            assert_eq!(fault.kind, *kind, "{mode}: {fault}");
        }
    }
}

#[test]
fn one_bad_event_does_not_affect_its_batch() {
    let policy = policy();
    let mut events: Vec<_> = (0..50).map(|_| event("x")).collect();
    events[17] = event("evil:panic");
    events[33] = event("evil:too-many");
    let verdicts = policy.judge(&settings(&policy, ""), &events);
    let faulted: Vec<_> = (0..50).filter(|at| verdicts[*at].is_err()).collect();
    assert_eq!(faulted, [17, 33]);
}

#[test]
fn every_invalid_grant_is_a_denial() {
    for policy in policies() {
        for mode in [
            "panic",
            "spin",
            "memory",
            "recurse",
            "oversize-list",
            "oversize-text",
            "bad-utf8",
            "control-chars",
            "bad-domain",
            "bad-operands",
            "unknown-field",
            "viewer-misused",
        ] {
            let denied = policy.access(&settings(&policy, mode), &good(), NOW);
            assert!(denied.is_err(), "{mode}: {denied:?}");
        }
    }
}

#[test]
fn a_rule_on_a_missing_viewer_value_never_matches_even_if_negated() {
    let policy = policy();
    let rule = |instance: Option<&str>| {
        let viewer = Viewer { instance: instance.map(str::to_owned), ..good() };
        format!("{:?}", policy.access(&settings(&policy, "viewer-lacks"), &viewer, NOW).expect("a sound rule"))
    };
    let nothing = format!("rule: {:?}", Domain::FALSE);
    assert!(rule(None).contains(&nothing) && rule(Some("")).contains(&nothing));
    assert!(!rule(Some("eu")).contains(&nothing));
}

#[test]
fn every_invalid_plan_deletes_nothing() {
    for policy in policies() {
        for mode in ["panic", "spin", "memory", "recurse", "future-retention"] {
            assert!(policy.retention(&settings(&policy, mode), NOW).is_err(), "{mode}");
        }
    }
}

fn open(folder: &std::path::Path) -> AuditLog {
    Options::new(folder).policy(evil::POLICY.to_vec()).open().expect("a log")
}

fn entries(log: &AuditLog, access: &Grant) -> Vec<Entry> {
    log.view().reader(access).page(Domain::TRUE, None, 500).expect("a page").entries
}

#[tokio::test]
async fn an_event_that_cannot_be_judged_is_recorded_as_metadata_with_fault_and_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    for (mode, _) in JUDGE {
        let payload = Payload { request: Some(Body::whole("canary-in-a-body")), response: None };
        let state = serde_json::json!({ "password": "canary-in-a-body" });
        let event = event(&format!("evil:{mode}")).changed(&state, &serde_json::Value::Null);
        log.record(Event { payload: Some(payload), ..event }).expect("taken");
    }
    log.record_durably(event("decent")).await.expect("stored");
    let entries = entries(&log, &log.view().access(&good()));
    for (mode, kind) in JUDGE {
        let tool = format!("evil:{mode}");
        let entry = entries.iter().find(|entry| entry.text(Field::Tool) == Some(&tool)).expect(mode);
        assert_eq!(entry.text(Field::Fault), Some(kind.as_str()), "{mode}");
        assert_eq!(entry.details["policy_digest"], log.view().policy_digest(), "{mode}");
        assert!(!entry.has_payload, "{mode}");
    }
    let decent = entries.iter().find(|entry| entry.text(Field::Tool) == Some("decent")).expect("the service goes on");
    assert_eq!((decent.text(Field::Action), decent.text(Field::Fault)), (Some("evil.judged"), None));
    drop(log);
    assert_no_canary(folder.path());
}

/// No file of the log contains the content, or the state before and after a change.
fn assert_no_canary(folder: &std::path::Path) {
    for file in std::fs::read_dir(folder).expect("files") {
        let path = file.expect("a file").path();
        // Components of policies hold nothing that was recorded.
        if path.is_dir() {
            continue;
        }
        let bytes = match std::fs::read(path) {
            // The log's own threads release it after ours, and their files disappear with them.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.expect("bytes"),
        };
        assert!(!bytes.windows(16).any(|window| window == b"canary-in-a-body"));
    }
}

#[tokio::test]
async fn a_verdict_keeps_no_payload_while_the_setting_is_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let payload = Payload { request: Some(Body::whole("canary-in-a-body")), response: None };
    log.record_durably(Event { payload: Some(payload), ..event("evil:widen") }).await.expect("stored");
    let access = log.view().access(&good());
    assert!(entries(&log, &access).iter().all(|entry| !entry.has_payload));
    drop(log);
    assert_no_canary(folder.path());
}

#[tokio::test]
async fn texts_full_of_control_characters_are_stored_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.record_durably(event("evil:control-chars")).await.expect("stored");
    let entries = entries(&log, &log.view().access(&good()));
    let entry = entries.iter().find(|entry| entry.text(Field::Tool) == Some("evil:control-chars")).expect("recorded");
    assert!(entry.text(Field::Action).is_some_and(|action| !action.contains('\0')));
}

#[tokio::test]
async fn failed_access_shows_nothing_and_recording_continues() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).close();
    let database = rusqlite::Connection::open(folder.path().join("mcp-audit-log.db")).expect("the database");
    let set = |mode: &str| {
        let sql = "INSERT INTO setting VALUES ('evil', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        database.execute(sql, [serde_json::json!(mode).to_string()]).expect("set");
    };
    for mode in ["panic", "spin", "bad-domain", "unknown-field", "bad-operands", "viewer-misused", "viewer-lacks"] {
        set(mode);
        let log = open(folder.path());
        log.record_durably(event("x")).await.expect("stored");
        let access = log.view().access(&good());
        let page = log.view().reader(&access).page(Domain::TRUE, None, 10);
        assert!(page.map_or(0, |page| page.entries.len()) == 0, "{mode}");
        log.close();
    }
    set("");
    let log = open(folder.path());
    assert!(
        entries(&log, &log.view().access(&good())).iter().filter(|entry| entry.text(Field::Tool) == Some("x")).count()
            == 7
    );
}
