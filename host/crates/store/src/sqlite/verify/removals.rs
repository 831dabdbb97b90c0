//! What is gone: every cleanup said what it would remove and where the log began afterwards, so the log must begin where the
//! last of these entries lets it begin; and none may have meant to remove what a hold kept. An intent was signed before
//! anything went, so one that no checkpoint is about lets nothing go.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use rusqlite::Row;
use uuid::Uuid;

use super::super::Doing;
use super::told::{Told, told};
use super::{Fault, Subject, wrong};
use mcp_audit_log_model::time::Timestamp;

const DOING: &str = "reading what was removed";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let told = told(subject, ["retention.started", "retention.completed", "retention.failed"])?;
    let holds = holds(subject)?;
    let mark = "SELECT payloads_pruned FROM head";
    let gone = Gone {
        entries: subject.places.start,
        payloads: subject.connection.query_row(mark, [], |row| row.get(0)).doing(DOING)?,
    };
    let signed = signed(subject)?;
    let mut may = May::begin(&gone, told.first().is_some_and(|told| told.seq < signed));
    for told in &told {
        may.follow(told, told.seq < signed)?;
        if told.method == "retention.started" {
            holds.iter().try_for_each(|hold| hold.is_kept_by(told))?;
        }
    }
    may.be(&gone)?;
    Ok(told.len() as u64)
}

/// How much is gone: the places of the first entry, and of the first payload, that may be there.
struct Gone {
    entries: u64,
    payloads: u64,
}

/// Where the log may begin by what entries say.
struct May {
    entries: RangeInclusive<u64>,
    payloads: RangeInclusive<u64>,
}

impl May {
    /// Of what was removed before the first of the entries that are left, which must be signed, nothing is known but that it
    /// was no more.
    fn begin(gone: &Gone, is_signed: bool) -> Self {
        match is_signed && gone.entries > 0 {
            true => Self { entries: 0..=gone.entries, payloads: 0..=gone.payloads },
            false => Self { entries: 0..=0, payloads: 0..=0 },
        }
    }

    fn follow(&mut self, told: &Told, is_signed: bool) -> Result<(), Fault> {
        let (Some(entries), Some(payloads)) = (told.number("first_place"), told.number("payloads_first_place")) else {
            let is_over = told.method == "retention.failed";
            return if is_over { Ok(()) } else { Err(unlike(told, "does not name the first seq of the log")) };
        };
        if !self.entries.contains(&entries) || !self.payloads.contains(&payloads) {
            return Err(unlike(told, "reports a removal that no cleanup announced"));
        }
        let (mut last, mut last_payload) = (entries, payloads);
        if told.method == "retention.started" && is_signed {
            last += told.number("expected").unwrap_or_default();
            last_payload = payloads.max(last).max(told.number("payloads_expected_below").unwrap_or_default());
        }
        (self.entries, self.payloads) = (entries..=last, payloads..=last_payload);
        Ok(())
    }

    fn be(&self, gone: &Gone) -> Result<(), Fault> {
        let what = |what: &str, gone: u64, may: &RangeInclusive<u64>| {
            format!("{what} below seq {gone} are gone, but the cleanups announced only those below {}", may.end())
        };
        if !self.entries.contains(&gone.entries) {
            return Err(wrong("head.pruned", Some(gone.entries), what("entries", gone.entries, &self.entries)));
        }
        if !self.payloads.contains(&gone.payloads) {
            return Err(wrong(
                "head.payloads_pruned",
                Some(gone.payloads),
                what("payloads", gone.payloads, &self.payloads),
            ));
        }
        Ok(())
    }
}

/// How many entries the newest checkpoint is about. That it is signed, and fits the tree, was found before.
fn signed(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT coalesce((SELECT size FROM checkpoint ORDER BY number DESC LIMIT 1), 0)";
    Ok(subject.connection.query_row(sql, [], |row| row.get(0)).doing(DOING)?)
}

/// A hold, and the places of the entries about it: between them it was in force.
struct Hold {
    id: String,
    from: Timestamp,
    placed: u64,
    released: u64,
}

impl Hold {
    fn is_kept_by(&self, told: &Told) -> Result<(), Fault> {
        let broken = |name: &str| told.moment(name).is_some_and(|before| before > self.from);
        let in_force = (self.placed..self.released).contains(&told.seq);
        match in_force && (broken("entries_before") || broken("payloads_before")) {
            false => Ok(()),
            true => Err(unlike(told, &format!("announced the removal of what the hold {} kept", self.id))),
        }
    }
}

