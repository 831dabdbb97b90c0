//! The example of a vendor's policy: its rule judges, its record rule narrows, and the rest is the default.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options, Viewer};
use mcp_audit_log_boundary_tests::VENDOR;

fn viewer(user: &str, groups: &[&str]) -> Viewer {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Viewer { user: user.to_owned(), groups, instance: None }
}

async fn call(log: &AuditLog, server: Option<&str>, tool: &str) -> String {
    let mut event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool(tool.into()));
    event.server = server.map(str::to_owned);
    event.caller.user = Some("uma".into());
    event.payload = Some(Payload { request: Some(Body::whole("{}")), response: None });
    let id = event.id.to_string();
    log.record_durably(event).await.expect("recorded");
    id
}

/// The ids of the calls that a viewer sees, newest first, with their actions and whether a payload is kept.
fn seen(log: &AuditLog, viewer: &Viewer) -> Vec<(String, String, bool)> {
    let access = log.view().access(viewer);
    let calls = Domain::equals(Field::Method, "tools/call");
    let entries = log.view().reader(&access).page(calls, None, 100).expect("a page").entries;
    let action = |entry: &mcp_audit_log::entry::Entry| entry.text(Field::Action).unwrap_or_default().to_owned();
    entries.iter().map(|entry| (entry.id.to_string(), action(entry), entry.has_payload)).collect()
}

#[tokio::test]
async fn the_rule_judges_and_the_record_rule_narrows() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).policy(VENDOR.to_vec()).open().expect("the policy is taken");
    assert_eq!(log.view().manifest().name, "mcp-audit-log-example-policy");
    let admin = viewer("root", &["admin"]);
    let on = serde_json::json!({"log_payloads": true}).as_object().cloned().expect("an object");
    log.change_settings(&log.view().access(&admin), &on).expect("switched on");
    let sent = call(&log, Some("crm"), "send_invoice").await;
    let other = call(&log, None, "search").await;
    let secret = call(&log, Some("payroll"), "search").await;
    let called = |id: &String, payload| (id.clone(), "tool.called".to_owned(), payload);
    let public = [called(&other, true), (sent, "invoice.sent".to_owned(), false)];
    assert_eq!(seen(&log, &admin), public, "payroll is not for everybody, whoever they are");
    assert_eq!(seen(&log, &viewer("uma", &["user"])), public, "not even one's own");
    let all: Vec<_> = [called(&secret, true)].into_iter().chain(public).collect();
    assert_eq!(seen(&log, &viewer("root", &["admin", "payroll"])), all);
    assert_eq!(seen(&log, &viewer("uma", &["user", "payroll"])), all);
    assert!(seen(&log, &viewer("bob", &["user", "payroll"])).is_empty(), "it narrows and never opens");
    log.close();
}
