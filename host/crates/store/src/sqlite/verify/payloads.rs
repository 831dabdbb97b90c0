//! The payloads: each matches the commitment in its entry, and for each missing one an entry has the reason.

use std::collections::HashSet;

use rusqlite::Row;

use super::super::{SqlContext, payloads};
use super::{Fault, Subject, wrong};
use mcp_audit_log_ledger::commitment;

const DOING: &str = "reading payloads";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let kept = kept(subject)?;
    let mark: u64 =
        subject.connection.query_row("SELECT payloads_pruned FROM head", [], |row| row.get(0)).context(DOING)?;
    let sql = "SELECT seq, id FROM entry WHERE seq >= ?1 AND payload_commitment IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.seq = entry.seq) ORDER BY seq";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let gone = statement.query_map([mark], |row| Ok((row.get(0)?, row.get(1)?)));
    let gone: Vec<(u64, Vec<u8>)> = gone.and_then(Iterator::collect).context(DOING)?;
    if gone.is_empty() {
        return Ok(kept);
    }
    let erased = erased(subject)?;
    match gone.into_iter().find(|(_, id)| !erased.contains(id)) {
        Some((seq, _)) => Err(wrong("payload", Some(seq), "the payload is missing, and no entry reports its erasure")),
        None => Ok(kept),
    }
}

/// Checks each stored payload.
fn kept(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT payload.seq, salt, request, response, notes, payload_commitment, entry.seq IS NULL,
        payload.seq < payloads_pruned FROM payload LEFT JOIN entry USING (seq), head ORDER BY payload.seq";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    let mut done = 0;
    while let Some(row) = rows.next().context(DOING)? {
        let seq: u64 = row.get(0).context(DOING)?;
        let flag = |at: usize| row.get::<_, bool>(at).context(DOING);
        if flag(6)? || flag(7)? {
            return Err(wrong("payload", Some(seq), "it has no entry, or the cleanup reports it as removed"));
        }
        let stated: Option<[u8; 32]> = row.get(5).context(DOING)?;
        let found =
            committed(row).map_err(|error| wrong("payload", Some(seq), format!("it cannot be read: {error}")))?;
        if stated != Some(found) {
            return Err(wrong("payload", Some(seq), "it does not match the commitment of its entry"));
        }
        done += 1;
        subject.report(done, 0);
    }
    Ok(done)
}

fn committed(row: &Row<'_>) -> rusqlite::Result<[u8; 32]> {
    let (salt, notes): ([u8; 32], String) = (row.get(1)?, row.get(4)?);
    let (request, response) = (payloads::body(row, 2)?, payloads::body(row, 3)?);
    Ok(commitment(&salt, request.as_deref(), response.as_deref(), &notes).0)
}

/// The ids of the entries whose payloads were erased, according to the entries about erasures.
fn erased(subject: &Subject<'_>) -> Result<HashSet<Vec<u8>>, Fault> {
    let sql = "SELECT parent FROM entry WHERE parent IS NOT NULL
        AND method = (SELECT id FROM term WHERE field = ?1 AND text = 'payload.erased')
        AND channel = (SELECT id FROM term WHERE field = ?2 AND text = 'system')";
    let fields = [mcp_audit_log_model::field::Field::Method as i64, mcp_audit_log_model::field::Field::Channel as i64];
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let ids = statement.query_map(fields, |row| row.get(0));
    Ok(ids.and_then(Iterator::collect).context(DOING)?)
}
