//! If a policy uses up its fuel, or fails in every call, no event is lost and the process continues.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeMap;

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{FaultKind, Limits, Policy, PolicyFailure};
use mcp_audit_log::recorder::Unready;
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log::value::Value;
use mcp_audit_log::{Options, Viewer};
use mcp_audit_log_boundary_tests as evil;

const NOW: Timestamp = Timestamp::EPOCH;

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| Event::new(NOW, Channel::Mcp, Kind::Request, OutcomeDetail::Ok)).collect()
}

fn settings(policy: &Policy, mode: &str) -> Settings {
    Settings::load(&policy.manifest().settings, &BTreeMap::from([("evil".to_owned(), Value::from(mode))]))
}

#[test]
fn a_policy_that_burns_its_fuel_is_paused_and_the_log_not_ready() {
    let policy = Policy::load(evil::POLICY, Limits::default(), NOW).expect("the evil policy");
    let verdicts = policy.judge(&settings(&policy, "spin"), &events(16_000));
    let of = |kind| verdicts.iter().filter(|verdict| verdict.as_ref().is_err_and(|fault| fault.kind == kind)).count();
    let (fuel, resting) = (of(FaultKind::Fuel), of(FaultKind::Resting));
    assert_eq!(fuel + resting, 16_000);
    assert!((1..500).contains(&fuel), "{fuel} were asked about, each for the fuel of a call");
    assert_eq!(policy.health().check(), Err(PolicyFailure::Judge));
    let counted: u64 = policy.health().faults().map(|(.., count)| count).sum();
    assert_eq!(counted, 16_000);
}

#[tokio::test]
async fn a_paused_policys_events_are_recorded_and_closing_does_not_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Options::new(folder.path()).policy(evil::POLICY.to_vec()).open().expect("a log");
    open().close();
    let database = rusqlite::Connection::open(folder.path().join("mcp-audit-log.db")).expect("the database");
    let set = "INSERT INTO setting VALUES ('evil', ?1)";
    database.execute(set, [serde_json::json!("spin").to_string()]).expect("set");
    drop(database);
    let log = open();
    for event in events(5_000) {
        log.record(event).expect("taken");
    }
    log.close();
    let gauges = log.recorder().gauges();
    let count = |gauge: &std::sync::atomic::AtomicU64| gauge.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&gauges.dropped), count(&gauges.stored)), (0, 5_002), "with the start and the stop");
    assert!(count(&gauges.faults) >= 5_000);
    drop(log);
    // It was asked about some of them, each for the fuel of a call, and left alone from then on.
    let default = Policy::builtin_component().to_vec();
    let view = Options::new(folder.path()).policy(default).view().expect("the same log under the default policy");
    let auditor = Viewer { user: "anna".into(), groups: vec!["admin".into()], instance: None };
    let burned = Domain::equals(Field::Fault, FaultKind::Fuel.as_str());
    let burned = view.reader(&view.access(&auditor)).page(burned, None, 500).expect("a page").entries.len();
    assert!((1..500).contains(&burned), "{burned}");
}

#[tokio::test]
async fn a_policy_that_fails_makes_the_log_unready_until_it_answers_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).policy(evil::POLICY.to_vec()).open().expect("a log");
    assert_eq!(log.recorder().ready(), Ok(()));
    for mut event in events(999) {
        event.target = Some(mcp_audit_log::event::Target::Tool("evil:panic".into()));
        log.record(event).expect("taken");
    }
    log.record_durably(events(1).remove(0)).await.expect("stored");
    assert_eq!(log.recorder().ready(), Err(Unready::Policy(PolicyFailure::Judge)));
    for event in events(600) {
        log.record(event).expect("taken");
    }
    log.record_durably(events(1).remove(0)).await.expect("stored");
    assert_eq!(log.recorder().ready(), Ok(()));
    let policy = Policy::load(evil::POLICY, Limits::default(), NOW).expect("the evil policy");
    let viewer = Viewer { user: "good".into(), groups: Vec::new(), instance: None };
    for _ in 0..10 {
        assert_eq!(policy.health().check(), Ok(()));
        policy.access(&settings(&policy, "panic"), &viewer, NOW).expect_err("denied");
    }
    assert_eq!(policy.health().check(), Err(PolicyFailure::Access));
    policy.access(&settings(&policy, ""), &viewer, NOW).expect("granted");
    assert_eq!(policy.health().check(), Ok(()));
}

/// More concurrent callers than the sandbox has instances: each waits for its turn, and none is refused.
#[test]
fn every_caller_gets_a_turn() {
    let policy = Policy::load(evil::POLICY, Limits::default(), NOW).expect("the evil policy");
    let settings = settings(&policy, "spin");
    let viewer = Viewer { user: "uma".into(), groups: Vec::new(), instance: None };
    let begun = std::sync::Barrier::new(64);
    let call = || {
        begun.wait();
        policy.access(&settings, &viewer, NOW).expect_err("it burns its fuel").kind
    };
    let kinds: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..64).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().expect("an answer")).collect()
    });
    assert!(kinds.iter().all(|kind| *kind == FaultKind::Fuel), "{kinds:?}");
}
