//! The reader of any store: each query sees the log at one moment.

mod investigate;
mod states;

use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use crate::dictionary::Texts;
use crate::search::block_counts::BlockCounts;
use crate::search::{groups, pages, seqs, values};
use crate::snapshot::Snapshot;
use crate::tree::proofs;
use crate::{
    GroupQuery, Groups, LogStats, Page, PageAnchor, PageQuery, StoreError, StoredPayload, Tiles, Usage, UsageQuery,
    Values, usage,
};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_ledger::{Consistency, Hash, Head, Inclusion};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// The source of a reader's snapshots.
pub trait Source: Send + Sync {
    /// Runs `work` on a snapshot, and stops it with [`StoreError::Deadline`] when it takes too long.
    ///
    /// # Errors
    /// The work fails or the store does.
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// The disk space of the store.
    ///
    /// # Errors
    /// The store fails.
    fn size(&self) -> Result<StoreSize, StoreError>;
}

/// The disk space of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Bytes in all, without the journal.
    pub bytes: u64,
    /// The bytes that are not yet copied into the database file.
    pub journal_bytes: u64,
}

/// A log, open for reading. Clones share their caches.
#[derive(Clone)]
pub struct StoreReader {
    source: Arc<dyn Source>,
    texts: Texts,
    block_counts: BlockCounts,
}

impl StoreReader {
    /// The log that `source` has.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source, texts: Texts::default(), block_counts: BlockCounts::default() }
    }

    /// Runs `read` on a snapshot.
    fn read<T>(&self, read: impl FnOnce(&dyn Snapshot) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (mut read, mut found) = (Some(read), None);
        self.source.read(&mut |log| {
            found = read.take().map(|read| read(log)).transpose()?;
            Ok(())
        })?;
        found.ok_or(StoreError::Unread)
    }

    /// The cache of the dictionary.
    #[doc(hidden)]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// One page, newest first.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.read(|log| pages::page(log, &self.texts, query))
    }

    /// Entries above `after`, oldest first.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn after(&self, domain: &Domain, after: Option<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let from = after.map_or(PageAnchor::Oldest, PageAnchor::After);
        let mut page = self.page(&PageQuery { domain: domain.clone(), from, limit })?;
        page.entries.reverse();
        Ok(page.entries)
    }

    /// The entries in `seqs` that match, oldest first; at most `limit`. No entry outside of `seqs` is read.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn entries_in(&self, domain: &Domain, seqs: Range<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(|log| pages::entries_in(log, &self.texts, domain, seqs, limit))
    }

    /// Groups of entries.
    ///
    /// # Errors
    /// There are too many, the store fails, or the deadline passes.
    pub fn groups(&self, query: &GroupQuery) -> Result<Groups, StoreError> {
        self.read(|log| groups::groups(log, &self.texts, query))
    }

    /// Usage over a range of time.
    ///
    /// # Errors
    /// There are too many values to count, the store fails, or the deadline passes.
    pub fn usage(&self, query: &UsageQuery) -> Result<Usage, StoreError> {
        self.read(|log| usage::usage(log, &self.texts, query))
    }

    /// The values of `field` among the entries that match `domain`: at most `limit`, in order. If the domain does not
    /// match all entries, only the newest million entries are searched.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn values(&self, domain: &Domain, field: Field, limit: usize) -> Result<Values, StoreError> {
        self.read(|log| values::values(log, &self.texts, domain, field, limit))
    }

    /// The payload of an entry, if there is one.
    ///
    /// # Errors
    /// The store fails, or the payload cannot be read.
    pub fn payload(&self, seq: u64) -> Result<Option<StoredPayload>, StoreError> {
        let damaged = || StoreError::damaged("reading a payload", "a compressed body is damaged".to_owned());
        self.read(|log| log.payload(seq))?.map(|packed| packed.unpack().ok_or_else(damaged)).transpose()
    }

    /// The entry with this id, if it matches `domain`. If several tenants have an entry with this id, the first one is
    /// returned.
    ///
    /// # Errors
    /// The store fails.
    pub fn entry(&self, id: Uuid, domain: &Domain) -> Result<Option<Entry>, StoreError> {
        let by_id = Domain::equals(Field::Id, id.to_string());
        let page = self.page(&PageQuery { domain: by_id.and(domain.clone()), from: PageAnchor::Oldest, limit: 1 })?;
        Ok(page.entries.into_iter().next())
    }

    /// The size of the log. The count is the distance between its ends, since there are no holes.
    ///
    /// # Errors
    /// The store fails.
    pub fn extent(&self) -> Result<LogStats, StoreError> {
        let StoreSize { bytes, journal_bytes } = self.source.size()?;
        self.read(|log| {
            let seqs = log.seqs()?;
            let ends = [seqs.clone(), seqs.end.saturating_sub(1)..seqs.end];
            let [oldest, newest] = ends.map(|seqs| seqs::recorded_at(log, seqs));
            Ok(LogStats { entries: seqs.end - seqs.start, bytes, journal_bytes, oldest: oldest?, newest: newest? })
        })
    }

    /// The seqs of the log: from its first entry to the next one to be assigned.
    ///
    /// # Errors
    /// The store fails.
    pub fn seqs(&self) -> Result<Range<u64>, StoreError> {
        self.read(|log| log.seqs())
    }

    /// Where the cleanups have brought the log: the seqs of the first entry, and of the first payload, that may be
    /// there.
    ///
    /// # Errors
    /// The store fails.
    pub fn prune_points(&self) -> Result<(u64, u64), StoreError> {
        let head = self.read(|log| log.head())?;
        Ok((head.pruned, head.payloads_pruned))
    }

    /// The `seq` of the first entry that was recorded at or after `moment`; if there is none, the next `seq` to be
    /// assigned.
    ///
    /// # Errors
    /// The store fails.
    pub fn seq_at(&self, moment: Timestamp) -> Result<u64, StoreError> {
        self.read(|log| seqs::seq_at(log, moment))
    }
}

