//! OpenTelemetry logs with OCSF events: the official messages decode them, and a strict validator accepts every action.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mcp_audit_log::client_tls::Authorities;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::sink::SinkOptions;
use mcp_audit_log::sinks::{Otlp, OtlpOptions};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options, Viewer};
use mcp_audit_log_tests::{Misdeed, Receiver, eventually};
use serde_json::Value;
use tempfile::TempDir;

const ACTIONS: &str = include_str!("../../../guest/src/data/actions.rs");
/// `ExportLogsServiceResponse` with a partial success: one record was rejected.
const REJECTED: &[u8] = &[0x0a, 0x02, 0x08, 0x01];

/// Every action that the default policy has a name for.
fn actions() -> BTreeSet<String> {
    let names = ACTIONS.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once('"'));
    let actions: BTreeSet<_> = names.map(|(name, _)| name.to_owned()).filter(|name| name.contains('.')).collect();
    assert!(actions.len() > 80, "{actions:?}");
    actions
}

fn sends_to(receiver: &Receiver) -> (TempDir, AuditLog) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = receiver.url().parse().expect("a URL");
    let otlp = Otlp::new(OtlpOptions {
        url,
        token: None,
        authorities: Authorities::default(),
        patience: Duration::from_secs(5),
    })
    .expect("a receiver");
    let sink = SinkOptions::new("otlp", Viewer::new("sink:otlp", ["admin"]));
    let log = Options::new(folder.path()).own_schedule().sink(sink, otlp).open().expect("a log");
    (folder, log)
}

fn everything_has_arrived(log: &AuditLog) {
    eventually("everything", || (log.sinks()[0].status.arrived == Some(*log.appended().borrow())).then_some(()));
}

/// The columns that tests/otlp/check.py prints.
fn checked(receiver: &Receiver) -> Vec<Vec<Value>> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("../target/otlp/bin/python"));
    command.arg(root.join("otlp/check.py"));
    for (at, batch) in receiver.delivered().iter().enumerate() {
        let path = folder.path().join(at.to_string());
        std::fs::write(&path, &batch.body).expect("written");
        command.arg(path);
    }
    let output = command.output().unwrap_or_else(|error| panic!("no Python: {error}; run tests/run"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}", complaint.chars().take(3_000).collect::<String>());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_action_of_the_default_policy_is_a_valid_ocsf_event_in_official_messages() {
    let receiver = Receiver::start(|| Misdeed::None);
    let (_folder, log) = sends_to(&receiver);
    let details = [OutcomeDetail::Ok, OutcomeDetail::Denied, OutcomeDetail::Unknown];
    for (at, action) in actions().into_iter().enumerate() {
        let detail = details[at % details.len()];
        for (channel, kind) in [(Channel::System, Kind::System), (Channel::Admin, Kind::Request)] {
            let event = Event::new(SystemClock.now(), channel, kind, detail);
            let event = event.fact("sink", "siem").fact("entry", "7").fact("count", 7_i64).fact("is_new", true);
            log.record(Event { method: Some(action.clone()), ..event }).expect("taken");
        }
    }
    for method in ["tools/call", "tools/list", "resources/read", "prompts/get", "initialize", "ping", "a/b"] {
        let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        log.record(Event { method: Some(method.to_owned()), ..event }).expect("taken");
    }
    eventually("they are stored", || (*log.appended().borrow() > 2 * 80).then_some(()));
    everything_has_arrived(&log);
    log.close();
    drop(log);
    let found = checked(&receiver);
    let seqs: Vec<_> = found[0].iter().filter_map(Value::as_u64).collect();
    assert!(seqs.iter().copied().eq(0..seqs.len() as u64), "in order, without a hole");
    let sent: BTreeSet<_> = found[1].iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    let missing: Vec<_> = actions().into_iter().filter(|action| !sent.contains(action)).collect();
    assert!(missing.is_empty(), "{missing:?} of {sent:?}");
    let classes: BTreeSet<_> = found[2].iter().filter_map(Value::as_u64).collect();
    assert_eq!(classes, [3002, 6003].into());
}

#[test]
fn a_partial_success_is_reported_and_nothing_is_sent_again() {
    let receiver = Receiver::start(|| Misdeed::Says(REJECTED));
    let (_folder, log) = sends_to(&receiver);
    everything_has_arrived(&log);
    receiver.choose(|| Misdeed::None);
    let admin = log.view().access(&Viewer::new("root", ["admin"]));
    let refused = || {
        let filter = mcp_audit_log::filter::Domain::equals(mcp_audit_log::field::Field::Action, "sink.refused");
        log.view().reader(&admin).page(filter, None, 10).expect("a page").entries
    };
    eventually("the report", || (!refused().is_empty()).then_some(()));
    everything_has_arrived(&log);
    assert_eq!((&refused()[0].details["entries"], refused().len()), (&1.into(), 1));
    assert_eq!(log.sinks()[0].status.failures, 0);
    let seqs: Vec<_> = checked(&receiver)[0].iter().filter_map(Value::as_u64).collect();
    assert!(seqs.iter().copied().eq(0..seqs.len() as u64), "each once: {seqs:?}");
}
