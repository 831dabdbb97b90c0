//! The payloads: each matches the commitment in its entry, and for each missing one an entry has the reason.

use std::collections::HashSet;

use rusqlite::Row;

use super::super::{SqlContext, payloads};
use super::state_entries::each_own;
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::{COMMITMENT, ColumnValue, HAS_PAYLOAD, RowColumns, Snapshot};
use mcp_audit_log_ledger::is_committed;
use mcp_audit_log_model::field::Field;

const DOING: &str = "reading payloads";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let kept = kept(subject)?;
    let mark: u64 =
        subject.connection.query_row("SELECT payloads_pruned FROM head", [], |row| row.get(0)).context(DOING)?;
    let mut gone = Vec::new();
    subject.log.rows(mark..u64::MAX, RowColumns::Shown, &mut |seq, row| {
        if row.column(COMMITMENT) != ColumnValue::Unset && row.column(HAS_PAYLOAD) == ColumnValue::Integer(0) {
            gone.push((seq, bytes(row.column(Field::Id as usize))));
        }
        Ok(true)
    })?;
    if gone.is_empty() {
        return Ok(kept);
    }
    // The ids of the entries whose payloads were erased, according to the entries about erasures.
    let mut erased = HashSet::new();
    each_own(subject, &["payload.erased"], |_, _, row| {
        erased.insert(bytes(row.column(Field::Parent as usize)));
        Ok(())
    })?;
    match gone.into_iter().find(|(_, id)| !erased.contains(id)) {
        Some((seq, _)) => Err(wrong("payload", Some(seq), "the payload is missing, and no entry reports its erasure")),
        None => Ok(kept),
    }
}

fn bytes(value: ColumnValue<'_>) -> Option<Vec<u8>> {
    if let ColumnValue::Bytes(bytes) = value { Some(bytes.to_vec()) } else { None }
}

/// Checks each stored payload.
fn kept(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT seq, salt, request, response, notes, seq < payloads_pruned FROM payload, head ORDER BY seq";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    let mut done = 0;
    while let Some(row) = rows.next().context(DOING)? {
        let seq: u64 = row.get(0).context(DOING)?;
        if !subject.seqs.contains(&seq) || row.get(5).context(DOING)? {
            return Err(wrong("payload", Some(seq), "it has no entry, or the cleanup reports it as removed"));
        }
        let mut stated = None;
        subject.log.rows(seq..seq.saturating_add(1), RowColumns::Hashed, &mut |_, row| {
            stated = bytes(row.column(COMMITMENT));
            Ok(false)
        })?;
        let matches = matches(row, &stated.unwrap_or_default());
        if !matches.map_err(|error| wrong("payload", Some(seq), format!("it cannot be read: {error}")))? {
            return Err(wrong("payload", Some(seq), "it does not match the commitment of its entry"));
        }
        done += 1;
        subject.report(done, 0);
    }
    Ok(done)
}

/// Whether `stated` is the commitment to a row.
fn matches(row: &Row<'_>, stated: &[u8]) -> rusqlite::Result<bool> {
    let (salt, notes): ([u8; 32], String) = (row.get(1)?, row.get(4)?);
    let (request, response) = (payloads::body(row, 2)?, payloads::body(row, 3)?);
    Ok(is_committed(stated, &salt, request.as_deref(), response.as_deref(), &notes))
}
