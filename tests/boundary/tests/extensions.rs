//! Extensions over the default policy: the examples work as documented, and if an extension misbehaves, its changes are
//! lost.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Argument, Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Resource, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Limits, LoadError, Policy, PolicyFailure};
use mcp_audit_log::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log::{AuditLog, Options, Right, Viewer};
use mcp_audit_log_boundary_tests as evil;

const NOW: Timestamp = Timestamp::EPOCH;

fn viewer(user: &str, groups: &[&str]) -> Viewer {
    Viewer { user: user.into(), groups: groups.iter().map(|group| (*group).to_owned()).collect(), instance: None }
}

/// A log with these extensions, and with the payload switch on.
fn open(folder: &std::path::Path, extensions: &[&[u8]]) -> AuditLog {
    let options = extensions.iter().fold(Options::new(folder), |options, one| options.extend(one.to_vec()));
    let log = options.open().expect("a log");
    let on = serde_json::json!({ "log_payloads": true }).as_object().cloned().expect("an object");
    log.change_settings(&log.view().access(&viewer("root", &["admin"])), &on).expect("switched on");
    log
}

fn call(server: &str, tool: &str, body: &str) -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    Event {
        method: Some("tools/call".into()),
        target: Some(Target::Tool(tool.to_owned())),
        server: Some(server.to_owned()),
        caller: Caller::user("uma"),
        payload: Some(Payload { request: Some(Body::whole(body.to_owned())), response: None }),
        ..event
    }
}

async fn recorded(log: &AuditLog, event: Event) -> Entry {
    let id = event.id.to_string();
    log.record_durably(event).await.expect("stored");
    let access = log.view().access(&viewer("anna", &["auditor"]));
    let page = log.view().reader(&access).page(Domain::equals(Field::Id, id.as_str()), None, 2).expect("a page");
    page.entries.into_iter().next().expect("the entry")
}

