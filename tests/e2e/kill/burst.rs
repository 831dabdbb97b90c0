//! Killed under load: what was acknowledged is there, once, at its place, and the index knows of it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use mcp_audit::entry::Entry;
use mcp_audit::field::Field;

use crate::log::{index_agrees, of_action, open, rows, without_holes};
use crate::prey::Prey;

/// After how many acknowledgements the process is killed, round by round: at the very beginning, in between, and when
/// a block of the index has just been closed or is about to be.
const ROUNDS: [usize; 6] = [1, 900, 3_200, 40, 2_500, 1_700];

/// What a process said before it was killed.
#[derive(Default)]
struct Said {
    sent: HashSet<String>,
    /// Places by id.
    stored: HashMap<String, u64>,
}

#[test]
fn what_was_acknowledged_survives_a_kill_once_and_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut said = Said::default();
    for (round, acknowledged) in ROUNDS.into_iter().enumerate() {
        let before = (said.sent.len(), said.stored.len());
        said.until_killed(folder.path(), acknowledged);
        let (sent, stored) = (said.sent.len() - before.0, said.stored.len() - before.1);
        assert!(stored >= acknowledged && sent > stored, "killed in the middle: {sent} sent, {stored} stored");
        look(folder.path(), &said, round);
    }
}

impl Said {
    /// Lets a process record until it has acknowledged so many events, and kills it.
    fn until_killed(&mut self, folder: &Path, acknowledged: usize) {
        let prey = Prey::heard(Command::new(env!("CARGO_BIN_EXE_embedder")).arg(folder));
        let enough = self.stored.len() + acknowledged;
        while self.stored.len() < enough {
            self.hear(&prey.line().expect("it records until it is killed"));
        }
        prey.kill().iter().for_each(|line| self.hear(line));
    }

    fn hear(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["sent", id] => assert!(self.sent.insert(id.to_owned()), "{id} was sent twice"),
            ["stored", id, seq] => drop(self.stored.insert(id.to_owned(), seq.parse().expect("a place"))),
            _ => panic!("what is this? {line}"),
        }
    }
}

fn look(folder: &Path, said: &Said, round: usize) {
    let log = open(folder);
    let rows = rows(&log);
    assert_eq!(without_holes(&rows), 0, "the log begins at its beginning");
    let calls = rows.iter().filter(|entry| entry.text(Field::Method) == Some("tools/call"));
    let places: HashMap<_, _> = calls.map(|entry| (entry.id.to_string(), entry.seq)).collect();
    for (id, seq) in &said.stored {
        assert_eq!(places.get(id), Some(seq), "{id} was acknowledged in round {round} or before");
    }
    assert!(places.keys().all(|id| said.sent.contains(id)), "nobody sent this");
    let started = of_action(&rows, "log.started");
    assert_eq!(started[0].details["last_stop_clean"], false, "the kill is told");
    index_agrees(&log, &rows, &questions(&rows).each_ref().map(String::as_str));
    log.close();
}

/// One for each kind of column, from nearly everything to a single entry.
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
