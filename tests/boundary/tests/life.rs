//! The life of a policy in a log's folder: what judged is known for each entry, and is kept.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::ledger::JudgementRecord;
use mcp_audit_log::policy::{CONTRACT, EXTENSION_CONTRACT, Policy, digest};
use mcp_audit_log::recorder::{QueueLimits, Stored};
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::tokens::{NewToken, Tokens};
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, ChangeError, Grant, OpenError, Options, PolicyRequest, Viewer, verify_log};
use mcp_audit_log_boundary_tests::{self as evil, DELIVERIES, EXTENSION, EXTENSION_WIDENS, IBAN, VENDOR};

fn admin() -> Viewer {
    Viewer { user: "root".to_owned(), groups: vec!["admin".to_owned()], instance: None }
}

/// Records a call; gives its `seq`.
async fn call(log: &AuditLog) -> u64 {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    match log.record_durably(Event { method: Some("tools/call".into()), ..event }).await.expect("recorded") {
        Stored::At(seq) => seq,
        other => panic!("{other:?}"),
    }
}

fn digests(log: &AuditLog, seq: u64) -> Vec<String> {
    log.view().judged_by(seq).expect("read").expect("a record").digests()
}

#[tokio::test]
async fn what_judged_is_known_for_each_entry_and_can_judge_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let default = Policy::builtin_component();
    let log = Options::new(folder.path()).open().expect("a log");
    let first = call(&log).await;
    let days = serde_json::json!({ "retention_days": 60 }).as_object().cloned().expect("an object");
    log.change_settings(&log.view().access(&admin()), &days).expect("changed");
    let second = call(&log).await;
    log.close();
    drop(log);
    let extended = || Options::new(folder.path()).extend(IBAN.to_vec()).extend(DELIVERIES.to_vec());
    let log = extended().open().expect("the extensions are taken");
    let third = call(&log).await;
    log.close();
    drop(log);
    let log = Options::new(folder.path()).policy(VENDOR.to_vec()).open().expect("the policy is taken");
    let fourth = call(&log).await;
    for seq in 0..third {
        let expected = if seq > second + 1 { digests(&log, third) } else { vec![digest(default)] };
        assert_eq!(digests(&log, seq), expected, "{seq}");
    }
    let days = |seq| {
        let record = log.view().judged_by(seq).expect("read").expect("a record");
        let (policy, settings) = log.view().policy_of(&record).expect("it is loaded");
        assert_eq!(policy.stack(), record.layers);
        assert_eq!(settings.get("retention_days"), &record.settings["retention_days"]);
        (record.settings_version, settings.get("retention_days").clone())
    };
    // The entry about the change is the first one's neighbour, and still judged by the settings before.
    assert_eq!(days(first), (1, Value::Integer(90)));
    assert_eq!(days(second - 1), (1, Value::Integer(90)));
    assert_eq!(days(second), (2, Value::Integer(60)));
    assert_eq!(days(third), (2, Value::Integer(60)), "the extensions declare none");
    assert_eq!(digests(&log, fourth), [digest(VENDOR)]);
    let layers = log.view().judged_by(third).expect("read").expect("a record").layers;
    let contracts: Vec<_> = layers.iter().map(|layer| layer.contract.as_str()).collect();
    assert_eq!(contracts, [CONTRACT, EXTENSION_CONTRACT, EXTENSION_CONTRACT]);
    for component in [default, IBAN, DELIVERIES, VENDOR] {
        assert_eq!(log.view().kept_component(&digest(component)).expect("kept"), component);
    }
    log.close();
}

#[tokio::test]
async fn a_start_that_changes_nothing_adds_no_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut since = Vec::new();
    for _ in 0..3 {
        let log = Options::new(folder.path()).open().expect("a log");
        call(&log).await;
        since.push(log.view().judges_now().expect("read").expect("a record").since);
        log.close();
    }
    assert_eq!(since, [0, 0, 0]);
}

fn grant(log: &AuditLog, groups: &[&str]) -> Grant {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    log.view().access(&Viewer { groups, ..admin() })
}

/// A policy with extensions; the default one where none is given.
fn request(policy: Option<&[u8]>, extensions: &[&[u8]]) -> PolicyRequest {
    let extensions = extensions.iter().map(|extension| extension.to_vec()).collect();
    PolicyRequest {
        policy: policy.map(<[u8]>::to_vec),
        extensions,
        reason: "a test".to_owned(),
        ..PolicyRequest::default()
    }
}