/// The holds there ever were. That they are as the entries about them say is another check.
fn holds(subject: &Subject<'_>) -> Result<Vec<Hold>, Fault> {
    let told = told(subject, ["hold.placed", "hold.released", "hold.released"])?;
    let by_id = |method: &str| -> HashMap<String, u64> {
        let about = told.iter().filter(|told| told.method == method);
        about.filter_map(|told| Some((told.text("hold")?.to_owned(), told.seq))).collect()
    };
    let (placed, released) = (by_id("hold.placed"), by_id("hold.released"));
    let hold = |row: &Row<'_>| {
        let id = Uuid::from_bytes(row.get(0)?).to_string();
        // Entries that are gone are older than all that are told of here.
        let end = if row.get(2)? { 0 } else { u64::MAX };
        let (placed, released) = (placed.get(&id).copied().unwrap_or(0), released.get(&id).copied().unwrap_or(end));
        Ok(Hold { id, from: Timestamp::from_micros(row.get(1)?), placed, released })
    };
    let sql = "SELECT id, starts, released_at IS NOT NULL FROM hold";
    let mut statement = subject.connection.prepare(sql).doing(DOING)?;
    Ok(statement.query_map([], hold).and_then(Iterator::collect).doing(DOING)?)
}

fn unlike(told: &Told, what: &str) -> Fault {
    wrong("entry", Some(told.seq), format!("{} {what}", told.method))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(seq: u64, method: &str, details: &serde_json::Value) -> Told {
        let details = details.as_object().cloned().unwrap_or_default();
        Told { seq, method: method.to_owned(), by: None, at: 0, details }
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::EPOCH.plus(day * mcp_audit_log_model::time::DAY)
    }

    #[test]
    fn no_cleanup_may_mean_to_remove_what_a_hold_keeps() {
        let hold = Hold { id: "h".into(), from: day(5), placed: 10, released: 20 };
        let means = |seq, name: &str, before| {
            let intent = told(seq, "retention.started", &json!({ name: day(before).to_string() }));
            hold.is_kept_by(&intent).is_err()
        };
        for name in ["entries_before", "payloads_before"] {
            assert!(means(15, name, 6), "in force");
            assert!(!means(15, name, 5), "what is older than it");
            assert!(!means(9, name, 6) && !means(20, name, 6), "before it was placed, and after it was released");
        }
    }

    /// Each list of what was said, and where the log may then begin.
    #[test]
    fn the_log_begins_where_the_cleanups_left_it() {
        let at = |first: u64| json!({ "first_place": first, "payloads_first_place": first });
        let intent = |first: u64, expected: u64| json!({ "first_place": first, "payloads_first_place": first, "expected": expected });
        let (started, completed, failed) = ("retention.started", "retention.completed", "retention.failed");
        let found = |told_of: &[(&str, serde_json::Value)], signed: u64| -> Vec<u64> {
            let told: Vec<_> = told_of.iter().zip(100..).map(|((method, is), seq)| told(seq, method, is)).collect();
            let may = |place: u64| {
                let gone = Gone { entries: place, payloads: place };
                let mut may = May::begin(&gone, told.first().is_some_and(|told| told.seq < signed));
                let follow = |told: &Told| may.follow(told, told.seq < signed);
                told.iter().try_for_each(follow).and_then(|()| may.be(&gone)).is_ok()
            };
            (0..=100).filter(|place| may(*place)).collect()
        };
        for (told_of, begins) in [
            (vec![], 0..=0),
            (vec![(started, intent(0, 50))], 0..=50),
            (vec![(started, intent(0, 50)), (completed, at(50))], 50..=50),
            (vec![(started, intent(0, 50)), (failed, at(20))], 20..=20),
            (vec![(started, intent(0, 50)), (failed, json!({}))], 0..=50),
            (vec![(started, intent(0, 50)), (started, intent(30, 20))], 30..=50),
            // The entries about what went before are gone with it.
            (vec![(completed, at(50)), (started, intent(50, 10)), (completed, at(60))], 60..=60),
        ] {
            assert_eq!(found(&told_of, u64::MAX), begins.collect::<Vec<_>>(), "{told_of:?}");
        }
        // What was signed, from place 100 on; an unsigned removal is refused.
        for (told_of, signed, begins) in [
            (vec![(started, intent(0, 50))], 100, vec![0]),
            (vec![(started, intent(0, 50)), (completed, at(50))], 100, vec![]),
            (vec![(started, intent(50, 0)), (completed, at(50))], 100, vec![]),
            (vec![(completed, at(50))], 100, vec![]),
            (vec![(started, intent(0, 50)), (completed, at(50))], 101, vec![50]),
            (vec![(completed, at(50)), (started, intent(50, 9)), (completed, at(59))], 101, vec![]),
            (vec![(completed, at(50)), (started, intent(50, 9))], 101, vec![50]),
        ] {
            assert_eq!(found(&told_of, signed), begins, "{told_of:?}, {signed}");
        }
    }
}
