//! The runs brought up to where the log is, mended, and removed when their time has come.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::blocks;
use super::super::places::place_at;
use super::cuts::{Cut, DIMENSIONS};
use super::fold::fold;
use super::runs::{self, Grain};
use super::{Doing, HOUR};
use crate::StoreError;
use crate::index::{LARGE, Zone};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

const PRUNING: &str = "removing old usage";
const MENDING: &str = "repairing usage";
/// Behind every run.
const END: u64 = i64::MAX.cast_unsigned();

/// Folds what the large blocks below `end` hold.
pub(in super::super) fn keep_up(connection: &Connection, end: u64) -> Result<(), StoreError> {
    let mut folded = runs::folded(connection)?;
    loop {
        let next = (folded / LARGE + 1) * LARGE;
        if next > end {
            return Ok(());
        }
        let (run, parts) = fold(connection, folded..next)?;
        runs::append(connection, &run, &parts)?;
        folded = next;
    }
}

/// Folds some of what is about to be removed, if it is not folded yet: whatever was recorded before this moment.
/// It is at least what a step of the cleanup removes.
pub(in super::super) fn fold_before(connection: &Connection, moment: Option<Timestamp>) -> Result<(), StoreError> {
    let Some(moment) = moment else { return Ok(()) };
    let folded = runs::folded(connection)?;
    let end = place_at(connection, moment).doing("finding entries to aggregate")?.min(folded + LARGE);
    if end <= folded {
        return Ok(());
    }
    let (run, parts) = fold(connection, folded..end)?;
    runs::append(connection, &run, &parts)
}

/// Makes the runs whole: what is missing or damaged of them is made again from the entries. What the entries do not say
/// any more stays as it is; answers tell that they lack it. `pruned` and `next` are the log's ends.
pub(in super::super) fn mend(connection: &Connection, pruned: u64, next: u64) -> Result<(), StoreError> {
    let mut before = None;
    for (run, is_whole) in runs::all(connection)? {
        let follows = is_whole && before.map_or(run.first <= pruned, |before| before == run.first) && run.end() <= next;
        let whole = if follows { run.check(connection) } else { Err(run.damaged()) };
        before = Some(run.end());
        match whole {
            Err(error) if !error.is_index() => return Err(error),
            Err(_) if run.first >= pruned => {
                tracing::error!(first = run.first, "usage is rebuilt from the entries");
                remove(connection, run.first..END).doing(MENDING)?;
                break;
            }
            Err(_) => tracing::error!(first = run.first, "usage is damaged, and its entries are gone"),
            Ok(()) => {}
        }
    }
    // Parts whose run is gone.
    remove(connection, runs::folded(connection)?..END).doing(MENDING)?;
    keep_up(connection, blocks::end(connection).doing(MENDING)?.unwrap_or(0))
}

/// Removes the oldest run if all of it was recorded before this moment and its entries are gone. Returns whether there
/// was one.
pub(in super::super) fn prune(connection: &Connection, before: Option<Timestamp>) -> Result<bool, StoreError> {
    let Some(before) = before else { return Ok(false) };
    let sql = "SELECT first + length FROM usage_run JOIN head WHERE recorded < ?1 AND first + length <= pruned
        AND first = (SELECT min(first) FROM usage_run)";
    let mut statement = connection.prepare(sql).doing(PRUNING)?;
    let end: Option<u64> = statement.query_row([before.as_micros()], |row| row.get(0)).optional().doing(PRUNING)?;
    let Some(end) = end else { return Ok(false) };
    let sql = "UPDATE head SET usage_pruned = ?1,
        usage_until = (SELECT max(recorded, most + ?2, coalesce(usage_until, most)) FROM usage_run ORDER BY first LIMIT 1)";
    connection.execute(sql, params![end, HOUR]).doing(PRUNING)?;
    remove(connection, 0..end).doing(PRUNING)?;
    Ok(true)
}

/// None of these statements is cached, for the reason given at [`super::super::writer`].
fn remove(connection: &Connection, runs: std::ops::Range<u64>) -> rusqlite::Result<()> {
    // What somebody put before the first place as well.
    let start = if runs.start == 0 { i64::MIN } else { runs.start.cast_signed() };
    let runs = [start, runs.end.cast_signed()];
    connection.execute("DELETE FROM usage_part WHERE run >= ?1 AND run < ?2", runs)?;
    connection.execute("DELETE FROM usage_run WHERE first >= ?1 AND first < ?2", runs).map(drop)
}

/// The numbers of texts of `field` that usage has.
pub(in super::super) fn used(connection: &Connection, field: Field) -> Result<BTreeSet<u64>, StoreError> {
    let mut used = BTreeSet::new();
    let Some(cut) = Cut::of(&BTreeSet::from([field])).filter(|_| DIMENSIONS.contains(&field)) else { return Ok(used) };
    for (run, _) in runs::all(connection)? {
        for key in run.keys(cut, Grain::Day, None) {
            if let Some(Zone::Values(values)) = run.cells(connection, key)?.block.zone(connection, field)? {
                used.extend(values);
            }
        }
    }
    Ok(used)
}
