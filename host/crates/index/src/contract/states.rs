//! Tests about the states beside the entries: settings, jobs, holds, views, checkpoints.

use uuid::Uuid;

use super::entries::read;
use super::{Opened, Subject, at, keep};
use crate::{
    CheckpointChange, CheckpointQuery, DestinationState, NEWEST_CHECKPOINTS, NewCheckpoint, StateChange,
    StoredCheckpoint,
};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::alert::{Alert, AlertChange, AlertCondition};
use mcp_audit_log_contract::hold::{Hold, HoldChange, Release};
use mcp_audit_log_contract::judged_by::{Floors, JudgedBy, JudgingLayer};
use mcp_audit_log_contract::saved_view::{SavedView, ViewChange};
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_contract::tool_definition::{KnownTool, ToolDefinition};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::value::Value;

fn put(opened: &mut Opened, states: &StateChange) {
    keep(opened, |log| log.put_states(states));
}

fn hold(number: u128) -> Hold {
    let (from, to) = (at(number as u64), Some(at(99)));
    let (reason, placed_by) = ("a case".to_owned(), "ada".to_owned());
    Hold { id: Uuid::from_u128(number), from, to, reason, placed_by, placed_at: at(50 + number as u64), released: None }
}

fn view(number: u128, name: &str, owner: &str, shared: bool) -> SavedView {
    SavedView {
        id: Uuid::from_u128(number),
        name: name.to_owned(),
        owner: owner.to_owned(),
        instance: Some("acme".to_owned()),
        shared,
        query: vec![("q".to_owned(), name.to_owned())],
        created_at: at(1),
        updated_at: at(2),
    }
}

fn alert(number: u128, condition: AlertCondition, raised: bool) -> Alert {
    let (user, groups, instance) = ("ada".to_owned(), vec!["user".to_owned()], Some("acme".to_owned()));
    let raised = raised.then(|| (at(5), Uuid::from_u128(9)));
    Alert { view: Uuid::from_u128(number), owner: Viewer { user, groups, instance }, condition, minutes: 60, raised }
}

fn tool(server: &str, name: &str, is_gone: bool) -> KnownTool {
    let definition = ToolDefinition { hash: "ab".repeat(32), parts: Vec::new(), first_seen: at(1), last_seen: at(3) };
    KnownTool {
        server: server.to_owned(),
        tool: name.to_owned(),
        definitions: vec![definition],
        first_seen: at(1),
        changed_at: at(2),
        last_seen: at(3),
        seen_by: "ada".to_owned(),
        entry: Uuid::from_u128(7),
        is_gone,
    }
}

pub(super) fn states_come_back(subject: &dyn Subject) {
    let mut opened = subject.open();
    let setting = |key: &str, new: i64| SettingChange { key: key.to_owned(), old: Value::Unset, new: new.into() };
    let cron =
        |last_run| CronState { last_run: Some(at(last_run)), last_succeeded: Some(true), ..CronState::default() };
    let release = Release { by: "bob".to_owned(), at: at(70), reason: "closed".to_owned() };
    let all = StateChange {
        settings: vec![setting("a", 1), setting("b", 2), setting("a", 3)],
        crons: vec![("job".to_owned(), cron(4)), ("job".to_owned(), cron(5))],
        holds: vec![
            HoldChange::Place(hold(1)),
            HoldChange::Place(hold(2)),
            HoldChange::Release(Uuid::from_u128(1), release.clone()),
        ],
        views: vec![
            ViewChange::Save(view(1, "z", "ada", false)),
            ViewChange::Save(view(2, "m", "bob", true)),
            ViewChange::Save(view(3, "b", "bob", false)),
            ViewChange::Save(view(4, "c", "ada", false)),
            ViewChange::Save(view(1, "a", "eve", false)),
            ViewChange::Delete(Uuid::from_u128(4)),
        ],
        checkpoints: vec![
            CheckpointChange::Key("second".to_owned(), at(9)),
            CheckpointChange::Key("first".to_owned(), at(8)),
            CheckpointChange::Destination(DestinationState { name: "here".to_owned(), number: 3, failing: true }),
        ],
        alerts: vec![
            AlertChange::Save(alert(1, AlertCondition::Count(3), false)),
            AlertChange::Save(alert(2, AlertCondition::New(Field::Tool), true)),
            AlertChange::Save(alert(3, AlertCondition::Count(1), false)),
            AlertChange::Save(alert(1, AlertCondition::Count(4), true)),
            AlertChange::Delete(Uuid::from_u128(3)),
        ],
        tools: vec![tool("b", "x", false), tool("a", "y", false), tool("b", "x", true)],
        ..StateChange::default()
    };
    put(&mut opened, &all);
    // A batch whose outcome was unknown comes once more.
    put(&mut opened, &StateChange { views: Vec::new(), ..all.clone() });
    drop(opened);
    let opened = subject.open();
    read(&opened, |log| {
        let settings: Vec<_> = log.settings()?.into_iter().collect();
        assert_eq!(settings, [("a".to_owned(), 3.into()), ("b".to_owned(), 2.into())]);
        let alerts = [alert(1, AlertCondition::Count(4), true), alert(2, AlertCondition::New(Field::Tool), true)];
        assert_eq!(log.alerts()?, alerts);
        assert_eq!(log.tools()?, [tool("a", "y", false), tool("b", "x", true)]);
        assert_eq!(log.crons()?.into_iter().collect::<Vec<_>>(), [("job".to_owned(), cron(5))]);
        let released = Hold { released: Some(release.clone()), ..hold(1) };
        assert_eq!(log.holds()?, [hold(2), released], "the newest first");
        let viewer = |user: &str, instance: Option<&str>| Viewer {
            user: user.to_owned(),
            groups: Vec::new(),
            instance: instance.map(str::to_owned),
        };
        let seen = |user, instance| {
            log.views(&viewer(user, instance)).map(|views| views.into_iter().map(|view| view.name).collect::<Vec<_>>())
        };
        assert_eq!(seen("ada", Some("acme"))?, ["a", "m"], "one's own and what is shared, by name");
        assert_eq!(seen("bob", Some("acme"))?, ["b", "m"]);
        assert!(seen("ada", None)?.is_empty() && seen("ada", Some("other"))?.is_empty());
        let own = log.views(&viewer("ada", Some("acme")))?.swap_remove(0);
        assert_eq!((own.owner.as_str(), own.query), ("ada", view(1, "a", "ada", false).query), "its owner stays");
        assert_eq!(log.keys()?, [("first".to_owned(), at(8).as_micros()), ("second".to_owned(), at(9).as_micros())]);
        assert_eq!(log.destinations()?, [DestinationState { name: "here".to_owned(), number: 3, failing: true }]);
        Ok(())
    });
}