/// The log's own entries with this method, the newest first.
fn told(log: &AuditLog, method: &str) -> Vec<Entry> {
    let own = Domain::equals(Field::Method, method).and(Domain::equals(Field::Channel, "system"));
    let access = grant(log, &["admin"]);
    log.view().reader(&access).page(own, None, 100).expect("a page").entries
}

/// Compares what entries say about what judges with the log's records. Gives how many entries say something.
fn statements_are_true(log: &AuditLog) -> usize {
    let (access, mut after, mut found) = (grant(log, &["admin"]), None, 0);
    loop {
        let entries = log.view().reader(&access).after(Domain::TRUE, after, 500).expect("a page");
        let Some(last) = entries.last() else { return found };
        after = Some(last.seq);
        for entry in &entries {
            let said = |name: &str| {
                let digest = entry.details.get(name)?.as_str().expect("a digest").to_owned();
                Some((digest, entry.details[&format!("{name}_since")].as_u64().expect("a seq")))
            };
            let recorded = |seq: u64| {
                let record = log.view().judged_by(seq).expect("read").expect("a record");
                let judges = JudgementRecord {
                    layers: record.digests(),
                    settings: record.settings,
                    policy_rules_tenants: record.floors.policy_rules_tenants,
                    masks_off: record.floors.masks_off,
                };
                (judges.digest(), record.since)
            };
            if let Some(judges) = said("judgement") {
                found += 1;
                assert_eq!((recorded(judges.1), recorded(judges.1.max(entry.seq))), (judges.clone(), judges.clone()));
                if let Some(before) = said("judgement_before") {
                    assert_eq!(recorded(judges.1 - 1), before, "{}", entry.seq);
                }
            }
        }
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ChangeError>) -> String {
    result.expect_err("refused").to_string()
}

#[tokio::test]
async fn an_activated_policy_judges_from_the_next_event_on_and_survives_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let default = digest(Policy::builtin_component());
    let log = Options::new(folder.path()).open().expect("a log");
    let first = call(&log).await;
    let payroll = NewToken::new(Viewer { groups: vec!["payroll".to_owned()], ..admin() }, "laptop");
    Tokens::open(folder.path()).expect("tokens").create_by("root", &payroll, SystemClock.now()).expect("a token");
    let swap = log.activate_policy(&grant(&log, &["admin"]), &request(Some(VENDOR), &[])).expect("activated");
    assert_eq!(
        (swap.groups_added, swap.tokens_gaining),
        (vec!["payroll".to_owned()], vec!["root (laptop)".to_owned()])
    );
    let second = call(&log).await;
    let entry = told(&log, "policy.activated").remove(0);
    assert_eq!((entry.text(Field::User), &entry.details["reason"]), (Some("root"), &"a test".into()));
    assert_eq!(entry.details["policy_digests"], digest(VENDOR));
    assert_eq!(entry.details["before_digests"], default);
    assert_eq!(entry.details["groups_added"], "payroll");
    for (seq, judge) in [(first, default.as_str()), (entry.seq, &default), (second, &digest(VENDOR))] {
        assert_eq!(digests(&log, seq), [judge], "{seq}");
    }
    assert_eq!(log.view().manifest().name, "mcp-audit-log-example-policy");
    let again = refusal(log.activate_policy(&grant(&log, &["admin"]), &request(Some(VENDOR), &[])));
    assert!(again.contains("active already"), "{again}");
    log.close();
    drop(log);
    // Nothing is named, as before the activation; then what is active; from then on starts decide again.
    for (named, judge) in [(None, VENDOR), (Some(VENDOR), VENDOR), (None, Policy::builtin_component())] {
        let options = Options::new(folder.path());
        let log = named.map_or(options, |named| Options::new(folder.path()).policy(named.to_vec()));
        let log = log.open().expect("a start");
        assert_eq!(digests(&log, call(&log).await), [digest(judge)]);
        log.close();
    }
}

#[tokio::test]
async fn a_start_that_names_a_third_policy_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = |component: &[u8]| Options::new(folder.path()).policy(component.to_vec());
    let log = named(VENDOR).open().expect("a log");
    log.activate_policy(&grant(&log, &["admin"]), &request(None, &[IBAN])).expect("activated");
    log.close();
    drop(log);
    let third = Options::new(folder.path()).extend(DELIVERIES.to_vec()).open();
    let Err(error @ OpenError::OtherPolicy { .. }) = third else { panic!("it is opened") };
    assert!(error.to_string().contains(&digest(IBAN)) && error.to_string().contains("policy activate"), "{error}");
    // The configuration is as it was: the activation holds.
    let log = named(VENDOR).open().expect("a start");
    assert_eq!(digests(&log, call(&log).await), [digest(Policy::builtin_component()), digest(IBAN)]);
    log.close();
    drop(log);
    let view = Options::new(folder.path()).view().expect("a view");
    assert_eq!(view.policy_extensions().len(), 1, "a command reads by the active policy");
}

