//! Alerts on a manual clock: when they are raised and ended, what they see, and what a restart leaves.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log_contract::saved_view::NewView;
use mcp_audit_log_filter::parse_text;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Caller, OutcomeDetail};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{Clock, ManualClock, SECOND};

use super::*;
use crate::Options;

const MINUTE: i64 = 60 * SECOND;

/// Reads the text form alone.
fn search(query: &[(String, String)], log: &AuditLog, access: &Grant) -> Result<Domain, String> {
    let text = query.iter().find(|(name, _)| name == "q").map(|(_, text)| text.as_str()).unwrap_or_default();
    parse_text(text, &access.context(log.view().now())).map_err(|error| error.to_string())
}

fn opened(folder: &Path, clock: &Arc<ManualClock>) -> AuditLog {
    let log = Options::new(folder).clock(Arc::clone(clock) as Arc<dyn Clock>).own_schedule().open().expect("a log");
    log.read_views_with(search);
    log
}

/// A log on a manual clock, with a viewer.
struct World {
    log: AuditLog,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-12-01T08:00:00Z").expect("a time")));
        Self { log: opened(folder.path(), &clock), clock, _folder: folder }
    }

    fn grant(&self, user: &str, groups: &[&str]) -> Grant {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self.log.view().access(&Viewer { user: user.into(), groups, instance: None })
    }

    fn view(&self, access: &Grant, q: &str) -> Uuid {
        let view = NewView::new(format!("view {q}"), vec![("q".to_owned(), q.to_owned())]);
        self.log.save_view(access, view).expect("saved").id
    }

    /// A call of this tool by this user is recorded.
    fn call(&self, user: &str, tool: &str, detail: OutcomeDetail) {
        let event = Event::tool_call(self.log.view().now(), "crm", tool).by(Caller::user(user));
        self.log.record(Event { detail, ..event }).expect("taken");
        self.log.0.recorder.change(StateChange::default(), Vec::new()).expect("stored");
    }

    /// Some minutes later, all alerts are checked.
    fn later(&self, minutes: i64) {
        self.clock.advance(minutes * MINUTE);
        self.log.check_alerts_due();
    }

    /// The entries about alerts as "action count", oldest first.
    fn entries(&self) -> Vec<Entry> {
        let access = self.grant("root", &["admin"]);
        let domain = Domain::any_of(["alert.raised", ENDED].map(|action| Domain::equals(Field::Action, action)));
        let page = self.log.view().reader(&access).page(domain, None, 100).expect("a page");
        page.entries.into_iter().rev().collect()
    }

    fn told(&self) -> Vec<String> {
        let count = |entry: &Entry| entry.details.get("count").map(ToString::to_string).unwrap_or_default();
        let text = |entry: &Entry| format!("{} {}", entry.text(Field::Action).unwrap_or_default(), count(entry));
        self.entries().iter().map(text).collect()
    }
}

#[test]
fn a_number_of_entries_raises_an_alert_once_and_it_ends() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "outcome:error");
    let set = world.log.set_alert(&anna, view, AlertCondition::Count(2), 30).expect("set");
    assert!(set.alert.raised.is_none() && set.result.is_some_and(|result| result.found == Ok(AlertFinding::default())));
    world.call("uma", "search", OutcomeDetail::ToolError);
    world.later(1);
    assert_eq!((world.told(), world.log.raised_alerts(&anna)), (Vec::new(), 0));
    world.call("uma", "search", OutcomeDetail::ToolError);
    for _ in 0..5 {
        world.later(1);
    }
    assert_eq!((world.told(), world.log.raised_alerts(&anna)), (vec!["alert.raised 2".to_owned()], 1));
    world.later(30);
    world.later(1);
    assert_eq!((world.told().len(), world.log.raised_alerts(&anna)), (2, 0));
    let entries = world.entries();
    assert_eq!(entries[1].parent, Some(entries[0].id));
    assert_eq!(entries[0].text(Field::User), Some("anna"), "its owner reads it");
    assert_eq!(entries[0].details["condition"], "at least 2 entries in 30 minutes");
}

#[test]
fn alerts_are_checked_at_most_once_a_minute() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "outcome:error");
    world.log.set_alert(&anna, view, AlertCondition::Count(1), 30).expect("set");
    world.later(1);
    world.call("uma", "search", OutcomeDetail::ToolError);
    for _ in 0..59 {
        world.clock.advance(SECOND);
        world.log.check_alerts_due();
    }
    assert!(world.told().is_empty());
    world.clock.advance(SECOND);
    world.log.check_alerts_due();
    assert_eq!(world.told().len(), 1);
}

#[test]
fn a_raised_alert_is_not_raised_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-12-01T08:00:00Z").expect("a time")));
    let world = World { log: opened(folder.path(), &clock), clock: Arc::clone(&clock), _folder: folder };
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "outcome:error");
    world.call("uma", "search", OutcomeDetail::ToolError);
    world.log.set_alert(&anna, view, AlertCondition::Count(1), 30).expect("set");
    world.log.close();
    let World { clock, _folder, .. } = world;
    let world = World { log: opened(_folder.path(), &clock), clock, _folder };
    assert_eq!(world.log.raised_alerts(&anna), 1, "known before the first check");
    world.later(1);
    assert_eq!(world.told(), ["alert.raised 1"]);
    world.later(60);
    assert_eq!(world.told(), ["alert.raised 1", "alert.ended 0"]);
}

