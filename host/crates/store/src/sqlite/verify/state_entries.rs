//! The log's own entries about changes of states beside the entries: settings, holds, cleanups, starts.

use super::{Fault, Subject};
use mcp_audit_log_index::{ColumnValue, DETAILS, Row, RowColumns, Snapshot, StoreError};
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
    let mut found = Vec::new();
    each_own(subject, &methods, |seq, method, row| {
        let number = |field: Field| match row.column(field as usize) {
            ColumnValue::Integer(number) => Some(number.cast_unsigned()),
            _ => None,
        };
        let text = |field: Field| match number(field) {
            Some(number) => subject.log.text(field, number),
            None => Ok(None),
        };
        if text(Field::Outcome)?.as_deref() == Some("denied") {
            return Ok(());
        }
        let details = match row.column(DETAILS) {
            ColumnValue::Text(details) => serde_json::from_str(details).unwrap_or_default(),
            _ => Details::default(),
        };
        let by = text(Field::User)?.map(|by| by.as_ref().to_owned());
        let at = number(Field::OccurredAt).unwrap_or_default().cast_signed();
        found.push(StateEntry { seq, method: method.to_owned(), by, at, details });
        Ok(())
    })?;
    Ok(found)
}

/// Passes each of the log's own entries with one of these methods to `each`, oldest first, with its method.
pub(super) fn each_own(
    subject: &Subject<'_>,
    methods: &[&str],
    mut each: impl FnMut(u64, &str, &dyn Row) -> Result<(), StoreError>,
) -> Result<(), Fault> {
    let log = &subject.log;
    let wanted = |field: Field, text: &str| log.number(field, text).map(|number| number.map(u64::cast_signed));
    let Some(system) = wanted(Field::Channel, "system")? else { return Ok(()) };
    let numbers: Vec<_> = methods.iter().map(|method| wanted(Field::Method, method)).collect::<Result<_, _>>()?;
    log.rows(0..u64::MAX, RowColumns::Shown, &mut |seq, row| {
        if row.column(Field::Channel as usize) == ColumnValue::Integer(system) {
            let method = row.column(Field::Method as usize);
            let is_this = |number: &Option<i64>| number.is_some_and(|number| method == ColumnValue::Integer(number));
            if let Some(at) = numbers.iter().position(is_this) {
                each(seq, methods[at], row)?;
            }
        }
        Ok(true)
    })?;
    Ok(())
}
