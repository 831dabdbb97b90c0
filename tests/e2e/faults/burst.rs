//! Killed under load: acknowledged entries exist once, at their `seq`, and are in the index.

use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log_tests::fault::{Oracle, Seen, Subject, index_agrees, of_action, open, rows, verified};
use std::path::Path;

/// The number of acknowledgements after which the process is killed, for each round: at the very beginning, in between,
/// and when a block of the index has just been closed or is about to be.
const ROUNDS: [usize; 6] = [1, 900, 3_200, 40, 2_500, 1_700];

#[test]
fn acknowledged_entries_survive_a_kill_once_at_their_seq() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut oracle = Oracle::default();
    for acknowledged in ROUNDS {
        let before = oracle.acknowledged();
        let mut subject = Subject::start(folder.path());
        subject.begins("load 1000");
        subject.until_acknowledged(acknowledged, &mut oracle);
        subject.kill(&mut oracle);
        let stored = oracle.acknowledged() - before;
        assert!(stored >= acknowledged, "killed early: {stored} stored");
        look(folder.path(), &oracle);
    }
    // Not for each round: the kill after the first acknowledgement may find nothing else on its way.
    let (sent, stored) = (oracle.sent(), oracle.acknowledged());
    assert!(sent > stored, "no kill was in the middle: {sent} sent, {stored} stored");
}

fn look(folder: &Path, oracle: &Oracle) {
    verified(folder);
    let log = open(folder);
    let rows = rows(log.view());
    oracle.judge(&rows.iter().rev().map(Seen::from).collect::<Vec<_>>());
    let started = of_action(&rows, "log.started");
    assert_eq!(started[0].details["last_stop_clean"], false, "the kill is told");
    index_agrees(log.view(), &rows, &questions(&rows).each_ref().map(String::as_str));
    log.close();
}

/// One query for each kind of column, from nearly all entries to a single one.
fn questions(rows: &[Entry]) -> [String; 9] {
    let session = rows.iter().rev().find_map(|entry| entry.text(Field::Session)).expect("a session");
    [
        "tool:tool-3".to_owned(),
        "tool:tool-1,tool-2 -user:user-7".to_owned(),
        "user:user-1*".to_owned(),
        format!("session:{session}"),
        "outcome:error OR outcome:denied".to_owned(),
        "status:none".to_owned(),
        "duration:>5ms outcome:success".to_owned(),
        "request_id:3 user:user-3".to_owned(),
        "channel:system".to_owned(),
    ]
}
