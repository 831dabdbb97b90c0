//! How often each value of a column occurs in a whole block, remembered: a closed block never changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::blocks::Block;
use crate::StoreError;
use mcp_audit_log_model::field::Field;

/// The most values with their counts that all readers of a log together remember, 16 bytes each. A block of 65,536 entries
/// has about 3,000 of them in the fields that the log's page counts.
const MOST: usize = 1 << 20;

/// Values, as a column's numbers, and how many rows have each.
pub(crate) type Counts = Arc<[(u64, u64)]>;

/// The counts of whole blocks. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct BlockCounts(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    /// By the block's first seq, its length, and the field.
    counts: HashMap<(u64, u64, Field), Counts, RandomState>,
    /// The number of values in all of them.
    values: usize,
}

impl BlockCounts {
    /// The counts of `field` in the whole `block`, by `count` if they are not remembered.
    pub(crate) fn of(
        &self,
        block: &Block,
        field: Field,
        count: impl FnOnce() -> Result<Vec<(u64, u64)>, StoreError>,
    ) -> Result<Counts, StoreError> {
        let key = (block.first, block.length, field);
        let is_closed = block.open.is_none();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.get(&key).cloned();
        if let Some(known) = is_closed.then(known).flatten() {
            return Ok(known);
        }
        let counts: Counts = count()?.into();
        if is_closed {
            let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if remembered.values + counts.len() <= MOST && !remembered.counts.contains_key(&key) {
                remembered.values += counts.len();
                remembered.counts.insert(key, Arc::clone(&counts));
            }
        }
        Ok(counts)
    }

    /// Forgets blocks that are not among `blocks`, because they were removed or merged, once they take much of the room.
    pub(crate) fn keep<'a>(&self, blocks: impl Iterator<Item = &'a Block>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.values > MOST / 2 {
            let there: HashSet<_> = blocks.map(|block| (block.first, block.length)).collect();
            remembered.counts.retain(|(first, length, _), _| there.contains(&(*first, *length)));
            remembered.values = remembered.counts.values().map(|counts| counts.len()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn closed(first: u64) -> Block {
        let mut block = Block::open(first, 64, HashMap::default());
        block.open = None;
        block
    }

    #[test]
    fn only_closed_blocks_are_remembered_and_only_while_they_are_there() {
        let (counts, asked) = (BlockCounts::default(), Cell::new(0));
        let of = |block: &Block, values: usize| {
            let counted = counts.of(block, Field::Tool, || {
                asked.set(asked.get() + 1);
                Ok(vec![(1, 1); values])
            });
            (counted.expect("counted").len(), asked.get())
        };
        let open = Block::open(0, 64, HashMap::default());
        assert_eq!((of(&open, 1), of(&open, 2)), ((1, 1), (2, 2)));
        let (one, two) = (closed(64), closed(128));
        assert_eq!((of(&one, 3), of(&one, 4)), ((3, 3), (3, 3)));
        // What has no room is counted each time.
        assert_eq!((of(&two, MOST), of(&two, MOST)), ((MOST, 4), (MOST, 5)));
        let (large, removed) = (closed(192), closed(256));
        assert_eq!(of(&removed, MOST / 2).1, 6);
        counts.keep([&one, &large].into_iter());
        assert_eq!((of(&large, MOST / 2), of(&one, 9)), ((MOST / 2, 7), (3, 7)));
        assert_eq!(of(&removed, 1), (1, 8), "it was forgotten");
    }
}
