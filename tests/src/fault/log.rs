//! A log after a fault: its rows, and whether the index matches them.

use std::collections::BTreeMap;
use std::path::Path;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::{Context, Domain, parse_text};
use mcp_audit_log::reader::{GroupBy, GroupSort};
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::value::Value;
use mcp_audit_log::{AuditLog, Grant, LogView, Options, Viewer, verify_log};

use super::Seen;

/// Opens the log, as the next start does, and leaves its jobs alone. What the kill left verifies, before and after.
pub fn open(folder: &Path) -> AuditLog {
    whole(folder);
    let log = Options::new(folder).own_schedule().open().expect("a log that was killed opens again");
    whole(folder);
    log
}

fn whole(folder: &Path) {
    verify_log(folder, &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("whole");
}

/// A viewer who may see all entries.
pub fn admin(log: &LogView) -> Grant {
    log.access(&Viewer { user: "anna".to_owned(), groups: vec!["admin".to_owned()], instance: None })
}

/// Every entry, newest first.
pub fn rows(log: &LogView) -> Vec<Entry> {
    found(log, &Domain::TRUE, 500)
}

/// The log as its oracle wants it, the oldest entry first.
pub fn seen(log: &LogView) -> Vec<Seen> {
    rows(log).iter().rev().map(Seen::from).collect()
}

/// The entries of this action, newest first.
pub fn of_action<'a>(rows: &'a [Entry], action: &str) -> Vec<&'a Entry> {
    rows.iter().filter(|entry| entry.text(Field::Action) == Some(action)).collect()
}

/// Every entry that matches, page by page.
fn found(log: &LogView, domain: &Domain, limit: usize) -> Vec<Entry> {
    let (access, mut found, mut before) = (admin(log), Vec::new(), None);
    loop {
        let page = log.reader(&access).page(domain.clone(), before, limit).expect("a page");
        found.extend(page.entries);
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

/// `seq` without holes, each id once. Returns the first `seq`.
pub fn without_holes(rows: &[Entry]) -> u64 {
    let first = rows.last().expect("an entry").seq;
    let mut ids = std::collections::HashSet::new();
    for (place, entry) in (first..).zip(rows.iter().rev()) {
        assert_eq!(entry.seq, place, "a hole");
        assert!(ids.insert(entry.id), "{} is there twice", entry.id);
    }
    first
}

/// Asks the index and counts the rows.
pub fn index_agrees(log: &LogView, rows: &[Entry], questions: &[&str]) {
    for question in questions {
        let domain = parse_text(question, &Context::without_viewer(log.now())).expect("a question");
        let matching: Vec<_> = rows.iter().filter(|entry| domain.matches(entry)).map(|entry| entry.seq).collect();
        let found: Vec<_> = found(log, &domain, 97).iter().map(|entry| entry.seq).collect();
        assert!(found == matching, "{question}: {} found, {} there are", found.len(), matching.len());
    }
    for field in [Field::Channel, Field::User, Field::Tool, Field::Session, Field::OutcomeDetail] {
        groups_agree(log, rows, field);
    }
}

fn groups_agree(log: &LogView, rows: &[Entry], field: Field) {
    let mut counted = BTreeMap::<Value, u64>::new();
    for entry in rows {
        *counted.entry(entry.value(field)).or_default() += 1;
    }
    let access = admin(log);
    let by = GroupBy::Field(field);
    let groups = log.reader(&access).groups(Domain::TRUE, &[by], GroupSort::Key, 500).expect("groups");
    assert_eq!((groups.found, groups.entries), (counted.len(), rows.len() as u64), "by {by}");
    for group in groups.groups {
        assert_eq!(Some(&group.count), counted.get(&group.keys[0]), "{by} {:?}", group.keys);
    }
}
