//! Removed entries: every cleanup recorded what it would remove, and where the log began afterwards. So the log must
//! begin where the last of these entries permits, and no cleanup may have planned to remove what a hold kept. An intent
//! is signed before anything is removed, so an intent that no checkpoint covers permits no removal.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use rusqlite::Row;
use uuid::Uuid;

use super::super::SqlContext;
use super::state_entries::{StateEntry, state_entries};
use super::{Fault, Subject, wrong};
use mcp_audit_log_model::time::Timestamp;

const DOING: &str = "reading what was removed";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let entries = state_entries(subject, ["retention.started", "retention.completed", "retention.failed"])?;
    let holds = holds(subject)?;
    let mark = "SELECT payloads_pruned FROM head";
    let removed = Removed {
        entries: subject.seqs.start,
        payloads: subject.connection.query_row(mark, [], |row| row.get(0)).context(DOING)?,
    };
    let signed = signed(subject)?;
    let mut announced = Announced::begin(&removed, entries.first().is_some_and(|entry| entry.seq < signed));
    for entry in &entries {
        announced.follow(entry, entry.seq < signed)?;
        if entry.method == "retention.started" {
            holds.iter().try_for_each(|hold| hold.is_kept_by(entry))?;
        }
    }
    announced.covers(&removed)?;
    Ok(entries.len() as u64)
}

/// How much is removed: the seq of the first entry that may exist, and of the first payload.
struct Removed {
    entries: u64,
    payloads: u64,
}

/// The seqs at which the log may begin, by the announced removals.
struct Announced {
    entries: RangeInclusive<u64>,
    payloads: RangeInclusive<u64>,
}

impl Announced {
    /// The state before the first remaining entry about a cleanup, which must be signed. Of earlier removals only the
    /// upper limit is known: they removed no more than is removed now.
    fn begin(removed: &Removed, is_signed: bool) -> Self {
        match is_signed && removed.entries > 0 {
            true => Self { entries: 0..=removed.entries, payloads: 0..=removed.payloads },
            false => Self { entries: 0..=0, payloads: 0..=0 },
        }
    }

    fn follow(&mut self, entry: &StateEntry, is_signed: bool) -> Result<(), Fault> {
        let (Some(entries), Some(payloads)) = (entry.number("first_place"), entry.number("payloads_first_place"))
        else {
            let is_over = entry.method == "retention.failed";
            return if is_over { Ok(()) } else { Err(unlike(entry, "does not name the first seq of the log")) };
        };
        if !self.entries.contains(&entries) || !self.payloads.contains(&payloads) {
            return Err(unlike(entry, "reports a removal that no cleanup announced"));
        }
        let (mut last, mut last_payload) = (entries, payloads);
        if entry.method == "retention.started" && is_signed {
            last += entry.number("expected").unwrap_or_default();
            last_payload = payloads.max(last).max(entry.number("payloads_expected_below").unwrap_or_default());
        }
        (self.entries, self.payloads) = (entries..=last, payloads..=last_payload);
        Ok(())
    }

    fn covers(&self, removed: &Removed) -> Result<(), Fault> {
        let what = |what: &str, gone: u64, may: &RangeInclusive<u64>| {
            format!("{what} below seq {gone} are gone, but the cleanups announced only those below {}", may.end())
        };
        if !self.entries.contains(&removed.entries) {
            return Err(wrong("head.pruned", Some(removed.entries), what("entries", removed.entries, &self.entries)));
        }
        if !self.payloads.contains(&removed.payloads) {
            return Err(wrong(
                "head.payloads_pruned",
                Some(removed.payloads),
                what("payloads", removed.payloads, &self.payloads),
            ));
        }
        Ok(())
    }
}

/// How many entries the newest checkpoint covers. Earlier checks have found that it is signed and matches the tree.
fn signed(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT coalesce((SELECT size FROM checkpoint ORDER BY number DESC LIMIT 1), 0)";
    Ok(subject.connection.query_row(sql, [], |row| row.get(0)).context(DOING)?)
}

/// A hold, and the seqs of the entries about it: it was in force between them.
struct Hold {
    id: String,
    from: Timestamp,
    placed: u64,
    released: u64,
}

impl Hold {
    fn is_kept_by(&self, entry: &StateEntry) -> Result<(), Fault> {
        let broken = |name: &str| entry.moment(name).is_some_and(|before| before > self.from);
        let in_force = (self.placed..self.released).contains(&entry.seq);
        match in_force && (broken("entries_before") || broken("payloads_before")) {
            false => Ok(()),
            true => Err(unlike(entry, &format!("announced the removal of what the hold {} kept", self.id))),
        }
    }
}

