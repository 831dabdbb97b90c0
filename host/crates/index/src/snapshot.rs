//! The reading half of the store seam: a log at one moment. All code that searches, counts or proves uses it.

use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use crate::StoreError;
use crate::payload::PackedPayload;
use crate::row::{Row, RowColumns};
use crate::states::States;
use mcp_audit_log_ledger::{Hash, Head, Tile};
use mcp_audit_log_model::field::Field;

/// Receives a row with its seq, and returns `false` when no more rows are wanted.
pub type ShowRow<'a> = &'a mut dyn FnMut(u64, &dyn Row) -> Result<bool, StoreError>;
/// Receives a text of the dictionary with its number, and returns `false` when no more texts are wanted.
pub type ShowText<'a> = &'a mut dyn FnMut(u64, &str) -> Result<bool, StoreError>;

/// A log at one moment: later appends and removals are not visible.
///
/// The contract tests (`contract.rs`) check what a store must guarantee:
///
/// - **`seq` ascends without holes.** There is an entry for each seq in [`Snapshot::seqs`], and `recorded_at` never
///   goes back from one to the next. Only a prefix is ever removed, and a seq is never reused.
/// - **A text's number** is never reused within its field, so that a cached text stays valid. It is above 0.
/// - **Blobs are written once.** A read returns exactly the written bytes, or reports that there is no blob. This crate
///   adds the checksums and interprets the bytes.
/// - **All answers are of one moment**, whatever is committed in between. Within a transaction, its own writes are
///   visible as well.
///
/// Rows, texts and blobs are passed to callbacks without a copy. A callback may call other methods.
pub trait Snapshot: States {
    /// How many entries a block of the index has when it is closed: 4,096. A store for tests may return less, so that
    /// tests get many blocks. It is a multiple of 64, and never changes during the life of a log.
    fn block_length(&self) -> u64 {
        4_096
    }

