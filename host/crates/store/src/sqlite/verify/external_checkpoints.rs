//! Checkpoints that were kept elsewhere: the log signed each, and must still contain the tree that it signs.

use rusqlite::params;

use super::super::SqlContext;
use super::checkpoints::keys;
use super::{Fault, Subject, wrong};
use crate::ExternalCheckpoint;
use mcp_audit_log_index::{Snapshot, Tiles};
use mcp_audit_log_ledger::{Checkpoint, Hash, SignedCheckpoint, root};

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let keys = keys(subject)?;
    for ExternalCheckpoint { name, note } in subject.external {
        note.verify_timed(&keys).map_err(|error| wrong(name, None, error.to_string()))?;
        let Checkpoint { size, root: said, .. } = note.checkpoint();
        let there = subject.log.head()?.tree.size;
        if *size > there {
            let what = format!("{size} entries were signed, but the log has {there}: the end of the log is missing");
            return Err(wrong(name, Some(there), what));
        }
        match root_at(subject, *size)? {
            Some(found) if found != *said => {
                let what = format!(
                    "the log's first {size} entries have the root {found}, but the checkpoint has \
                                    {said}"
                );
                return Err(wrong(name, Some(*size), what));
            }
            Some(_) => {}
            None => subject.uncompared.borrow_mut().push(format!(
                "{name} is of {size} entries; those below seq {} were removed, and no archived checkpoint of that \
                 size is left",
                subject.seqs.start
            )),
        }
    }
    Ok(subject.external.len() as u64)
}

/// The root of the log at this size, from its tree or from an archived checkpoint. Earlier checks found that each
/// archived checkpoint is signed and has a proof to the next one, and the last one to the tree. Nothing else about that
/// time can be checked.
fn root_at(subject: &Subject<'_>, size: u64) -> Result<Option<Hash>, Fault> {
    if size >= subject.seqs.start {
        return Ok(Some(root(size, &Tiles::new(&subject.log))?));
    }
    let sql = "SELECT note FROM checkpoint WHERE size = ?1 AND archived = 1 LIMIT 1";
    let mut statement = subject.connection.prepare_cached(sql).context("comparing checkpoints")?;
    let mut rows = statement.query(params![size]).context("comparing checkpoints")?;
    let Some(row) = rows.next().context("comparing checkpoints")? else { return Ok(None) };
    let note: String = row.get(0).context("comparing checkpoints")?;
    // That it is a checkpoint, and signed, was found before.
    Ok(SignedCheckpoint::parse(note.as_bytes()).ok().map(|own| own.checkpoint().root))
}