/// All holds that were ever placed. Another check compares them with the entries about them.
fn holds(subject: &Subject<'_>) -> Result<Vec<Hold>, Fault> {
    let entries = state_entries(subject, ["hold.placed", "hold.released", "hold.released"])?;
    let by_id = |method: &str| -> HashMap<String, u64> {
        let about = entries.iter().filter(|entry| entry.method == method);
        about.filter_map(|entry| Some((entry.text("hold")?.to_owned(), entry.seq))).collect()
    };
    let (placed, released) = (by_id("hold.placed"), by_id("hold.released"));
    let hold = |row: &Row<'_>| {
        let id = Uuid::from_bytes(row.get(0)?).to_string();
        // The removed entries are older than all entries that are read here.
        let end = if row.get(2)? { 0 } else { u64::MAX };
        let (placed, released) = (placed.get(&id).copied().unwrap_or(0), released.get(&id).copied().unwrap_or(end));
        Ok(Hold { id, from: Timestamp::from_micros(row.get(1)?), placed, released })
    };
    let sql = "SELECT id, starts, released_at IS NOT NULL FROM hold";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    Ok(statement.query_map([], hold).and_then(Iterator::collect).context(DOING)?)
}

fn unlike(entry: &StateEntry, what: &str) -> Fault {
    wrong("entry", Some(entry.seq), format!("{} {what}", entry.method))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(seq: u64, method: &str, details: &serde_json::Value) -> StateEntry {
        let details = details.as_object().cloned().unwrap_or_default();
        StateEntry { seq, method: method.to_owned(), by: None, at: 0, details }
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::EPOCH.plus(day * mcp_audit_log_model::time::DAY)
    }

    #[test]
    fn no_cleanup_may_mean_to_remove_what_a_hold_keeps() {
        let hold = Hold { id: "h".into(), from: day(5), placed: 10, released: 20 };
        let means = |seq, name: &str, before| {
            let intent = entry(seq, "retention.started", &json!({ name: day(before).to_string() }));
            hold.is_kept_by(&intent).is_err()
        };
        for name in ["entries_before", "payloads_before"] {
            assert!(means(15, name, 6), "in force");
            assert!(!means(15, name, 5), "what is older than it");
            assert!(!means(9, name, 6) && !means(20, name, 6), "before it was placed, and after it was released");
        }
    }

    /// Lists of entries about cleanups, each with the seqs at which the log may then begin.
    #[test]
    fn the_log_begins_where_the_cleanups_left_it() {
        let at = |first: u64| json!({ "first_place": first, "payloads_first_place": first });
        let intent = |first: u64, expected: u64| json!({ "first_place": first, "payloads_first_place": first, "expected": expected });
        let (started, completed, failed) = ("retention.started", "retention.completed", "retention.failed");
        let found = |reported: &[(&str, serde_json::Value)], signed: u64| -> Vec<u64> {
            let entries: Vec<_> =
                reported.iter().zip(100..).map(|((method, is), seq)| entry(seq, method, is)).collect();
            let may_begin = |seq: u64| {
                let removed = Removed { entries: seq, payloads: seq };
                let is_signed = entries.first().is_some_and(|entry| entry.seq < signed);
                let mut announced = Announced::begin(&removed, is_signed);
                let follow = |entry: &StateEntry| announced.follow(entry, entry.seq < signed);
                entries.iter().try_for_each(follow).and_then(|()| announced.covers(&removed)).is_ok()
            };
            (0..=100).filter(|seq| may_begin(*seq)).collect()
        };
        for (reported, begins) in [
            (vec![], 0..=0),
            (vec![(started, intent(0, 50))], 0..=50),
            (vec![(started, intent(0, 50)), (completed, at(50))], 50..=50),
            (vec![(started, intent(0, 50)), (failed, at(20))], 20..=20),
            (vec![(started, intent(0, 50)), (failed, json!({}))], 0..=50),
            (vec![(started, intent(0, 50)), (started, intent(30, 20))], 30..=50),
            // The entries about earlier removals were removed too.
            (vec![(completed, at(50)), (started, intent(50, 10)), (completed, at(60))], 60..=60),
        ] {
            assert_eq!(found(&reported, u64::MAX), begins.collect::<Vec<_>>(), "{reported:?}");
        }
        // What was signed, from seq 100 on; an unsigned removal is refused.
        for (reported, signed, begins) in [
            (vec![(started, intent(0, 50))], 100, vec![0]),
            (vec![(started, intent(0, 50)), (completed, at(50))], 100, vec![]),
            (vec![(started, intent(50, 0)), (completed, at(50))], 100, vec![]),
            (vec![(completed, at(50))], 100, vec![]),
            (vec![(started, intent(0, 50)), (completed, at(50))], 101, vec![50]),
            (vec![(completed, at(50)), (started, intent(50, 9)), (completed, at(59))], 101, vec![]),
            (vec![(completed, at(50)), (started, intent(50, 9))], 101, vec![50]),
        ] {
            assert_eq!(found(&reported, signed), begins, "{reported:?}, {signed}");
        }
    }
}
