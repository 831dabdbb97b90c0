//! (short: one search, of pages and of usage) From a time of recording to a `seq`. Recording times never go back, so a
//! binary search finds it.

use crate::StoreError;
use crate::row::{ColumnValue, RowColumns};
use crate::snapshot::Snapshot;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// The `seq` of the first entry that was recorded at or after `moment`; if there is none, the next `seq` to be
/// assigned.
///
/// # Errors
/// The store fails.
pub(crate) fn seq_at(log: &dyn Snapshot, moment: Timestamp) -> Result<u64, StoreError> {
    let mut range = log.seqs()?;
    while range.start < range.end {
        let middle = range.start + (range.end - range.start) / 2;
        let recorded_at = recorded_at(log, middle..range.end)?;
        match recorded_at.is_some_and(|at| at < moment) {
            true => range.start = middle + 1,
            false => range.end = middle,
        }
    }
    Ok(range.start)
}

/// The recording time of the first entry in a range of seqs.
pub(crate) fn recorded_at(log: &dyn Snapshot, seqs: std::ops::Range<u64>) -> Result<Option<Timestamp>, StoreError> {
    let mut found = None;
    log.rows(seqs, RowColumns::Fields(&[Field::RecordedAt]), &mut |_, row| {
        if let ColumnValue::Integer(micros) = row.column(0) {
            found = Some(Timestamp::from_micros(micros));
        }
        Ok(false)
    })?;
    Ok(found)
}