fn request(log: &AuditLog, entry: &Entry) -> String {
    let access = log.view().access(&viewer("anna", &["auditor"]));
    log.read_payload(&access, entry.id).expect("read").expect("kept").1.request.expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn bank_accounts_are_hidden_in_payloads_and_changes() {
    const IBAN: &str = "DE89370400440532013000";
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), &[evil::IBAN]);
    // The second is remembered.
    for _ in 0..2 {
        let entry =
            recorded(&log, call("crm", "pay", &format!(r#"{{"to":"{IBAN}","iban":"x","kept":"as it is"}}"#))).await;
        let body = request(&log, &entry);
        assert!(!body.contains(IBAN) && !body.contains("\"x\"") && body.contains("as it is"), "{body}");
        assert_eq!(entry.text(Field::Action), Some("tool.called"), "the policy's own say stays");
    }
    let (old, new) = (
        serde_json::json!({ "bank_account": "12-345", "note": format!("to {IBAN}"), "name": "A" }),
        serde_json::json!({ "bank_account": "67-890", "note": "to none", "name": "B" }),
    );
    let changed = Event::updated(SystemClock.now(), Resource::new("partner", "7"), &old, &new).by(Caller::user("ada"));
    let changes = recorded(&log, changed).await.details["changes"].to_string();
    assert!(changes.contains(r#"{"field":"bank_account","old":"[masked]","new":"[masked]"}"#), "{changes}");
    assert!(!changes.contains(IBAN) && changes.contains(r#"{"field":"name","old":"A","new":"B"}"#), "{changes}");
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_adds_an_action_a_fact_and_a_group() {
    let folder = tempfile::tempdir().expect("a folder");
    // Their order is decided by their names.
    let log = open(folder.path(), &[evil::IBAN, evil::DELIVERIES]);
    let names: Vec<_> = log.view().policy_extensions().into_iter().map(|extension| extension.name).collect();
    assert_eq!(names, ["deliveries", "iban"]);
    assert!(log.view().manifest().actions.iter().any(|action| action.name == "deliveries.booked"));
    assert!(log.view().manifest().filters.iter().any(|filter| filter.name == "deliveries.all"));
    let mut booking = call("deliveries", "book", "{}");
    booking.arguments.push(Argument { name: "carrier".into(), json: "\"post\"".into() });
    let booked = recorded(&log, booking).await;
    assert_eq!(booked.text(Field::Action), Some("deliveries.booked"));
    assert_eq!(booked.details["deliveries.carrier"], "post");
    let other = recorded(&log, call("crm", "book", "{}")).await;
    assert_eq!(other.text(Field::Action), Some("tool.called"), "it is not interested in other servers");
    let seen = |groups: &[&str]| {
        let access = log.view().access(&viewer("dora", groups));
        assert!(!access.may(Right::ReadPayloads));
        let page = log.view().reader(&access).page(Domain::equals(Field::Method, "tools/call"), None, 10);
        page.map_or(Vec::new(), |page| page.entries.into_iter().map(|entry| entry.id).collect())
    };
    assert_eq!(seen(&["dispatcher"]), [booked.id]);
    assert!(seen(&["user"]).is_empty(), "her own alone");
    assert_eq!(seen(&["admin"]), [other.id, booked.id]);
    let access = log.view().access(&viewer("anna", &["auditor"]));
    let start = log.view().reader(&access).page(Domain::equals(Field::Method, "log.started"), None, 1).expect("a page");
    let titles = start.entries[0].details["policy_extensions"].as_str().expect("a text").to_owned();
    assert!(
        titles.starts_with(concat!("deliveries ", env!("CARGO_PKG_VERSION"), " (sha256:"))
            && titles.contains(concat!(", iban ", env!("CARGO_PKG_VERSION"), " (sha256:")),
        "{titles}"
    );
    log.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_extension_contributes_nothing_and_the_payload_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), &[evil::IBAN, evil::EXTENSION, evil::DELIVERIES]);
    let digest = log.view().policy_extensions().into_iter().find(|one| one.name == "evil").expect("it is there").digest;
    for (mode, kind) in [
        ("panic", "trap"),
        ("spin", "fuel"),
        ("twice", "result"),
        ("beyond", "result"),
        ("no-name", "result"),
        ("bad-mask", "result"),
    ] {
        let entry = recorded(&log, call("crm", &format!("evil:{mode}"), "{}")).await;
        assert_eq!((entry.text(Field::Action), entry.text(Field::Fault)), (Some("tool.called"), Some(kind)), "{mode}");
        let fault = entry.details["fault"].as_str().expect("a text");
        assert!(fault.starts_with("evil: ") && !entry.has_payload, "{mode}: {fault}");
        assert_eq!(entry.details["policy_digest"], digest, "{mode}");
        let good = recorded(&log, call("crm", "search", "{}")).await;
        assert!(good.has_payload && good.text(Field::Fault).is_none(), "{mode}");
    }
    // Not remembered: it is asked again, and fails again.
    let again = recorded(&log, call("crm", "evil:panic", "{}")).await;
    assert_eq!(again.text(Field::Fault), Some("trap"));
    log.close();
}

#[test]
fn one_bad_event_does_not_affect_its_batch_and_many_make_the_log_unready() {
    let policy = Policy::builtin(Limits::default(), NOW).expect("the policy");
    let policy = policy.extended(&[evil::EXTENSION.to_vec()], NOW).expect("extended");
    let settings = mcp_audit_log::settings::Settings::load(&policy.manifest().settings, &Default::default());
    let mut events: Vec<_> = (0..50).map(|_| call("crm", "search", "{}")).collect();
    events[17] = call("crm", "evil:panic", "{}");
    let verdicts = policy.judge(&settings, &events);
    let failed = |at: &usize| verdicts[*at].as_ref().is_ok_and(|verdict| !verdict.faults.is_empty());
    assert_eq!((0..50).filter(failed).collect::<Vec<_>>(), [17]);
    assert_eq!(policy.health().check(), Ok(()));
    let bad: Vec<_> = (0..600).map(|_| call("crm", "evil:panic", "{}")).collect();
    assert!(policy.judge(&settings, &bad).iter().all(Result::is_ok), "the policy itself judged them");
    assert_eq!(policy.health().check(), Err(PolicyFailure::Judge));
    let counted: u64 = policy.health().faults().filter(|(function, ..)| *function == "amend").map(|(.., n)| n).sum();
    assert_eq!(counted, 601);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_keeps_more_payloads_only_if_declared_and_while_logging_is_on() {
    let secret = || Event { channel: Channel::Oauth, ..call("crm", "evil:widen", r#"{"a":"b"}"#) };
    for (extension, kept) in [(evil::EXTENSION, false), (evil::EXTENSION_WIDENS, true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path(), &[extension]);
        assert_eq!(recorded(&log, secret()).await.has_payload, kept, "the policy keeps no payload of this channel");
        let access = log.view().access(&viewer("anna", &["auditor"]));
        let start =
            log.view().reader(&access).page(Domain::equals(Field::Method, "log.started"), None, 1).expect("a page");
        let said = start.entries[0].details.get("policy_widenings").and_then(|text| text.as_str());
        assert_eq!(said, kept.then_some("evil widens payloads"));
        let off = serde_json::json!({ "log_payloads": false }).as_object().cloned().expect("an object");
        log.change_settings(&log.view().access(&viewer("root", &["admin"])), &off).expect("switched off");
        assert!(!recorded(&log, secret()).await.has_payload);
        log.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_have_a_prefix_and_changes_are_never_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), &[evil::EXTENSION]);
    let entry = recorded(&log, call("crm", "evil:facts", "{}").fact("sent_by", "tina")).await;
    assert_eq!((&entry.details["sent_by"], &entry.details["evil.sent_by"]), (&"tina".into(), &"forged".into()));
    assert_eq!((entry.text(Field::Provider), entry.text(Field::Fault)), (None, None));
    let mut change = Event::new(SystemClock.now(), Channel::Admin, Kind::Request, OutcomeDetail::Ok);
    change.method = Some("settings.updated".into());
    change.target = Some(Target::Other("evil:drop".into()));
    let change = change.fact("setting", "retention_days").fact("old", 90).fact("new", 7);
    let changes = recorded(&log, change).await.details["changes"].to_string();
    assert_eq!(changes, r#"[{"field":"retention_days","old":"[masked]","new":"[masked]"}]"#, "hidden and not gone");
    log.close();
}

#[test]
fn layers_that_do_not_fit_are_refused_with_a_reason() {
    let builtin = || Policy::builtin(Limits::default(), NOW).expect("the policy");
    let refused = |extensions: &[&[u8]]| {
        let extensions: Vec<_> = extensions.iter().map(|one| one.to_vec()).collect();
        builtin().extended(&extensions, NOW).expect_err("refused").to_string()
    };
    let silent = refused(&[evil::EXTENSION_SILENT]);
    assert!(
        silent.contains("evil: the group \"evil\" implies \"auditor\"") && silent.contains("widens: groups"),
        "{silent}"
    );
    assert!(refused(&[evil::IBAN, evil::IBAN]).contains("two extensions are called \"iban\""));
    let policy = refused(&[evil::IBAN, evil::POLICY]);
    assert!(policy.contains("extension number 2") && policy.contains("pass it with --policy"), "{policy}");
    let load = |component: &[u8]| Policy::load(component, Limits::default(), NOW).expect_err("refused");
    assert!(matches!(load(evil::IBAN), LoadError::NotAPolicy));
}
