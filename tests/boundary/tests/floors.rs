//! The floors: what no policy gets below, each with a policy that tries.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeMap;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Floors, Limits, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::{DAY, Timestamp};
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, Options, Right, Viewer};
use mcp_audit_log_boundary_tests as evil;

const NOW: Timestamp = Timestamp::EPOCH;

fn policy() -> Policy {
    Policy::load(evil::POLICY, Limits::default(), NOW).expect("the evil policy")
}

fn settings(policy: &Policy, mode: &str) -> Settings {
    Settings::load(&policy.manifest().settings, &BTreeMap::from([("evil".to_owned(), Value::from(mode))]))
}

fn viewer(instance: Option<&str>) -> Viewer {
    Viewer { user: "bad".into(), groups: vec!["admin".into()], instance: instance.map(str::to_owned) }
}

fn event(target: &str, instance: Option<&str>) -> Event {
    let event = Event::new(NOW, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let caller = Caller { instance: instance.map(str::to_owned), ..Caller::user("uma") };
    Event { method: Some("tools/call".into()), target: Some(Target::Tool(target.to_owned())), caller, ..event }
}

/// A log whose policy misbehaves in this mode, in every function.
fn open(folder: &std::path::Path, mode: &str, options: impl FnOnce(Options) -> Options) -> AuditLog {
    Options::new(folder).policy(evil::POLICY.to_vec()).open().expect("a log").close();
    let database = rusqlite::Connection::open(folder.join("mcp-audit-log.db")).expect("the database");
    let sql = "INSERT INTO setting VALUES ('evil', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    database.execute(sql, [serde_json::json!(mode).to_string()]).expect("set");
    drop(database);
    options(Options::new(folder).policy(evil::POLICY.to_vec())).open().expect("a log")
}

fn seen(log: &AuditLog, viewer: &Viewer) -> Vec<Entry> {
    log.view().reader(&log.view().access(viewer)).page(Domain::TRUE, None, 500).expect("a page").entries
}

fn tools(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.text(Field::Tool)).collect()
}

#[test]
fn a_viewer_of_a_tenant_cannot_configure_the_whole_log() {
    let policy = policy();
    let access = |instance| policy.access(&settings(&policy, "grant-all"), &viewer(instance), NOW).expect("granted");
    assert!(!access(Some("acme")).may(Right::Configure) && access(Some("acme")).may(Right::Manage));
    assert!(access(None).may(Right::Configure));
}

#[tokio::test]
async fn tenants_are_separate_whatever_the_policy_grants() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), "grant-all", |options| options);
    for instance in [Some("acme"), Some("umbrella"), None] {
        log.record_durably(event(instance.unwrap_or("none"), instance)).await.expect("stored");
    }
    assert_eq!(tools(&seen(&log, &viewer(Some("acme")))), ["acme"]);
    assert_eq!(tools(&seen(&log, &viewer(Some("umbrella")))), ["umbrella"]);
    assert_eq!(tools(&seen(&log, &viewer(None))), ["none"]);
    log.close();
    drop(log);
    let floors = Floors { policy_rules_tenants: true, masks_off: vec!["passwords".into()] };
    let log = open(folder.path(), "grant-all", |options| options.floors(floors));
    let all = seen(&log, &viewer(Some("acme")));
    assert_eq!(tools(&all), ["none", "umbrella", "acme"]);
    let start = all.iter().find(|entry| entry.text(Field::Method) == Some("log.started")).expect("the start");
    assert_eq!(start.details["policy_rules_tenants"], true);
    assert_eq!(start.details["masks_off"], "passwords");
}

#[tokio::test]
async fn the_hosts_masks_always_apply_and_reading_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), "grant-all", |options| options);
    let on = serde_json::json!({ "log_payloads": true }).as_object().cloned().expect("an object");
    log.change_settings(&log.view().access(&viewer(None)), &on).expect("switched on");
    let body = r#"{"password":"hunter2SECRET","note":"DB_PASS=hunter2SECRET","kept":"as it is"}"#;
    let payload = Payload { request: Some(Body::whole(body)), response: None };
    let sent = Event { payload: Some(payload), ..event("evil:widen", None) };
    let id = sent.id;
    log.record_durably(sent).await.expect("stored");
    let reader = log.clone();
    let read = tokio::task::spawn_blocking(move || reader.read_payload(&reader.view().access(&viewer(None)), id));
    let (_, payload) = read.await.expect("no panic").expect("read").expect("kept");
    let request = payload.request.expect("a request");
    assert!(!request.contains("hunter2SECRET") && request.contains("as it is"), "{request}");
    let all = seen(&log, &viewer(None));
    let told = all.iter().find(|entry| entry.text(Field::Method) == Some("payload.read")).expect("an entry");
    assert_eq!((told.details["entry"].as_str(), told.text(Field::User)), (Some(&*id.to_string()), Some("bad")));
}

#[test]
fn nothing_is_deleted_earlier_than_the_setting() {
    let policy = policy();
    let now = Timestamp::EPOCH.plus(20_000 * DAY);
    let plan = policy.retention(&settings(&policy, "early-retention"), now).expect("a plan");
    let due = Some(now.plus(-90 * DAY));
    assert_eq!((plan.entries_before, plan.payloads_before, plan.usage_before), (due, due, due));
}

/// The policy forges facts and changes in every entry, including those about the log itself. The log still verifies.
#[tokio::test]
async fn host_facts_stay_and_the_log_verifies() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), "overwrite", |options| options);
    let sent = event("x", None).fact("sent_by", "tina").fact("request_bytes", 7).fact("http_method", "POST");
    log.record_durably(sent.fact("setting", "retention_days").fact("old", 90).fact("new", 7)).await.expect("stored");
    let good = Viewer { user: "good".into(), groups: Vec::new(), instance: None };
    let all = seen(&log, &good);
    let call = all.iter().find(|entry| entry.text(Field::Tool) == Some("x")).expect("recorded");
    assert_eq!((call.request_bytes, call.text(Field::HttpMethod)), (Some(7), Some("POST")));
    assert_eq!((&call.details["sent_by"], &call.details["policy.sent_by"]), (&"tina".into(), &"forged".into()));
    let first = serde_json::json!({ "field": "retention_days", "old": 90, "new": "[masked]" });
    assert_eq!(call.details["changes"][0], first, "it may hide, and not say something else");
    let start = all.iter().find(|entry| entry.text(Field::Method) == Some("log.started")).expect("the start");
    assert_eq!(start.details["policy_digest"], log.view().policy_digest());
    assert!(start.details["checkpoint"].is_u64() && start.details.get("changes").is_none());
    log.close();
}
