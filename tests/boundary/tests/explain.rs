//! Explanations agree with what the reader shows, and what they say it would take is enough and no more.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::{BTreeSet, HashMap};

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Caller, Channel, Event, Kind, OutcomeDetail, Target, new_id};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, LogView, Options, Viewer};
use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_policy_tools::explain::{ExplainOptions, Grants, PayloadReason, explain, explain_access};

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("small")
    }

    fn one<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

const TENANTS: [Option<&str>; 3] = [None, Some("eu"), Some("us")];

fn call(user: Option<&str>, tenant: Option<&str>, server: &str, tool: &str) -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let caller = Caller { user: user.map(str::to_owned), instance: tenant.map(str::to_owned), ..Caller::default() };
    Event {
        method: Some("tools/call".into()),
        target: Some(Target::Tool(tool.to_owned())),
        server: Some(server.to_owned()),
        caller,
        ..event
    }
}

fn viewer(random: &mut Random, groups: &[String]) -> Viewer {
    let groups: BTreeSet<_> = (0..random.below(4)).map(|_| groups[random.below(groups.len())].clone()).collect();
    let user = random.one(&["ada", "bob", "eve", " "]).to_owned();
    Viewer { user, groups: groups.into_iter().collect(), instance: random.one(&TENANTS).map(str::to_owned) }
}

async fn entries(log: &AuditLog, events: Vec<Event>) -> Vec<Entry> {
    let stored = log.recorder().record_all(events, 0).await.expect("there is room");
    assert!(stored.iter().all(Result::is_ok));
    log.view().operators_entries(log.view().seqs_between(None, None).expect("a range")).expect("entries")
}

/// The entries that the reader shows to each viewer.
struct Shown<'a>(&'a LogView, HashMap<Viewer, BTreeSet<u64>>);

impl Shown<'_> {
    fn has(&mut self, viewer: &Viewer, entry: &Entry) -> bool {
        let log = self.0;
        let shown = self.1.entry(viewer.clone()).or_insert_with(|| {
            let access = log.access(viewer);
            let page = log.reader(&access).page(Domain::TRUE, None, 500);
            page.map_or_else(|_| BTreeSet::new(), |page| page.entries.iter().map(|entry| entry.seq).collect())
        });
        shown.contains(&entry.seq)
    }
}

