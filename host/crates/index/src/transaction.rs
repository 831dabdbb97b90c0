//! The writing half of the store seam: what one transaction may do to a log.

use uuid::Uuid;

use crate::StoreError;
use crate::batch::StateChange;
use crate::payload::PackedPayload;
use crate::row::NewRow;
use crate::snapshot::{PartKey, Snapshot, StoredBlock, StoredRun};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_ledger::{Head, Tile};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// A log within one transaction of its one writer.
///
/// All of it is stored or nothing. A store refuses ([`StoreFailure::Refused`](crate::StoreFailure::Refused)) what would
/// change or replace something that is there: an entry at another seq than the next, a text under another number than
/// the next of its field, a payload of another entry than the newest.
pub trait Transaction {
    /// The log with this transaction's own writes.
    fn snapshot(&self) -> &dyn Snapshot;

    /// The greatest id of version 7. A greater id of version 7 is new. It may be one of a removed entry.
    ///
    /// # Errors
    /// The store fails.
    fn greatest_id(&self) -> Result<Option<Uuid>, StoreError>;

    /// The highest number that a text of `field` has; 0 for none.
    ///
    /// # Errors
    /// The store fails.
    fn last_number(&self, field: Field) -> Result<u64, StoreError>;

    /// Makes again what finds the ids of the entries from `from` on, which are in no closed block. What finds those of a
    /// block is made when the block is appended.
    ///
    /// # Errors
    /// The store fails.
    fn index_ids(&self, _from: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Passes the seqs from `seq` on that have a payload to `show`, ascending, each with the recording time of its
    /// entry, until `show` returns `false`.
    ///
    /// # Errors
    /// The store fails.
    fn payloads_from(&self, seq: u64, show: &mut dyn FnMut(u64, Timestamp) -> bool) -> Result<(), StoreError>;

    /// Appends an entry: at exactly the next seq.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append(&self, row: &NewRow<'_>) -> Result<(), StoreError>;

    /// Appends the payload of the newest entry.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append_payload(&self, seq: u64, payload: &PackedPayload) -> Result<(), StoreError>;

    /// Gives a text of `field` the next number.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append_text(&self, field: Field, number: u64, text: &str) -> Result<(), StoreError>;

    /// Stores a block with its columns.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append_block(&self, block: StoredBlock, columns: &[NewColumn]) -> Result<(), StoreError>;

    /// Stores a run of usage after the others, with its parts.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append_run(&self, run: StoredRun, parts: &[NewPart]) -> Result<(), StoreError>;

    /// Stores a tile of the ledger. If the tile is stored with fewer hashes, these do not change.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn put_tile(&self, tile: Tile, hashes: &[u8], is_there: bool) -> Result<(), StoreError>;

    /// Changes the states beside the entries: settings, jobs, holds, views, checkpoints; erases payloads. If a commit
    /// seemed to fail but was stored, the same change is made again and has no effect.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn put_states(&self, states: &StateChange) -> Result<(), StoreError>;

    /// Appends a record of what judges. None begins before the newest one.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn append_judged_by(&self, record: &JudgedBy) -> Result<(), StoreError>;

    /// Changes the head of the log.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn put_head(&self, change: HeadChange) -> Result<(), StoreError>;

    /// Removes rows that the head no longer counts, and derived data that can be rebuilt. Returns the number of removed
    /// rows.
    ///
    /// # Errors
    /// The store fails or refuses it.
    fn remove(&self, what: Removable<'_>) -> Result<u64, StoreError>;
}

/// A column of a block, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewColumn {
    /// The field.
    pub field: Field,
    /// See [`Blob::Zone`](crate::Blob::Zone).
    pub zone: Vec<u8>,
    /// See [`Blob::Planes`](crate::Blob::Planes).
    pub planes: Vec<u8>,
}

/// A part of a run of usage, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// Which one.
    pub key: PartKey,
    /// See [`PartColumn::Cells`](crate::PartColumn::Cells).
    pub cells: Vec<u8>,
    /// See [`PartColumn::Amounts`](crate::PartColumn::Amounts).
    pub amounts: Vec<u8>,
}

/// A change of the head of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadChange {
    /// The ledger's tree has grown.
    Tree(Head),
    /// The progress of the cleanup; only within a transaction that removes.
    Pruned {
        /// Entries below this seq are removed.
        entries: u64,
        /// Payloads below this seq are removed.
        payloads: u64,
    },
    /// The progress of the cleanup of usage; only within a transaction that removes.
    UsagePruned {
        /// Usage of entries below this seq is removed.
        below: u64,
        /// All of the removed usage began and was recorded before this moment, in microseconds.
        until: i64,
    },
}

/// What is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removable<'a> {
    /// Entries below a seq, after [`HeadChange::Pruned`] with the same seq.
    Entries(u64),
    /// Payloads below a seq, after [`HeadChange::Pruned`] with the same seq.
    Payloads(u64),
    /// Tiles of a level whose numbers are below this number.
    Tiles(u8, u64),
    /// Texts of a field, by their numbers. The head counts them as removed.
    Texts(Field, &'a [u64]),
    /// Blocks that begin in a range, with all their columns, even columns that no block lists.
    Blocks(std::ops::Range<u64>),
    /// Runs of usage that begin in a range, with all their parts. A range that begins at 0 also includes forged rows
    /// below 0.
    Runs(std::ops::Range<u64>),
}