pub(super) fn what_judged_is_known_for_each_seq(subject: &dyn Subject) {
    let mut opened = subject.open();
    let record = |name: &str, days: i64, configured| {
        let layer = |name: &str| JudgingLayer {
            digest: format!("sha256:{name}"),
            name: name.to_owned(),
            version: "1".to_owned(),
            contract: "c".to_owned(),
        };
        let settings = [("days".to_owned(), days.into()), ("none".to_owned(), Value::Unset)].into();
        let layers = vec![layer(name), layer("above")];
        let floors = Floors { policy_rules_tenants: days == 2, masks_off: vec![name.to_owned()] };
        JudgedBy { layers, settings, configured, floors, ..JudgedBy::default() }
    };
    let named = Some(vec!["sha256:first".to_owned()]);
    let records = [record("first", 1, None), record("first", 2, None), record("second", 2, named.clone())];
    let begun = |since, settings_version, at: usize| JudgedBy { since, settings_version, ..records[at].clone() };
    let all = [begun(0, 1, 0), begun(0, 2, 1), begun(7, 2, 2)];
    all.iter().for_each(|record| keep(&mut opened, |log| log.append_judged_by(record)));
    drop(opened);
    let opened = subject.open();
    for (seq, found) in [(0, 1), (6, 1), (7, 2), (8, 2), (u64::MAX, 2)] {
        let before = u64::saturating_add(seq, 1);
        assert_eq!(read(&opened, |log| log.judged_before(before, 1)).as_slice(), &all[found..=found], "{seq}");
    }
    for (before, limit, found) in
        [(u64::MAX, 9, &[2, 1][..]), (u64::MAX, 1, &[2]), (8, 9, &[2, 1]), (7, 9, &[1]), (0, 9, &[]), (8, 0, &[])]
    {
        let listed = read(&opened, |log| log.judged_before(before, limit));
        let expected: Vec<_> = found.iter().map(|at| all[*at].clone()).collect();
        assert_eq!(listed, expected, "below {before}, at most {limit}; the one at 0 that judged nothing is left out");
    }
    let named = ["above", "first", "second"].map(|name| format!("sha256:{name}")).into();
    assert_eq!(read(&opened, |log| log.judging_components()), named, "also of one that judged nothing");
    assert_eq!(records[2].behind(Some(&all[2]), 9), None, "it says the same");
    assert_eq!(records[2].behind(Some(&all[1]), 7), Some(all[2].clone()));
    assert_eq!(records[1].behind(Some(&all[0]), 0), Some(all[1].clone()));
}

pub(super) fn checkpoints_are_thinned(subject: &dyn Subject) {
    let mut opened = subject.open();
    let checkpoint = |number: u64| NewCheckpoint {
        size: number / 2,
        signed_at: at(number),
        note: format!("note {number}"),
        link: [1, 4].contains(&number).then(|| vec![Hash::of(b"a"); number as usize]),
    };
    let signed = |number| CheckpointChange::Signed(checkpoint(number));
    let last = NEWEST_CHECKPOINTS + 3;
    let checkpoints = (1..=last).map(signed).chain([signed(last), CheckpointChange::Clock]).collect();
    put(&mut opened, &StateChange { checkpoints, ..StateChange::default() });
    let stored = |number| StoredCheckpoint { number, checkpoint: checkpoint(number) };
    let found = |query: &CheckpointQuery| read(&opened, |log| log.checkpoints(query));
    assert_eq!(found(&CheckpointQuery::NEWEST), [stored(last)]);
    let archived = CheckpointQuery { archived: true, ..CheckpointQuery::ALL };
    assert_eq!(found(&archived), [stored(4), stored(1)]);
    assert_eq!(found(&CheckpointQuery { oldest_first: true, ..archived.clone() }), [stored(1), stored(4)]);
    assert_eq!(found(&CheckpointQuery { below: Some(4), ..archived.clone() }), [stored(1)]);
    assert_eq!(found(&CheckpointQuery { size: 2.., ..archived.clone() }), [stored(4)]);
    assert_eq!(found(&CheckpointQuery { limit: 1, ..archived }), [stored(4)]);
    let marks = read(&opened, |log| log.checkpoint_times());
    let numbers: Vec<_> = marks.iter().map(|mark| mark.number).collect();
    assert_eq!(numbers, (4..=last).rev().chain([1]).collect::<Vec<_>>(), "those that stay, and the newest");
    assert_eq!((marks[0].size, marks[0].signed_at), (last / 2, at(last)));
    assert_eq!(read(&opened, |log| log.clock_confirmed()), last);
}
