//! The roots that the tree had at smaller sizes, as far as the entries that are left or the archived checkpoints know them.

use super::tiles::Tiles;
use crate::StoreError;
use crate::states::CheckpointQuery;
use mcp_audit_log_ledger::{Hash, SignedCheckpoint, root, verify_consistency};

impl Tiles<'_> {
    /// The root that the tree had at `size`; `None` where the log has not got that far, or its entries begin behind it, so
    /// that it is unknown whether the rest continues from there.
    ///
    /// # Errors
    /// The store fails, or a tile is missing.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let there = self.log().seqs()?.start <= size && size <= self.log().head()?.tree.size;
        there.then(|| root(size, self)).transpose()
    }

    /// The same; before the first entry that is left, by an archived checkpoint of that size that leads to the tree.
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
