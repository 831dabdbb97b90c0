//! The log's own entries about changes of states beside the entries: settings, holds, cleanups, starts.

use rusqlite::Row;

use super::super::SqlContext;
use super::{Fault, Subject};
use mcp_audit_log_model::entry::Details;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// An entry about a changed state.
pub(super) struct StateEntry {
    pub(super) seq: u64,
    pub(super) method: String,
    pub(super) by: Option<String>,
    /// When, in microseconds.
    pub(super) at: i64,
    pub(super) details: Details,
}

impl StateEntry {
    /// A number in its details.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.details.get(name).and_then(serde_json::Value::as_u64)
    }

    /// A time in its details.
    pub(super) fn moment(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(Timestamp::parse)
    }

    /// A text in its details.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(serde_json::Value::as_str)
    }
}

/// The log's own entries with one of three methods, oldest first, without those about refused attempts.
pub(super) fn state_entries(subject: &Subject<'_>, methods: [&str; 3]) -> Result<Vec<StateEntry>, Fault> {
    let doing = "reading what entries report of other tables";
    let sql = "SELECT method.text, who.text, occurred_at, details, seq FROM entry
        JOIN term AS method ON method.field = ?1 AND method.id = entry.method
        LEFT JOIN term AS who ON who.field = ?2 AND who.id = entry.user
        WHERE entry.method IN (SELECT id FROM term WHERE field = ?1 AND text IN (?4, ?5, ?6))
        AND channel = (SELECT id FROM term WHERE field = ?3 AND text = 'system')
        AND outcome IS NOT (SELECT id FROM term WHERE field = ?7 AND text = 'denied') ORDER BY seq";
    let fields = [Field::Method, Field::User, Field::Channel, Field::Outcome].map(|field| field as i64);
    let mut statement = subject.connection.prepare(sql).context(doing)?;
    let values = (fields[0], fields[1], fields[2], methods[0], methods[1], methods[2], fields[3]);
    let read = statement.query_map(values, read);
    Ok(read.and_then(Iterator::collect).context(doing)?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StateEntry> {
    let details: Option<String> = row.get(3)?;
    let details = serde_json::from_str(&details.unwrap_or_default()).unwrap_or_default();
    Ok(StateEntry { seq: row.get(4)?, method: row.get(0)?, by: row.get(1)?, at: row.get(2)?, details })
}