#[tokio::test]
async fn a_rollback_brings_the_policy_before_and_needs_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let none = refusal(log.roll_back_policy(&grant(&log, &["admin"]), "a test"));
    assert!(none.contains("No other policy"), "{none}");
    assert!(matches!(log.roll_back_policy(&grant(&log, &["auditor"]), "a test"), Err(ChangeError::Denied(_))));
    call(&log).await;
    log.activate_policy(&grant(&log, &["admin"]), &request(Some(VENDOR), &[])).expect("activated");
    let days = serde_json::json!({ "retention_days": 60 }).as_object().cloned().expect("an object");
    log.change_settings(&grant(&log, &["admin"]), &days).expect("changed");
    let swap = log.roll_back_policy(&grant(&log, &["admin"]), "a test").expect("rolled back");
    assert_eq!(swap.groups_dropped, ["payroll"]);
    assert_eq!(digests(&log, call(&log).await), [digest(Policy::builtin_component())]);
    assert_eq!(log.view().settings().get("retention_days"), &Value::Integer(60), "as they are now");
    statements_are_true(&log);
    let outcomes = told(&log, "policy.rolled_back");
    let outcomes: Vec<_> = outcomes.iter().map(|entry| entry.text(Field::Outcome).unwrap_or_default()).collect();
    assert_eq!(outcomes, ["success", "denied"], "the newest first");
    log.close();
}

#[tokio::test]
async fn a_declared_widening_needs_both_roles_and_no_viewer_locks_themselves_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let widening = request(None, &[EXTENSION_WIDENS]);
    for groups in [&["admin"][..], &["auditor"]] {
        let refused = log.activate_policy(&grant(&log, groups), &widening);
        assert!(matches!(refused, Err(ChangeError::Denied(_))), "{groups:?}");
    }
    let swap = log.activate_policy(&grant(&log, &["admin", "auditor"]), &widening).expect("activated");
    assert_eq!(swap.widenings, ["evil widens payloads"]);
    // The evil policy does not let them configure.
    let locked = refusal(log.activate_policy(&grant(&log, &["admin"]), &request(Some(evil::POLICY_0_7), &[])));
    assert!(locked.contains("could not go back"), "{locked}");
    let broken = refusal(log.activate_policy(&grant(&log, &["admin"]), &request(Some(b"nothing"), &[])));
    assert!(broken.contains("not loaded"), "{broken}");
    assert_eq!(
        told(&log, "policy.activated").iter().filter(|entry| entry.text(Field::Outcome) == Some("success")).count(),
        1
    );
    log.close();
}

fn failing() -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    Event { target: Some(Target::Tool("evil:panic".into())), method: Some("tools/call".into()), ..event }
}

/// Half of a thousand events fail, and no fifty in the beginning: only who counts on across restarts finds it.
#[tokio::test]
async fn a_restart_goes_on_with_the_probation_and_begins_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Options::new(folder.path()).open().expect("a log");
    let default = digest(Policy::builtin_component());
    let log = open();
    log.activate_policy(&grant(&log, &["admin"]), &request(None, &[EXTENSION])).expect("activated");
    call(&log).await;
    let rolled_back = |log: &AuditLog| told(log, "policy.rolled_back").len();
    let mut log = log;
    for failed in [200, 200, 99] {
        log.recorder().record_all((0..failed).map(|_| failing()).collect(), 0).await.expect("recorded");
        assert_eq!((rolled_back(&log), log.view().policy_extensions().len()), (0, 1));
        log.close();
        drop(log);
        log = open();
    }
    // The settings of now, too.
    let days = serde_json::json!({ "retention_days": 60 }).as_object().cloned().expect("an object");
    log.change_settings(&grant(&log, &["admin"]), &days).expect("changed");
    log.close();
    drop(log);
    let log = open();
    log.record_durably(failing()).await.expect("recorded");
    call(&log).await;
    let entry = told(&log, "policy.rolled_back").remove(0);
    let count = |name: &str| entry.details[name].as_u64().expect("a number");
    assert!(
        entry.details["automatic"] == true && count("failed") == 500 && count("judged") < 600,
        "{:?}",
        entry.details
    );
    assert_eq!(digests(&log, call(&log).await), [default.as_str()]);
    assert_eq!(log.view().settings().get("retention_days"), &Value::Integer(60));
    log.close();
    drop(log);
    // The one that came back has no probation, and none of what failed before counts against it.
    let log = open();
    for _ in 0..60 {
        log.record_durably(failing()).await.expect("recorded");
    }
    assert_eq!((rolled_back(&log), digests(&log, call(&log).await)), (1, vec![default]));
    log.close();
}

