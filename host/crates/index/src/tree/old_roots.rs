//! The roots of the tree at smaller sizes, as far as the remaining entries or the archived checkpoints can prove them.

use super::tiles::Tiles;
use crate::StoreError;
use crate::states::CheckpointQuery;
use mcp_audit_log_ledger::{Hash, SignedCheckpoint, root, verify_consistency};

impl Tiles<'_> {
    /// The root of the tree at `size`. `None` if the log has fewer entries, or if its entries begin after `size`, so
    /// that it is unknown whether the remaining tree continues from there.
    ///
    /// # Errors
    /// The store fails, or a tile is missing.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let there = self.log().seqs()?.start <= size && size <= self.log().head()?.tree.size;
        there.then(|| root(size, self)).transpose()
    }

    /// The same. For a `size` below the first remaining entry, the root comes from an archived checkpoint of that size
    /// that is linked to the tree.
    ///
    /// # Errors
    /// The store fails, or a tile is missing.
    pub fn linked_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let found = self.root_at(size)?;
        if found.is_some() { Ok(found) } else { self.archived_root(size) }
    }

    fn archived_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let archived = CheckpointQuery { archived: true, oldest_first: true, size: size.., ..CheckpointQuery::ALL };
        let mut found: Option<(Hash, u64, Hash)> = None;
        for stored in self.log().checkpoints(&archived)? {
            let checkpoint = stored.checkpoint;
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