async fn explanations_agree_with_the_reader(options: Options, pairs: usize) {
    let log = options.own_schedule().open().expect("a log");
    let mut random = Random(7_919);
    let users = [Some("ada"), Some("bob"), None];
    let events = (0..200).map(|_| {
        let (user, tenant) = (random.one(&users), random.one(&TENANTS));
        call(user, tenant, random.one(&["crm", "deliveries", "payroll"]), random.one(&["search", "book"]))
    });
    let events = events.collect();
    let entries = entries(&log, events).await;
    let groups: Vec<_> = log.view().manifest().groups.iter().map(|group| group.name.clone()).collect();
    let (view, policy, settings) = (log.view(), log.view().policy(), log.view().settings());
    let mut grants = Grants::new(&policy, &settings, view.now());
    let mut shown = Shown(view, HashMap::new());
    let viewers: Vec<_> = (0..150).map(|_| viewer(&mut random, &groups)).collect();
    let (mut seen, mut taken) = (0, 0);
    for _ in 0..pairs {
        let viewer = viewers[random.below(viewers.len())].clone();
        let entry = &entries[random.below(entries.len())];
        let why = explain_access(&mut grants, &viewer, entry, random.below(2) == 0);
        let what = format!("{viewer:?} before {entry:?}: {why:?}");
        let access = view.access(&viewer);
        let found = view.reader(&access).entry(entry.id).ok().flatten();
        assert_eq!((why.sees, shown.has(&viewer, entry)), (found.is_some(), found.is_some()), "{what}");
        if let Some(whole) = why.rule.first() {
            assert_eq!(whole.holds, found.is_some(), "{what}");
        }
        assert!(!why.sees || why.takes.is_empty(), "{what}");
        for change in &why.takes {
            assert!(shown.has(&change.applied(&viewer, entry), entry), "not enough: {change:?}, {what}");
            for less in change.lesser() {
                assert!(!shown.has(&less.applied(&viewer, entry), entry), "too much: {change:?}, {what}");
            }
        }
        seen += usize::from(why.sees);
        taken += why.takes.len();
    }
    assert!(seen > pairs / 50 && taken > pairs / 2, "{seen} of {pairs} pairs are visible, with {taken} changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_says_visible_where_the_reader_shows_the_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new(folder.path()).extend(evil::DELIVERIES.to_vec()).extend(evil::IBAN.to_vec());
    explanations_agree_with_the_reader(options, 6_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_under_a_policy_that_hides_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    explanations_agree_with_the_reader(Options::new(folder.path()).policy(evil::VENDOR.to_vec()), 4_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_explained_by_the_layer_that_gives_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).extend(evil::DELIVERIES.to_vec()).own_schedule().open().expect("a log");
    let events = vec![call(Some("ada"), None, "deliveries", "book"), call(Some("ada"), None, "crm", "book")];
    let entries = entries(&log, events).await;
    let (view, policy, settings) = (log.view(), log.view().policy(), log.view().settings());
    let mut grants = Grants::new(&policy, &settings, view.now());
    let mut whys = entries.iter().filter(|entry| entry.text(Field::Tool).is_some());
    let mut why = || {
        let viewer = Viewer::new("eve", ["user"]);
        explain(&mut grants, &viewer, whys.next().expect("an entry"), ExplainOptions::default())
    };
    let (booked, called) = (why(), why());
    assert_eq!(booked.name.named_by.as_deref(), Some("deliveries"));
    assert_eq!(
        (booked.name.action.as_deref(), booked.name.again.as_deref()),
        (Some("deliveries.booked"), Some("deliveries.booked"))
    );
    let text = booked.name.text.join(" ");
    assert!(text.contains("deliveries.booked") && text.contains("without it, it would be tool.called"), "{text}");
    assert_eq!(called.name.named_by.as_deref(), Some("mcp-audit-log-policy"));
    assert_eq!(called.name.action.as_deref(), Some("tool.called"));
    assert_eq!(booked.payload.reason, PayloadReason::Switch, "{:?}", booked.payload);
    let dispatcher = booked.access.who_can.iter().find(|one| one.group == "dispatcher").expect("the group");
    assert!(!dispatcher.only_own && called.access.who_can.iter().all(|one| one.group != "dispatcher"));
    let own = booked.access.who_can.iter().find(|one| one.group == "user").expect("the group");
    assert!(own.only_own, "{:?}", booked.access.who_can);
    let least: Vec<_> = booked.access.takes.iter().map(|take| take.text.as_str()).collect();
    assert!(least.contains(&"the group dispatcher") && least.contains(&"the group admin"), "{least:?}");
    assert!(!least.contains(&"the group owner"), "admin is less: {least:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_before_is_explained_by_what_judged_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options::new(folder.path()).own_schedule();
    let log = options().extend(evil::DELIVERIES.to_vec()).open().expect("a log");
    let booked = entries(&log, vec![call(Some("ada"), None, "deliveries", "book")]).await.pop().expect("the entry");
    log.close();
    drop(log);
    let log = options().open().expect("the log again");
    let (view, policy, settings) = (log.view(), log.view().policy(), log.view().settings());
    let record = view.other_judge(booked.seq).expect("read").expect("another policy judged it");
    let (then, settings_then) = view.policy_of(&record).expect("it is kept");
    let mut grants = Grants::new(&policy, &settings, view.now());
    let mut why = |policy_then| {
        let options = ExplainOptions {
            judged_by: Some(record.title()),
            policy_then,
            settings_then: Some(&settings_then),
            discreet: false,
        };
        explain(&mut grants, &Viewer::new("ada", ["user"]), &booked, options)
    };
    let (again, now) = (why(Some(&then)), why(None));
    assert_eq!(
        (again.name.again.as_deref(), again.name.named_by.as_deref()),
        (Some("deliveries.booked"), Some("deliveries"))
    );
    assert_eq!(now.name.again.as_deref(), Some("tool.called"));
    let (again_text, now_text) = (again.name.text.join(" "), now.name.text.join(" "));
    assert!(now_text.contains("would call it tool.called now"), "{now_text}");
    let asked = |which: &str| format!("It was judged by {}{which}", record.title());
    assert!(again_text.contains(&asked(", which is not active now, and was asked again.")), "{again_text}");
    assert!(now_text.contains(&asked(&format!("; here {} was asked again.", policy.title()))), "{now_text}");
    assert!(again.access.sees && again.payload.text.join(" ").contains("was off when this was recorded"));
}

#[test]
fn where_the_policy_fails_the_viewer_sees_nothing_and_the_judgement_cannot_be_made_again() {
    let now = SystemClock.now();
    let policy = Policy::load(evil::POLICY_0_7, Limits::default(), now).expect("the evil policy");
    let stored = [("evil".to_owned(), Value::from("panic"))].into();
    let settings = Settings::load(&policy.manifest().settings, &stored);
    let mut entry = Entry::new(new_id(now), now, now);
    entry.set_text(Field::Channel, Some("mcp"));
    entry.set_text(Field::Tool, Some("evil:panic"));
    let mut grants = Grants::new(&policy, &settings, now);
    for _ in 0..20 {
        let why = explain(&mut grants, &Viewer::new("good", ["user"]), &entry, ExplainOptions::default());
        assert!(!why.access.sees && why.access.takes.is_empty() && why.access.rule.is_empty());
        let text = [why.access.text.join(" "), why.name.text.join(" ")];
        assert!(text[0].contains("the policy failed on this viewer"), "{text:?}");
        assert!(text[1].contains("cannot judge it again") && why.name.again.is_none(), "{text:?}");
    }
    assert!(policy.health().check().is_ok(), "questions do not make the log unready");
}
