//! Proofs about the log as it is stored, each made in one moment of it.

use rusqlite::Connection;

use super::tiles::{Tiles, unlike};
use super::{Doing, Files, leaves, places, tree};
use crate::StoreError;
use mcp_audit_log_ledger::{self as ledger, Consistency, Head, Inclusion};

impl Files {
    /// The ledger's tree at present.
    ///
    /// # Errors
    /// The database fails.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.read(tree::head)
    }

    /// The ledger's tree when it had `size` leaves.
    ///
    /// # Errors
    /// It cannot be known: the log has not got that far, or it was before what the cleanup left.
    pub fn head_at(&self, size: u64) -> Result<Head, StoreError> {
        self.read(|connection| head_at(connection, size))
    }

    /// The entry at a place with the proof that it is in the tree of `size` leaves, or in the present one; `None` where
    /// there is no such entry.
    ///
    /// # Errors
    /// The tree of that size cannot be known or does not hold the entry, or the entry is not the one that was recorded.
    pub fn inclusion(&self, seq: u64, size: Option<u64>) -> Result<Option<Inclusion>, StoreError> {
        self.read(|connection| {
            let head = size.map_or_else(|| tree::head(connection), |size| head_at(connection, size))?;
            if seq >= head.size {
                return Err(StoreError::Unprovable {
                    size: head.size,
                    from: seq + 1,
                    to: tree::head(connection)?.size,
                });
            }
            let mut found = None;
            leaves::each(connection, &self.texts, seq..seq + 1, |leaf, content, _| {
                found = Some((leaf, content));
                Ok(())
            })?;
            let Some((leaf, content)) = found else { return Ok(None) };
            let proof = ledger::inclusion(seq, head.size, &Tiles::new(connection))?;
            let inclusion = Inclusion { leaf, content, head, proof };
            let changed = |error| unlike(seq, format!("the entry is not the recorded one: {error}"));
            inclusion.verify().map_err(changed)?;
            Ok(Some(inclusion))
        })
    }

    /// The proof that the tree of `old` leaves is the beginning of that of `new`, or of the present one.
    ///
    /// # Errors
    /// One of the two cannot be known.
    pub fn consistency(&self, old: u64, new: Option<u64>) -> Result<Consistency, StoreError> {
        self.read(|connection| {
            let new = new.map_or_else(|| tree::head(connection), |size| head_at(connection, size))?;
            let old = head_at(connection, old)?;
            if old.size > new.size {
                return Err(StoreError::Unprovable { size: old.size, from: 0, to: new.size });
            }
            let proof = ledger::consistency(old.size, new.size, &Tiles::new(connection))?;
            Ok(Consistency { old, new, proof })
        })
    }
}

/// The tree of `size` leaves. What came before the cleanup's end is known as a whole only.
fn head_at(connection: &Connection, size: u64) -> Result<Head, StoreError> {
    let from = places::places(connection).doing("finding the ends of the log")?.start;
    let to = tree::head(connection)?.size;
    if size != 0 && !(from..=to).contains(&size) {
        return Err(StoreError::Unprovable { size, from, to });
    }
    Ok(Head { size, root: ledger::root(size, &Tiles::new(connection))? })
}
