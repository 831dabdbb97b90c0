//! Both contracts have the same meaning: one policy, built for each, gives the same entries and the same access.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeMap;

use mcp_audit_log::event::{Argument, Body, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log::value::Value;
use mcp_audit_log::{Options, Right, Viewer};
use mcp_audit_log_boundary_tests as evil;

const NOW: Timestamp = Timestamp::EPOCH;

fn policies() -> [Policy; 2] {
    evil::POLICIES.map(|component| Policy::load(component, Limits::default(), NOW).expect("a policy"))
}

fn settings(policy: &Policy, mode: &str) -> Settings {
    Settings::load(&policy.manifest().settings, &BTreeMap::from([("evil".to_owned(), Value::from(mode))]))
}

/// An event with a value in each field that crosses the boundary.
fn event(mode: &str) -> Event {
    let mut event =
        Event::new(NOW, Channel::Admin, Kind::Request, OutcomeDetail::Denied).fact("text", "x").fact("count", 7);
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool(format!("evil:{mode}")));
    event.arguments.push(Argument { name: "old".into(), json: "{}".into() });
    event.payload = Some(Payload { request: Some(Body::whole("{}")), response: None });
    event
}

#[test]
fn both_contracts_judge_grant_and_plan_alike() {
    let [old, new] = policies();
    assert_eq!(old.manifest().name, new.manifest().name);
    assert_eq!(old.manifest().settings.len(), new.manifest().settings.len());
    for mode in ["", "control-chars", "widen", "overwrite", "many-changes"] {
        let judged = |policy: &Policy| policy.judge(&settings(policy, ""), &[event(mode)]);
        assert_eq!(judged(&old), judged(&new), "{mode}");
        assert!(judged(&new)[0].is_ok(), "{mode}");
    }
    for (mode, user) in [("", "good"), ("", "bad"), ("grant-all", "bad"), ("viewer-lacks", "good")] {
        let viewer = Viewer { user: user.into(), groups: vec!["admin".into()], instance: None };
        let granted = |policy: &Policy| policy.access(&settings(policy, mode), &viewer, NOW).expect("granted");
        assert_eq!(granted(&old), granted(&new), "{mode} {user}");
    }
    let plan = |policy: &Policy| policy.retention(&settings(policy, "early-retention"), NOW).expect("a plan");
    assert_eq!(plan(&old), plan(&new));
}

#[test]
fn a_right_that_the_host_does_not_know_gives_nothing() {
    let [_, new] = policies();
    let viewer = Viewer { user: "bad".into(), groups: Vec::new(), instance: None };
    let grant = new.access(&settings(&new, "grant-all"), &viewer, NOW).expect("granted");
    let held: Vec<_> = Right::names().filter(|(right, _)| grant.may(*right)).map(|(_, name)| name).collect();
    assert_eq!(held.len(), 9, "{held:?}");
    assert_eq!([Right::parse("fly"), Right::parse("READ"), Right::parse("")], [None; 3]);
    assert!(Right::names().all(|(right, name)| Right::parse(name) == Some(right)));
}

#[tokio::test]
async fn a_log_continues_under_the_other_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    for component in evil::POLICIES {
        let log = Options::new(folder.path()).policy(component.to_vec()).open().expect("a log");
        log.record_durably(Event::new(NOW, Channel::Mcp, Kind::Request, OutcomeDetail::Ok)).await.expect("stored");
        log.close();
    }
    let log = Options::new(folder.path()).policy(evil::POLICY_0_7.to_vec()).open().expect("a log");
    let viewer = Viewer { user: "good".into(), groups: Vec::new(), instance: None };
    let entries = log.view().reader(&log.view().access(&viewer)).page(Domain::TRUE, None, 100).expect("a page").entries;
    let judged = entries.iter().filter(|entry| entry.text(mcp_audit_log::field::Field::Channel) == Some("mcp"));
    let actions: Vec<_> = judged.filter_map(|entry| entry.text(mcp_audit_log::field::Field::Action)).collect();
    assert_eq!(actions, ["evil.judged", "evil.judged"]);
}
