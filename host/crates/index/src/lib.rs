//! The log without its database: reading and writing through a small seam that any store can implement.
//!
//! - **The seam.** A store implements [`Snapshot`] with [`States`] (a log at one moment), [`Transaction`] (what one
//!   transaction may do), and [`Store`] and [`Source`], which return them. It keeps rows, ids, texts, blobs and states,
//!   and does not interpret them. `contract.rs` has the tests that every store passes.
//! - **On top of the seam** are [`StoreWriter`], which appends and prunes, and [`StoreReader`], through which
//!   everything is read: the columns of the index, plans, pages, groups, values, usage, the ledger's tree.
//!
//! This crate uses no SQL, no files and no clock.

mod batch;
mod checkpoint;
mod columns;
#[cfg(any(test, feature = "contract-tests"))]
pub mod contract;
mod dictionary;
mod error;
mod group;
#[cfg(any(test, feature = "contract-tests"))]
mod memory;
mod page;
mod payload;
mod prepared;
mod reader;
mod row;
mod search;
mod snapshot;
mod states;
mod step;
mod transaction;
mod tree;
mod usage;
mod write;

pub use batch::{Batch, PRUNE_CHUNK, Pruned, Removal, StateChange, Stored, Writer};
pub use checkpoint::{CheckpointChange, CheckpointTime, DestinationState, Inventory, NewCheckpoint, StoredCheckpoint};
pub use error::{StoreError, StoreFailure};
pub use group::{Group, GroupBy, GroupQuery, GroupSort, Groups, MAX_GROUPS, Values};
#[cfg(any(test, feature = "contract-tests"))]
pub use memory::MemoryStore;
pub use page::{LogStats, Page, PageAnchor, PageQuery};
pub use payload::{Packed, PackedPayload, StoredPayload};
pub use prepared::Prepared;
pub use reader::{Source, StoreReader, StoreSize};
pub use row::{COMMITMENT, ColumnValue, DETAILS, HAS_PAYLOAD, NewRow, Row, RowColumns, VERSION};
pub use search::overview::{FieldCounts, Overview, OverviewQuery};
pub use search::time_bars::{MAX_BARS, TimeBar};
pub use search::timeline::{MAX_TIMELINE, Timeline, TimelineAnchor, TimelineQuery};
pub use snapshot::{Blob, LogHead, PartColumn, PartKey, ShowRow, ShowText, Snapshot, StoredBlock, StoredRun};
pub use states::{CheckpointQuery, NEWEST_CHECKPOINTS, States};
pub use step::{MAX_POINTS, UsageStep};
pub use transaction::{HeadChange, NewColumn, NewPart, Removable, Transaction};
pub use tree::tiles::Tiles;
pub use usage::{
    Breakdown, DurationCounts, MissingUsage, PartOfFormat1, Point, REQUESTS, RangeError, Totals, USAGE_FIELDS, Usage,
    UsageBy, UsageQuery, UsageRow, UsageSort, UsageStats, is_dimension, requests, usage_range,
};
pub use write::{Store, StoreWriter, Work};

/// The parts of this crate that a verification needs to check a store.
pub mod check {
    pub use crate::checkpoint::{archive_chain, digest_up_to};
    pub use crate::columns::{BlockColumn, Zone};
    pub use crate::dictionary::{Texts, most};
    pub use crate::row::raw;
    pub use crate::search::blocks::{Block, check, closed, end};
    pub use crate::tree::edge::Tree;
    pub use crate::tree::leaves::{each_leaf, ledger_hash};
}
