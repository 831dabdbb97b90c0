//! Proofs and bundles of a growing log, and of one whose beginning was removed.

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log::filter::{Context, Domain, parse_text};
use mcp_audit_log::ledger::{BundleCheck, BundleError, CheckedBundle, Content, Leaf, ProofFile, VerifierKey};
use mcp_audit_log::time::{Clock, DAY, Timestamp};
use mcp_audit_log::{AuditLog, BundleRequest, EvidenceError};
use serde_json::json;

use crate::support::{access, clock, entries, keys, of_action, open, options, record};

fn everything() -> BundleRequest {
    BundleRequest::new(Domain::TRUE)
}

fn check(bundle: &[u8], trusted: &[VerifierKey]) -> Result<CheckedBundle, BundleError> {
    let text = std::str::from_utf8(bundle).expect("text");
    let mut lines = text.lines();
    let mut check = BundleCheck::begin(lines.next().expect("a line"), trusted)?;
    lines.try_for_each(|line| check.entry(line).map(drop))?;
    check.end()
}

fn bundle(log: &AuditLog, request: &BundleRequest) -> String {
    let mut out = Vec::new();
    log.view().bundle(&access(log.view(), &["admin", "auditor"]), request, &mut out).expect("written");
    check(&out, &keys(log.view())).expect("proved");
    String::from_utf8(out).expect("text")
}

#[tokio::test]
async fn every_visible_entry_has_a_proof() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for tool in ["a", "b", "c"] {
        record(&log, tool).await;
    }
    let admin = access(log.view(), &["admin"]);
    for entry in entries(log.view()) {
        let proof = log.prove(&admin, entry.id).expect("a proof").expect("an entry").to_string();
        let leaf = Leaf::new(entry.seq, entry.recorded_at.as_micros(), Content::of(&entry).hash()).hash();
        ProofFile::parse(&proof).expect("read").verify(leaf, &keys(log.view())).expect("proved");
    }
    let id = entries(log.view())[0].id;
    assert!(log.prove(&access(log.view(), &["user"]), id).expect("looked").is_none(), "another's entry is not there");
    let late = record(&log, "d").await;
    assert!(matches!(log.view().proof_file(&admin, late), Err(EvidenceError::Unsigned)));
    assert!(log.prove(&admin, late).expect("a proof").is_some(), "it is signed when somebody asks");
}

#[tokio::test]
async fn a_bundle_shows_matching_entries_and_hides_the_rest() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for tool in ["apples", "pears", "apples"] {
        record(&log, tool).await;
    }
    log.sign().expect("signed");
    assert!(bundle(&log, &everything()).contains("pears"));
    let apples = parse_text("tool:apples", &Context::new(log.view().now(), None, None)).expect("a filter");
    let text = bundle(&log, &BundleRequest { domain: apples, ..everything() });
    assert!(text.contains("apples") && !text.contains("pears") && !text.contains("log.started"), "{text}");
    assert_eq!(text.lines().count(), 1 + 3, "from the first match to the last");
    let long = |most| log.begin_bundle(&access(log.view(), &["admin"]), everything(), most);
    let entries = entries(log.view()).len() as u64;
    assert!(matches!(long(entries - 1), Err(EvidenceError::TooLong { entries: found, .. }) if found == entries));
    assert!(long(entries).is_ok(), "so many are allowed");
    let none = parse_text("tool:plums", &Context::new(log.view().now(), None, None)).expect("a filter");
    let none = BundleRequest { domain: none, ..everything() };
    let nothing = log.view().bundle(&access(log.view(), &["admin"]), &none, &mut Vec::new());
    assert!(matches!(nothing, Err(EvidenceError::Nothing)), "nothing matches");
    let all = BundleRequest { from: Some(Timestamp::EPOCH), ..none };
    let nothing = log.view().bundle(&access(log.view(), &["admin"]), &all, &mut Vec::new());
    assert!(matches!(nothing, Err(EvidenceError::Nothing)), "nor with a beginning");
    let all = BundleRequest { to: Some(log.view().now().plus(DAY)), ..all };
    assert!(bundle(&log, &all).lines().count() as u64 > entries, "times of recording are kept as they are");
    assert!(
        log.view().bundle(&access(log.view(), &["user"]), &everything(), &mut Vec::new()).is_err(),
        "not for everybody"
    );
}

#[tokio::test]
async fn payloads_in_a_bundle_are_optional_and_recorded() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let wanted = json!({ "log_payloads": true });
    log.change_settings(&access(log.view(), &["admin"]), wanted.as_object().expect("an object")).expect("changed");
    let payload = Payload { request: Some(Body::whole("{\"question\":\"apples?\"}")), response: None };
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    log.record_durably(Event { payload: Some(payload), ..event }).await.expect("stored");
    log.sign().expect("signed");
    assert!(!bundle(&log, &everything()).contains("apples?"));
    let request = BundleRequest { payloads: true, ..everything() };
    assert!(
        log.export_bundle(&access(log.view(), &["admin"]), &request, &mut Vec::new()).is_err(),
        "not for admins alone"
    );
    let mut out = Vec::new();
    log.export_bundle(&access(log.view(), &["admin", "auditor"]), &request, &mut out).expect("written");
    check(&out, &keys(log.view())).expect("proved");
    assert!(String::from_utf8(out).expect("text").contains("apples?"));
    assert_eq!(of_action(log.view(), "bundle.exported")[0].details["payloads"], true);
}

#[tokio::test]
async fn a_pruned_log_still_proves_its_remaining_entries() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = options(folder.path(), &clock).believe_clock().open().expect("a log");
    for day in 0..100 {
        record(&log, &format!("day-{day}")).await;
        log.sign().expect("signed");
        clock.advance(DAY);
    }
    log.run_cron(&access(log.view(), &["admin"]), "MCP: Cleanup Old Audit Logs").expect("run");
    let kept = entries(log.view());
    let first = kept.last().expect("entries").seq;
    assert!(first > 0, "something went");
    log.sign().expect("signed");
    let admin = access(log.view(), &["admin"]);
    for entry in [&kept[0], &kept[kept.len() / 2], &kept[kept.len() - 1]] {
        assert!(log.prove(&admin, entry.id).expect("a proof").is_some());
    }
    bundle(&log, &everything());
    let (from, to) = (clock.now().plus(-40 * DAY), clock.now().plus(-20 * DAY));
    let some = BundleRequest { from: Some(from), to: Some(to), ..everything() };
    assert_eq!(bundle(&log, &some).lines().count(), 1 + 20);
    let future = BundleRequest { from: Some(clock.now().plus(DAY)), ..everything() };
    assert!(
        log.view().bundle(&access(log.view(), &["auditor"]), &future, &mut Vec::new()).is_err(),
        "nothing is there"
    );
    let nothing = BundleRequest { to: Some(Timestamp::EPOCH), ..everything() };
    assert!(log.view().bundle(&access(log.view(), &["auditor"]), &nothing, &mut Vec::new()).is_err());
}
