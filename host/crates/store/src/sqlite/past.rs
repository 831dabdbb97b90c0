//! The tree as it was: what of it can still be told from the entries that are left, or from the checkpoints that stay for
//! ever, each of which leads to the next.

use rusqlite::params;

use super::checkpoints::{COLUMNS, stored};
use super::tiles::Tiles;
use super::{Doing, Files, places, tree};
use crate::StoreError;
use mcp_audit_log_ledger::{Hash, SignedCheckpoint, root, verify_consistency};

const DOING: &str = "reading the log's earlier checkpoints";

impl Tiles<'_> {
    /// The root that the tree had at `size`; `None` where the log has not got that far, or its entries begin behind it, so
    /// that nobody could tell whether what is left goes on from there.
    ///
    /// # Errors
    /// The database fails, or a tile is missing.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let first = places::places(self.connection()).doing(DOING)?.start;
        let there = first <= size && size <= tree::head(self.connection())?.size;
        there.then(|| root(size, self)).transpose()
    }

    /// The same; before the first entry that is left, by an archived checkpoint of that size that leads to the tree.
    pub(crate) fn linked_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let found = self.root_at(size)?;
        if found.is_some() { Ok(found) } else { self.archived_root(size) }
    }

    fn archived_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let sql = format!("{COLUMNS} WHERE archived = 1 AND size >= ?1 ORDER BY number");
        let mut statement = self.connection().prepare_cached(&sql).doing(DOING)?;
        let mut found: Option<(Hash, u64, Hash)> = None;
        for checkpoint in statement.query_map(params![i64::try_from(size).unwrap_or(i64::MAX)], stored).doing(DOING)? {
            let checkpoint = checkpoint.doing(DOING)?.checkpoint;
            let Ok(signed) = SignedCheckpoint::parse(checkpoint.note.as_bytes()) else { return Ok(None) };
            let (next, next_root) = (signed.checkpoint().size, signed.checkpoint().root);
            let wanted = match found {
                None if next == size => next_root,
                None => return Ok(None),
                Some((wanted, old, old_root)) => {
                    let link = checkpoint.link.unwrap_or_default();
                    if verify_consistency((old, &old_root), (next, &next_root), &link).is_err() {
                        return Ok(None);
                    }
                    wanted
                }
            };
            match self.root_at(next)? {
                Some(root) => return Ok((root == next_root).then_some(wanted)),
                None => found = Some((wanted, next, next_root)),
            }
        }
        Ok(None)
    }
}

impl Files {
    /// See [`Tiles::linked_root`].
    ///
    /// # Errors
    /// The database fails.
    pub fn linked_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        self.tree(|_, tiles| tiles.linked_root(size))
    }
}