    /// Fails if the deadline of this query has passed. Called between the steps of long work.
    ///
    /// # Errors
    /// [`StoreError::Deadline`]: it has passed.
    fn check_deadline(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The head of the log: its one row about itself.
    ///
    /// # Errors
    /// The store fails.
    fn head(&self) -> Result<LogHead, StoreError>;

    /// The seqs of the log: from the first entry to the next one to be assigned. Both are [`LogHead::pruned`] if there
    /// is no entry.
    ///
    /// # Errors
    /// The store fails.
    fn seqs(&self) -> Result<Range<u64>, StoreError>;

    /// Passes the rows in a range of seqs to `show`, oldest first. It is one statement, and reads no more rows than are
    /// wanted.
    ///
    /// # Errors
    /// The store fails, or `show` does.
    fn rows(&self, seqs: Range<u64>, columns: RowColumns<'_>, show: ShowRow<'_>) -> Result<(), StoreError>;

    /// The seqs of the entries with this id, ascending: one for each tenant that has an entry of it.
    ///
    /// # Errors
    /// The store fails.
    fn seqs_of(&self, id: Uuid) -> Result<Vec<u64>, StoreError>;

    /// Fails if what finds the ids of a closed block's entries is missing or damaged. A store that cannot lose it alone
    /// has nothing to do.
    ///
    /// # Errors
    /// It is missing or damaged, or the store fails.
    fn check_ids(&self, _block: Range<u64>) -> Result<(), StoreError> {
        Ok(())
    }

    /// The payload of the entry at `seq`, if one is kept.
    ///
    /// # Errors
    /// The store fails, or the payload cannot be read.
    fn payload(&self, seq: u64) -> Result<Option<PackedPayload>, StoreError>;

    /// The text of `field` with this number; `None` if the dictionary has no such number.
    ///
    /// # Errors
    /// The store fails.
    fn text(&self, field: Field, number: u64) -> Result<Option<Arc<str>>, StoreError>;

    /// The number of a text of `field`; `None` if the dictionary does not have the text.
    ///
    /// # Errors
    /// The store fails.
    fn number(&self, field: Field, text: &str) -> Result<Option<u64>, StoreError>;

    /// Passes the texts of `field` whose numbers are above `above` to `show`, in the order of their numbers.
    ///
    /// # Errors
    /// The store fails, or `show` does.
    fn texts(&self, field: Field, above: u64, show: ShowText<'_>) -> Result<(), StoreError>;

    /// The closed blocks of the index, oldest first.
    ///
    /// # Errors
    /// The store fails.
    fn blocks(&self) -> Result<Vec<StoredBlock>, StoreError>;

    /// The number of stored columns of blocks that begin in this range.
    ///
    /// # Errors
    /// The store fails.
    fn columns(&self, first: Range<u64>) -> Result<u64, StoreError>;

    /// The runs of usage, oldest first.
    ///
    /// # Errors
    /// The store fails.
    fn runs(&self) -> Result<Vec<StoredRun>, StoreError>;

    /// Passes the bytes of a blob to a callback, once; `false` if there is no such blob.
    ///
    /// # Errors
    /// The store fails.
    fn blob(&self, blob: Blob, read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>;
}

/// The log's one row about itself. It changes in the same transaction as the entries or removals that it describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Entries below this seq are removed.
    pub pruned: u64,
    /// Payloads below this seq are removed.
    pub payloads_pruned: u64,
    /// How many texts were removed from the dictionary so far. When it changes, cached texts become invalid.
    pub swept: u64,
    /// Usage of entries below this seq is removed.
    pub usage_pruned: u64,
    /// Some usage before this moment is removed, in microseconds.
    pub usage_until: Option<i64>,
    /// The ledger's tree.
    pub tree: Head,
}

impl Default for LogHead {
    /// The head of a log without entries.
    fn default() -> Self {
        let tree = Head { size: 0, root: Hash::of_nothing() };
        Self { pruned: 0, payloads_pruned: 0, swept: 0, usage_pruned: 0, usage_until: None, tree }
    }
}

/// A closed block of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The seq of its first entry.
    pub first: u64,
    /// The number of its entries.
    pub length: u64,
    /// The fields that have a column, one bit each.
    pub fields: u64,
}

/// A run of usage. If the row is damaged, the numbers may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The seq of its first entry.
    pub first: u64,
    /// The number of its entries.
    pub length: u64,
    /// The dimensions that have a value, one bit each.
    pub fields: u64,
    /// The beginning of its first hour, in microseconds.
    pub least: i64,
    /// The beginning of its last hour.
    pub most: i64,
    /// The recording time of its last entry.
    pub recorded: i64,
    /// The CRC-32 of all other members.
    pub checksum: i64,
}

/// The key of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blob {
    /// The values of `field` in the block that begins at `first`.
    Zone {
        /// The block.
        first: u64,
        /// The field.
        field: Field,
    },
    /// The codes of the block's entries for these values.
    Planes {
        /// The block.
        first: u64,
        /// The field.
        field: Field,
    },
    /// A part of a run of usage.
    Part(PartKey, PartColumn),
    /// The hashes of a tile of the ledger, side by side.
    Tile(Tile),
}

/// The key of a part of a run of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartKey {
    /// The run's first seq.
    pub run: u64,
    /// The number of the cut, by hour or by day.
    pub number: u64,
    /// The number of the share, if the part is divided by users.
    pub share: u64,
}

/// One of the two blobs of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartColumn {
    /// The dimensions of its cells.
    Cells,
    /// The amounts of each cell.
    Amounts,
}

/// The result of `read` on a blob; `None` if there is no such blob.
pub(crate) fn read_blob<T>(
    log: &dyn Snapshot,
    blob: Blob,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StoreError> {
    let (mut read, mut found) = (Some(read), None);
    log.blob(blob, &mut |bytes| found = read.take().map(|read| read(bytes)))?;
    Ok(found)
}