#[test]
fn a_new_value_raises_an_alert_and_a_known_one_does_not() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "server:crm");
    world.log.set_alert(&anna, view, AlertCondition::New(Field::Tool), 10).expect("set");
    world.call("uma", "search", OutcomeDetail::Ok);
    world.later(1);
    assert!(world.told().is_empty(), "nothing is new where nothing was before");
    world.later(20);
    world.call("uma", "search", OutcomeDetail::Ok);
    world.later(1);
    assert!(world.told().is_empty());
    world.call("uma", "delete_customer", OutcomeDetail::Ok);
    world.later(1);
    assert_eq!(world.told(), ["alert.raised 1"]);
    assert_eq!(world.entries()[0].details["values"], "delete_customer");
    world.later(10);
    assert_eq!(world.told().len(), 2);
}

#[test]
fn an_alert_sees_what_its_owner_may_see() {
    let world = World::new();
    let uma = world.grant("uma", &["user"]);
    let view = world.view(&uma, "outcome:error");
    world.log.set_alert(&uma, view, AlertCondition::Count(1), 30).expect("set");
    world.call("otto", "search", OutcomeDetail::ToolError);
    world.later(1);
    assert!(world.told().is_empty(), "it is another user's");
    world.call("uma", "search", OutcomeDetail::ToolError);
    world.later(1);
    assert_eq!((world.told().len(), world.log.raised_alerts(&uma)), (1, 1));
    let otto = world.grant("otto", &["admin"]);
    assert_eq!(world.log.raised_alerts(&otto), 0, "it is uma's");
    assert!(world.log.alerts(&otto).expect("read").iter().all(|status| status.alert.view == DEFINITIONS));
    assert!(world.log.set_alert(&otto, view, AlertCondition::Count(1), 30).is_err());
    assert!(world.log.delete_alert(&otto, view).is_err());
}

#[test]
fn an_alert_whose_search_or_owner_is_refused_says_so() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "nonsense:1");
    let status = world.log.set_alert(&anna, view, AlertCondition::Count(1), 30).expect("set");
    assert!(status.result.is_some_and(|result| result.found.is_err_and(|error| error.contains("nonsense"))));
    // The policy gives the groups that they had no right any more.
    let nobody = Alert { owner: Viewer { groups: Vec::new(), ..anna.viewer().clone() }, ..status.alert };
    world.log.0.store_alert(AlertChange::Save(nobody), None).expect("stored");
    let other = world.view(&anna, "outcome:error");
    let other = Alert { view: other, raised: None, ..world.log.0.alert_of(view).expect("read").expect("an alert") };
    world.log.0.store_alert(AlertChange::Save(other.clone()), None).expect("stored");
    world.call("uma", "search", OutcomeDetail::ToolError);
    world.later(1);
    assert!(world.told().is_empty());
    let all = world.log.alerts(&anna).expect("read");
    let found = all.iter().find(|status| status.alert.view == other.view).and_then(|status| status.result.clone());
    assert!(found.is_some_and(|result| result.found.is_err_and(|error| error.contains("read"))));
}

#[test]
fn an_alert_goes_with_its_view_and_ends() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    let view = world.view(&anna, "outcome:error");
    world.call("uma", "search", OutcomeDetail::ToolError);
    world.log.set_alert(&anna, view, AlertCondition::Count(1), 30).expect("set");
    assert_eq!(world.log.raised_alerts(&anna), 1);
    world.log.delete_view(&anna, view).expect("deleted");
    assert_eq!((world.log.raised_alerts(&anna), world.told().len()), (0, 2));
    world.later(1);
    assert_eq!(world.told().len(), 2);
    for at in 0..=MOST_ALERTS {
        let view = world.view(&anna, &format!("tool:t{at}"));
        let set = world.log.set_alert(&anna, view, AlertCondition::Count(1), 30);
        assert_eq!(set.is_ok(), at < MOST_ALERTS, "{at}");
    }
}

#[test]
fn an_alert_about_alerts_does_not_keep_itself_raised() {
    let world = World::new();
    let anna = world.grant("anna", &["admin"]);
    world.later(120);
    let view = world.view(&anna, "kind:system");
    world.log.set_alert(&anna, view, AlertCondition::Count(1), 30).expect("set");
    world.later(31);
    world.later(31);
    world.later(31);
    assert_eq!(world.log.raised_alerts(&anna), 0, "{:?}", world.told());
}

#[test]
fn changed_definitions_of_tools_raise_the_logs_own_alert() {
    let world = World::new();
    let (anna, uma) = (world.grant("anna", &["admin"]), world.grant("uma", &["user"]));
    let listing = |description: &str| {
        let tools = serde_json::json!([{ "name": "add", "description": description }]).to_string().into();
        let (server, viewer, at, entry) = ("calc".to_owned(), "uma's".to_owned(), world.log.view().now(), Uuid::nil());
        crate::ToolListing { server, viewer, user: None, entry, at, tools, cursor: None, next: None, is_seeded: false }
    };
    let watch = world.log.tool_watch();
    watch.compare(&listing("Adds"));
    world.later(1);
    assert!(world.told().is_empty(), "the first listing is no news");
    watch.compare(&listing("Adds secretly"));
    world.later(1);
    assert_eq!(world.told(), ["alert.raised 1"]);
    assert_eq!((world.log.raised_alerts(&anna), world.log.raised_alerts(&uma)), (1, 0));
    let alerts = world.log.alerts(&anna).expect("read");
    assert_eq!((alerts.len(), alerts[0].name.as_str()), (1, DEFINITIONS_NAME));
    world.later(25 * 60);
    assert_eq!(world.told().len(), 2);
}