#[tokio::test]
async fn a_policy_that_fails_on_its_first_events_is_taken_out_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let default = digest(Policy::builtin_component());
    log.activate_policy(&grant(&log, &["admin"]), &request(None, &[EXTENSION])).expect("activated");
    let mut seqs = Vec::new();
    for _ in 0..60 {
        match log.record_durably(failing()).await.expect("recorded") {
            Stored::At(seq) => seqs.push(seq),
            other => panic!("{other:?}"),
        }
    }
    let entry = told(&log, "policy.rolled_back").remove(0);
    assert_eq!(entry.details["automatic"], true);
    assert_eq!(entry.details["policy_digests"], default);
    assert_eq!(entry.text(Field::Action), Some("policy.rolled_back"), "the policy that came back judged it");
    statements_are_true(&log);
    let by = |seq: u64| digests(&log, seq).len();
    assert_eq!((by(entry.seq - 1), by(entry.seq)), (2, 1));
    assert!(seqs.iter().filter(|seq| by(**seq) == 2).count() >= 50, "only after fifty of them");
    log.close();
    drop(log);
    let log = Options::new(folder.path()).open().expect("a start");
    assert_eq!(digests(&log, call(&log).await), [default]);
    log.close();
}

/// Two policies take turns while two threads record as fast as the log takes it. The vendor's policy calls each event
/// otherwise than the default one, so each entry says which of them judged it.
#[tokio::test]
async fn fifty_swaps_under_full_load_give_each_entry_one_policy_and_lose_none() {
    const SWAPS: usize = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let queue = QueueLimits { items: 256, ..QueueLimits::default() };
    let log = Options::new(folder.path()).queue(queue).own_schedule().open().expect("a log");
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let load = || {
            while !stop.load(Ordering::Relaxed) {
                let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
                let target = Some(Target::Tool("send_invoice".into()));
                let event = Event { method: Some("tools/call".into()), server: Some("crm".into()), target, ..event };
                match log.offer_later(0, move || vec![event]) {
                    Ok(()) => drop(sent.fetch_add(1, Ordering::Relaxed)),
                    Err(_) => std::thread::yield_now(),
                }
            }
        };
        scope.spawn(load);
        scope.spawn(load);
        for at in 0..SWAPS {
            let wanted = if at % 2 == 0 { request(Some(VENDOR), &[]) } else { request(None, &[]) };
            log.activate_policy(&grant(&log, &["admin"]), &wanted).expect("activated");
        }
        stop.store(true, Ordering::Relaxed);
    });
    log.close();
    let access = grant(&log, &["admin"]);
    let (mut after, mut calls, mut judges) = (None, 0, BTreeSet::new());
    let mut record = log.view().judged_by(0).expect("read").expect("a record");
    loop {
        let entries = log.view().reader(&access).after(Domain::TRUE, after, 500).expect("a page");
        let Some(last) = entries.last() else { break };
        after = Some(last.seq);
        for entry in entries.iter().filter(|entry| entry.text(Field::Method) == Some("tools/call")) {
            let judge = log.view().judged_by(entry.seq).expect("read").expect("a record");
            let action = if judge.digests() == [digest(VENDOR)] { "invoice.sent" } else { "tool.called" };
            assert_eq!(entry.text(Field::Action), Some(action), "{}", entry.seq);
            calls += 1;
            if judge.since != record.since {
                record = judge;
            }
            judges.insert(record.since);
        }
    }
    assert_eq!(calls, sent.load(Ordering::Relaxed), "none lost, none twice");
    assert_eq!(told(&log, "policy.activated").len(), SWAPS);
    assert!(statements_are_true(&log) > SWAPS, "each swap, the start and the stop");
    assert!(judges.len() > SWAPS / 2, "there was load between the swaps: {}", judges.len());
    assert!(told(&log, "log.gap").is_empty());
    drop(log);
    verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("it is whole");
}
