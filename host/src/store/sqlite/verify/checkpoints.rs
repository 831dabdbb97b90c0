//! Checkpoints: each is signed by a key that the log knows, says what its row says, fits the tree as far as that is still
//! there, and the archived ones lead from one to the next.

use super::super::Doing;
use super::super::checkpoints::{COLUMNS, stored};
use super::super::tiles::Tiles;
use super::super::tree;
use super::{Fault, Subject, wrong};
use crate::ledger::{Hash, SignedCheckpoint, VerifierKey, root, verify_consistency};
use crate::store::StoredCheckpoint;
use crate::time::SECOND;

const DOING: &str = "checking checkpoints";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let keys = keys(subject)?;
    let mut statement = subject.connection.prepare(&format!("{COLUMNS} ORDER BY number")).doing(DOING)?;
    let all = statement.query_map([], stored).doing(DOING)?;
    let (mut done, mut before) = (0, None);
    for checkpoint in all {
        let checkpoint = checkpoint.doing(DOING)?;
        let found = signed(&checkpoint, &keys)?;
        fits_tree(subject, &checkpoint, &found)?;
        if let Some(link) = &checkpoint.checkpoint.link {
            let new = (checkpoint.checkpoint.size, found);
            let (old, old_root) = before.unwrap_or((0, Hash::of_nothing()));
            let leads = before.is_none() && link.is_empty()
                || verify_consistency((old, &old_root), (new.0, &new.1), link).is_ok();
            leads
                .then_some(())
                .ok_or_else(|| damaged(&checkpoint, "the archived one before it does not lead to it"))?;
            before = Some(new);
        }
        done += 1;
        subject.told(done, 0);
    }
    Ok(done)
}

fn keys(subject: &Subject<'_>) -> Result<Vec<VerifierKey>, Fault> {
    let mut statement = subject.connection.prepare("SELECT vkey FROM verifier").doing(DOING)?;
    let texts = statement.query_map([], |row| row.get(0)).doing(DOING)?;
    let key = |text: rusqlite::Result<String>| {
        VerifierKey::parse(&text.doing(DOING)?).map_err(|error| wrong("verifier.vkey", None, error.to_string()))
    };
    texts.map(key).collect()
}

/// The root that it says, when it says what its row says and is signed.
fn signed(stored: &StoredCheckpoint, keys: &[VerifierKey]) -> Result<Hash, Fault> {
    let read = SignedCheckpoint::parse(stored.checkpoint.note.as_bytes());
    let verified = read.and_then(|read| Ok((read.verify(keys)?, read)));
    let (time, read) = verified.map_err(|error| damaged(stored, &error.to_string()))?;
    let (size, seconds) = (read.checkpoint().size, stored.checkpoint.signed_at.as_micros() / SECOND);
    if size != stored.checkpoint.size || time.is_some_and(|time| i64::try_from(time) != Ok(seconds)) {
        return Err(damaged(stored, "its note says another size or time"));
    }
    Ok(read.checkpoint().root)
}

fn fits_tree(subject: &Subject<'_>, stored: &StoredCheckpoint, signed: &Hash) -> Result<(), Fault> {
    let size = stored.checkpoint.size;
    if size > tree::head(subject.connection)?.size {
        return Err(damaged(stored, "more entries were signed than there are: the end of the log is missing"));
    }
    // What was before the oldest entry is known by its frontier alone.
    let known = size >= subject.places.start;
    if known && root(size, &Tiles::new(subject.connection))? != *signed {
        return Err(damaged(stored, "the entries are not those that were signed"));
    }
    Ok(())
}

fn damaged(stored: &StoredCheckpoint, what: &str) -> Fault {
    wrong("checkpoint", Some(stored.checkpoint.size), format!("number {}: {what}", stored.number))
}
