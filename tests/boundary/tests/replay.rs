//! Stored entries replayed: the active policy differs nowhere, and another one differs where it judges and shows
//! otherwise.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Argument, Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options, Viewer};
use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_policy_tools::golden;
use mcp_audit_log_policy_tools::replay::{Replay, ReplayPerson, ReplayReport};

/// The number of random events; `REPLAY_EVENTS=100000` for the long form.
fn size() -> usize {
    std::env::var("REPLAY_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

fn policy(extensions: &[&[u8]]) -> Policy {
    let now = SystemClock.now();
    let policy = Policy::builtin(Limits::default(), now).expect("the default policy");
    let extensions: Vec<_> = extensions.iter().map(|one| one.to_vec()).collect();
    policy.extended(&extensions, now).expect("they fit")
}

fn opened(folder: &std::path::Path, extensions: &[&[u8]], payloads: bool) -> AuditLog {
    let options = extensions.iter().fold(Options::new(folder), |options, one| options.extend(one.to_vec()));
    let log = options.own_schedule().open().expect("a log");
    if payloads {
        let on = serde_json::json!({ "log_payloads": true }).as_object().cloned().expect("an object");
        log.change_settings(&log.view().access(&Viewer::new("root", ["admin"])), &on).expect("switched on");
    }
    log
}

async fn record(log: &AuditLog, events: Vec<Event>) {
    for batch in events.chunks(1_000) {
        let stored = log.recorder().record_all(batch.to_vec(), 0).await.expect("there is room");
        assert!(stored.iter().all(Result::is_ok));
    }
}

fn stored(log: &AuditLog) -> Vec<Entry> {
    log.view().operators_entries(log.view().seqs_between(None, None).expect("a range")).expect("entries")
}

fn replayed(log: &AuditLog, candidate: &Policy, people: Vec<ReplayPerson>) -> ReplayReport {
    let view = log.view();
    let policy = view.policy();
    let settings = [policy.as_ref(), candidate].map(|policy| view.settings_under(policy.manifest()).expect("settings"));
    let mut replay = Replay::new((&policy, &settings[0]), (candidate, &settings[1]), view.now());
    people.into_iter().for_each(|person| replay.ask(person));
    stored(log).chunks(2_048).for_each(|entries| replay.take(entries));
    replay.finish()
}

fn people(groups: &[&str]) -> Vec<ReplayPerson> {
    let person = |group: &&str| ReplayPerson { viewer: Viewer::new("dora", [*group]), is_known: true };
    groups.iter().map(person).collect()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn one<T: Copy>(&mut self, items: &[T]) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        items[usize::try_from(self.0 % items.len() as u64).expect("small")]
    }

    fn event(&mut self) -> Event {
        let methods =
            ["tools/call", "tools/list", "resources/read", "tasks/get", "model.enabled", "x/y", "GET", "TOOL"];
        let method = self.one(&methods);
        let names = ["search", "book", "send_invoice", "odoo://res.partner/record/7", "", "a\u{202e}b"];
        let name = self.one(&names).to_owned();
        let target: fn(String) -> Target = self.one(&[Target::Tool as _, Target::Resource as _, Target::Other as _]);
        let mut event =
            Event::new(SystemClock.now(), self.one(Channel::ALL), self.one(Kind::ALL), self.one(OutcomeDetail::ALL));
        event.method = Some(method.to_owned());
        event.target = self.one(&[true, true, false]).then(|| target(name));
        event.server = Some(self.one(&["crm", "deliveries", "payroll"]).to_owned());
        event.caller = Caller::user(self.one(&["ada", "bob"]));
        event.duration_us = self.one(&[None, Some(7)]);
        if self.one(&[true, false]) {
            let json = self.one(&["\"res.partner\"", "7", "[1,2]", "\"dhl\""]).to_owned();
            event.arguments.push(Argument { name: self.one(&["model", "id", "carrier", "new"]).to_owned(), json });
        }
        if self.one(&[true, false]) {
            event = event.fact(self.one(&["phase", "client_id", "field", "entry", "x"]), self.one(&["opened", "7"]));
        }
        event
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_active_policy_as_candidate_differs_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let extensions = [evil::DELIVERIES, evil::IBAN];
    let log = opened(folder.path(), &extensions, false);
    let mut random = Random(104_729);
    let events = (0..size()).map(|_| random.event()).collect();
    record(&log, events).await;
    let report = replayed(&log, &policy(&extensions), people(&["user", "admin", "auditor", "dispatcher"]));
    assert!(report.is_same(), "{report:?}");
    assert!(report.entries >= size() as u64 && report.people.asked == 4, "{report:?}");
    let calibration = report.calibration;
    assert!(calibration.actions * 1_000 >= calibration.entries * 999, "{calibration:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_events_are_reproduced() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = opened(folder.path(), &[], true);
    record(&log, golden::events().into_iter().map(|golden| golden.event).collect()).await;
    let calibration = replayed(&log, &policy(&[]), Vec::new()).calibration;
    assert!(calibration.entries >= 300 && calibration.kept_payloads > 150, "{calibration:?}");
    assert_eq!(calibration.reproduced, calibration.entries, "{calibration:?}");
    assert_eq!(calibration.payloads, calibration.kept_payloads, "{calibration:?}");
}

fn call(server: &str, tool: &str) -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    Event {
        method: Some("tools/call".into()),
        target: Some(Target::Tool(tool.to_owned())),
        server: Some(server.to_owned()),
        caller: Caller::user("uma"),
        payload: Some(Payload { request: Some(Body::whole("{}")), response: None }),
        ..event
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_policy_differs_with_a_real_entry_and_a_real_person_as_witness() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = opened(folder.path(), &[], true);
    let calls = [("deliveries", "book"), ("deliveries", "track"), ("crm", "send_invoice"), ("payroll", "raise")];
    record(&log, calls.map(|(server, tool)| call(server, tool)).to_vec()).await;
    let entries = stored(&log);
    let id = |tool: &str| {
        let is_it = |entry: &&Entry| entry.text(mcp_audit_log::field::Field::Tool) == Some(tool);
        entries.iter().find(is_it).expect("the entry").id.to_string()
    };

    // The extension names one call otherwise, and shows its server to a group.
    let report = replayed(&log, &policy(&[evil::DELIVERIES]), people(&["dispatcher", "admin"]));
    let [action] = report.verdicts.as_slice() else { panic!("{report:?}") };
    assert_eq!((action.part, action.entries, &action.witness), ("action", 1, &id("book")));
    assert_eq!((action.active.as_str(), action.candidate.as_str()), ("tool.called", "deliveries.booked"));
    let [dora] = report.people.differences.as_slice() else { panic!("{report:?}") };
    assert_eq!((dora.user.as_str(), dora.gains, dora.loses), ("dora", 2, 0));
    assert_eq!((dora.groups.as_slice(), dora.gains_rights.as_slice()), (&["dispatcher".to_owned()][..], &["read"][..]));
    assert_eq!(dora.gained.as_ref(), Some(&id("book")));

    // The vendor's policy keeps no payload of one call, and hides a server from administrators.
    let vendor = Policy::load(evil::VENDOR, Limits::default(), SystemClock.now()).expect("the vendor's policy");
    let report = replayed(&log, &vendor, people(&["admin", "user"]));
    let parts: Vec<_> = report.verdicts.iter().map(|one| (one.part, one.witness.clone())).collect();
    assert_eq!(parts, [("action", id("send_invoice")), ("payload", id("send_invoice"))]);
    let [admin] = report.people.differences.as_slice() else { panic!("{report:?}") };
    assert_eq!((admin.loses, admin.lost.as_ref(), admin.gains), (1, Some(&id("raise")), 0));
    assert!(!report.is_same());
}
