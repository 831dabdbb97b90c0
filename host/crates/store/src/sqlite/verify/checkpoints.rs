//! Checkpoints: none is missing that must be there. Each is signed by a key of the log, agrees with its row, and
//! matches the tree as far as the tree still exists. Each archived one has a proof to the next.

use super::super::SqlContext;
use super::super::checkpoints::{COLUMNS, stored};
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::{Inventory, NEWEST_CHECKPOINTS, Snapshot, StoredCheckpoint, Tiles};
use mcp_audit_log_ledger::{Hash, SignedCheckpoint, VerifierKey, root, verify_consistency};
use mcp_audit_log_model::time::{SECOND, Timestamp};

const DOING: &str = "checking checkpoints";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let keys = keys(subject)?;
    shaped(subject)?;
    let newest = Inventory::of(&subject.log)?.newest;
    let mut statement = subject.connection.prepare(&format!("{COLUMNS} ORDER BY number")).context(DOING)?;
    let all = statement.query_map([], stored).context(DOING)?;
    let (mut row, mut signed_size) = (Row { newest, number: 0, archived: None }, 0);
    for checkpoint in all {
        let checkpoint = checkpoint.context(DOING)?;
        let root = signed(&checkpoint, &keys)?;
        fits_tree(subject, &checkpoint, &root)?;
        row.next(&checkpoint, root).map_err(|what| damaged(&checkpoint, what))?;
        signed_size = checkpoint.checkpoint.size;
        subject.report(row.number, newest);
    }
    if row.number == 0 && (!keys.is_empty() || subject.log.head()?.tree.size > 0) {
        return Err(wrong(
            "checkpoint",
            None,
            "there is no checkpoint, though the first is signed before the first \
                                              entry",
        ));
    }
    reaches(subject, signed_size, "no checkpoint is")?;
    let archived = row.archived.map_or(0, |Archived(size, ..)| size);
    reaches(subject, archived, "no archived checkpoint is")?;
    Ok(row.number)
}

/// The remaining entries must continue from a signed checkpoint. Otherwise nothing links the tree to the removed
/// entries. The cleanup leaves a checkpoint, and an archived one, that covers the `seq` at which the log begins.
fn reaches(subject: &Subject<'_>, size: u64, none: &str) -> Result<(), Fault> {
    let first = subject.seqs.start;
    if size >= first {
        return Ok(());
    }
    let what = format!("{none} about the entries below seq {first}, which are gone: the last is about {size}");
    Err(wrong("head.pruned", Some(first), what))
}

/// Whether flags and links satisfy the constraints of the table, which SQLite checks only when it writes.
fn shaped(subject: &Subject<'_>) -> Result<(), Fault> {
    let sql = "SELECT min(number) FROM checkpoint WHERE archived NOT IN (0, 1) OR (link IS NULL) <> (archived = 0)
        OR length(link) % 32 <> 0 OR number < 1";
    let found: Option<i64> = subject.connection.query_row(sql, [], |row| row.get(0)).context(DOING)?;
    let broken = |number| wrong("checkpoint", None, format!("number {number}: its link is not valid"));
    found.map_or(Ok(()), |number| Err(broken(number)))
}

/// The progress of the check, in the order of the checkpoints' numbers.
struct Row {
    /// The number of the newest checkpoint.
    newest: u64,
    /// The number of the last checked one.
    number: u64,
    archived: Option<Archived>,
}

/// The last archived checkpoint: size, root, and the day whose first checkpoint it is.
struct Archived(u64, Hash, Timestamp);

impl Row {
    /// Whether this checkpoint may be the next.
    fn next(
        &mut self,
        StoredCheckpoint { number, checkpoint }: &StoredCheckpoint,
        root: Hash,
    ) -> Result<(), &'static str> {
        let thinned = *number <= self.newest.saturating_sub(NEWEST_CHECKPOINTS);
        if *number != self.number + 1 && *number > self.newest.saturating_sub(NEWEST_CHECKPOINTS) + 1 {
            return Err("the checkpoint before it is missing");
        }
        let day = checkpoint.signed_at.start_of_day();
        let is_first = self.archived.as_ref().is_none_or(|Archived(_, _, before)| *before != day);
        match &checkpoint.link {
            Some(_) if !is_first => return Err("it is marked as the first of its day, but is not"),
            None if is_first => return Err("it is the first of its day, but is not archived"),
            None if thinned => return Err("it should have been removed"),
            Some(link) => {
                self.leads(checkpoint.size, &root, link)?;
                self.archived = Some(Archived(checkpoint.size, root, day));
            }
            None => {}
        }
        self.number = *number;
        Ok(())
    }

    fn leads(&self, size: u64, root: &Hash, link: &[Hash]) -> Result<(), &'static str> {
        let Some(Archived(old, old_root, _)) = &self.archived else {
            let begins = size == 0 && link.is_empty();
            return begins.then_some(()).ok_or("it is not the checkpoint that was signed before the first entry");
        };
        verify_consistency((*old, old_root), (size, root), link)
            .map_err(|_| "the archived checkpoint before it does not lead to it")
    }
}

/// The keys of the log.
pub(super) fn keys(subject: &Subject<'_>) -> Result<Vec<VerifierKey>, Fault> {
    let mut statement = subject.connection.prepare("SELECT vkey FROM verifier").context(DOING)?;
    let texts = statement.query_map([], |row| row.get(0)).context(DOING)?;
    let key = |text: rusqlite::Result<String>| {
        VerifierKey::parse(&text.context(DOING)?).map_err(|error| wrong("verifier.vkey", None, error.to_string()))
    };
    texts.map(key).collect()
}

/// The root in the note, if the note is signed and agrees with its row.
fn signed(stored: &StoredCheckpoint, keys: &[VerifierKey]) -> Result<Hash, Fault> {
    let read = SignedCheckpoint::parse(stored.checkpoint.note.as_bytes());
    let verified = read.and_then(|read| Ok((read.verify_timed(keys)?, read)));
    let (time, read) = verified.map_err(|error| damaged(stored, &error.to_string()))?;
    let (size, at) = (read.checkpoint().size, stored.checkpoint.signed_at.as_micros());
    let is_then = |time: u64| i64::try_from(time).ok().and_then(|time| time.checked_mul(SECOND)) == Some(at);
    if size != stored.checkpoint.size || !time.is_none_or(is_then) {
        return Err(damaged(stored, "its note has another size or time"));
    }
    Ok(read.checkpoint().root)
}

fn fits_tree(subject: &Subject<'_>, stored: &StoredCheckpoint, signed: &Hash) -> Result<(), Fault> {
    let size = stored.checkpoint.size;
    if size > subject.log.head()?.tree.size {
        return Err(damaged(stored, "more entries were signed than there are: the end of the log is missing"));
    }
    // What was before the oldest entry is known by its frontier alone.
    let known = size >= subject.seqs.start;
    if known && root(size, &Tiles::new(&subject.log))? != *signed {
        return Err(damaged(stored, "the entries do not match what was signed"));
    }
    Ok(())
}

fn damaged(stored: &StoredCheckpoint, what: &str) -> Fault {
    wrong("checkpoint", Some(stored.checkpoint.size), format!("number {}: {what}", stored.number))
}
