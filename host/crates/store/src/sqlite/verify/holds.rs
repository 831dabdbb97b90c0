//! Legal holds: each is as the entries about it say, as far as these are still there, and none of them is missing.

use std::collections::HashMap;

use rusqlite::Row;
use uuid::Uuid;

use super::super::Doing;
use super::told::{Told, told};
use super::{Fault, Subject, wrong};
use mcp_audit_log_model::time::Timestamp;

const DOING: &str = "reading holds";

/// A hold as its row has it.
struct Held {
    id: String,
    from: String,
    to: Option<String>,
    placed: Deed,
    released: Option<Deed>,
}

/// Who did it, when and why.
#[derive(PartialEq, Eq)]
struct Deed {
    by: String,
    at: i64,
    reason: String,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let told = told(subject, ["hold.placed", "hold.released", "hold.released"])?;
    let by_id = |method: &str| -> HashMap<&str, &Told> {
        let about = told.iter().filter(|told| told.method == method);
        about.filter_map(|told| Some((told.text("hold")?, told))).collect()
    };
    let (placed, released) = (by_id("hold.placed"), by_id("hold.released"));
    let sql =
        "SELECT id, starts, ends, placed_by, placed_at, reason, released_by, released_at, release_reason FROM hold";
    let mut statement = subject.connection.prepare(sql).doing(DOING)?;
    let found: Vec<Held> = statement.query_map([], held).and_then(Iterator::collect).doing(DOING)?;
    let oldest = oldest(subject)?;
    for hold in &found {
        let id = hold.id.as_str();
        let is_placed = placed.get(id).map_or(hold.placed.at <= oldest, |told| {
            (told.text("from"), told.text("to")) == (Some(&hold.from), hold.to.as_deref()) && hold.placed.is(told)
        });
        let is_released = match (&hold.released, released.get(id)) {
            (Some(deed), Some(told)) => deed.is(told),
            (Some(deed), None) => (hold.placed.at..=oldest).contains(&deed.at),
            (None, told) => told.is_none(),
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

/// When the oldest entry was recorded that the cleanup left. What happened before is told by none that is still there.
fn oldest(subject: &Subject<'_>) -> Result<i64, Fault> {
    if subject.places.start == 0 {
        return Ok(i64::MIN);
    }
    let sql = "SELECT coalesce((SELECT recorded_at FROM entry ORDER BY seq LIMIT 1), 9223372036854775806)";
    Ok(subject.connection.query_row(sql, [], |row| row.get(0)).doing(DOING)?)
}

impl Deed {
    /// Whether an entry says the same.
    fn is(&self, told: &Told) -> bool {
        (told.by.as_deref(), told.at, told.text("reason")) == (Some(&self.by), self.at, Some(&self.reason))
    }
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let moment = |micros: i64| Timestamp::from_micros(micros).to_string();
    let (by, at, reason): (Option<String>, Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?, row.get(8)?);
    let released = match (by, at, reason) {
        (None, None, None) => None,
        (Some(by), Some(at), Some(reason)) => Some(Deed { by, at, reason }),
        // Half of one is none that an entry tells of.
        _ => Some(Deed { by: String::new(), at: i64::MAX, reason: String::new() }),
    };
    Ok(Held {
        id: Uuid::from_bytes(row.get(0)?).to_string(),
        from: moment(row.get(1)?),
        to: row.get::<_, Option<i64>>(2)?.map(moment),
        placed: Deed { by: row.get(3)?, at: row.get(4)?, reason: row.get(5)? },
        released,
    })
}
