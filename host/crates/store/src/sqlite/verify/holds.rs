//! Legal holds: each agrees with the entries about it, as far as these still exist, and none is missing.

use std::collections::HashMap;

use rusqlite::Row;
use uuid::Uuid;

use super::super::SqlContext;
use super::state_entries::{StateEntry, state_entries};
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::{ColumnValue, RowColumns, Snapshot};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

const DOING: &str = "reading holds";

/// A hold as it is stored in its row.
struct HoldRow {
    id: String,
    from: String,
    to: Option<String>,
    placed: HoldAction,
    released: Option<HoldAction>,
}

/// The user who placed or released it, the time and the reason.
#[derive(PartialEq, Eq)]
struct HoldAction {
    by: String,
    at: i64,
    reason: String,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let entries = state_entries(subject, ["hold.placed", "hold.released", "hold.released"])?;
    let by_id = |method: &str| -> HashMap<&str, &StateEntry> {
        let about = entries.iter().filter(|entry| entry.method == method);
        about.filter_map(|entry| Some((entry.text("hold")?, entry))).collect()
    };
    let (placed, released) = (by_id("hold.placed"), by_id("hold.released"));
    let sql =
        "SELECT id, starts, ends, placed_by, placed_at, reason, released_by, released_at, release_reason FROM hold";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let found: Vec<HoldRow> = statement.query_map([], hold_row).and_then(Iterator::collect).context(DOING)?;
    let oldest = oldest(subject)?;
    for hold in &found {
        let id = hold.id.as_str();
        let is_placed = placed.get(id).map_or(hold.placed.at <= oldest, |entry| {
            (entry.text("from"), entry.text("to")) == (Some(&hold.from), hold.to.as_deref()) && hold.placed.is(entry)
        });
        let is_released = match (&hold.released, released.get(id)) {
            (Some(action), Some(entry)) => action.is(entry),
            (Some(action), None) => (hold.placed.at..=oldest).contains(&action.at),
            (None, entry) => entry.is_none(),
        };
        if !is_placed || !is_released {
            return Err(wrong("hold", None, format!("hold {id} does not match its entries")));
        }
    }
    match placed.keys().find(|id| found.iter().all(|hold| hold.id != **id)) {
        Some(id) => Err(wrong("hold", None, format!("hold {id} was placed but is missing"))),
        None => Ok(found.len() as u64),
    }
}

/// When the oldest entry was recorded that the cleanup left. No entry that is still there is about what happened
/// before.
fn oldest(subject: &Subject<'_>) -> Result<i64, Fault> {
    if subject.seqs.start == 0 {
        return Ok(i64::MIN);
    }
    let mut oldest = i64::MAX - 1;
    subject.log.rows(0..u64::MAX, RowColumns::Fields(&[Field::RecordedAt]), &mut |_, row| {
        if let ColumnValue::Integer(micros) = row.column(0) {
            oldest = micros;
        }
        Ok(false)
    })?;
    Ok(oldest)
}

impl HoldAction {
    /// Whether an entry agrees with this hold.
    fn is(&self, entry: &StateEntry) -> bool {
        (entry.by.as_deref(), entry.at, entry.text("reason")) == (Some(&self.by), self.at, Some(&self.reason))
    }
}

fn hold_row(row: &Row<'_>) -> rusqlite::Result<HoldRow> {
    let moment = |micros: i64| Timestamp::from_micros(micros).to_string();
    let (by, at, reason): (Option<String>, Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?, row.get(8)?);
    let released = match (by, at, reason) {
        (None, None, None) => None,
        (Some(by), Some(at), Some(reason)) => Some(HoldAction { by, at, reason }),
        // No entry is about half an action.
        _ => Some(HoldAction { by: String::new(), at: i64::MAX, reason: String::new() }),
    };
    Ok(HoldRow {
        id: Uuid::from_bytes(row.get(0)?).to_string(),
        from: moment(row.get(1)?),
        to: row.get::<_, Option<i64>>(2)?.map(moment),
        placed: HoldAction { by: row.get(3)?, at: row.get(4)?, reason: row.get(5)? },
        released,
    })
}