/// The ledger.
impl StoreReader {
    /// The current tree of the ledger.
    ///
    /// # Errors
    /// The store fails.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.read(|log| proofs::head_at(log, None))
    }

    /// The ledger's tree when it had `size` leaves.
    ///
    /// # Errors
    /// It is unknown: the log has fewer entries, or the cleanup removed entries after this size.
    pub fn head_at(&self, size: u64) -> Result<Head, StoreError> {
        self.read(|log| proofs::head_at(log, Some(size)))
    }

    /// The entry at `seq`, with the proof that it is in the tree of `size` leaves, or in the current tree. `None` if
    /// there is no such entry.
    ///
    /// # Errors
    /// The tree of that size is unknown or does not contain the entry, or the entry was changed since it was recorded.
    pub fn inclusion(&self, seq: u64, size: Option<u64>) -> Result<Option<Inclusion>, StoreError> {
        self.read(|log| proofs::inclusion(log, &self.texts, seq, size))
    }

    /// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves, or of the current tree.
    ///
    /// # Errors
    /// One of the two trees is unknown.
    pub fn consistency(&self, old: u64, new: Option<u64>) -> Result<Consistency, StoreError> {
        self.read(|log| proofs::consistency(log, old, new))
    }

    /// Calls `ask` with the current tree and its number of leaves.
    ///
    /// # Errors
    /// The store fails, or `ask` does.
    pub fn tree<T>(&self, ask: impl FnOnce(u64, &Tiles<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(|log| ask(log.head()?.tree.size, &Tiles::new(log)))
    }

    /// See [`Tiles::linked_root`].
    ///
    /// # Errors
    /// The store fails.
    pub fn linked_root(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        self.tree(|_, tiles| tiles.linked_root(size))
    }
}
