//! The lake: sealed segments of a log as Parquet files in a folder or a bucket, each with a manifest that proves it. It
//! is written once and never rewritten, and is verified without the log. `docs/lake.md` has layout and columns.

mod folder;
mod layout;
mod manifest;
mod removal;
mod segment;
mod store;
mod verify;

pub use layout::{DAY_SECONDS, SEGMENT_ENTRIES};
pub use manifest::{SegmentFault, SegmentManifest, SegmentObject};
pub use segment::{Segment, SegmentBuilder, SegmentRange};
pub use store::{Lake, LakeError, LakeStore, Placed, StoredObject};
pub use verify::{LakeFault, LakeReport, LoggedRange, VerifiedLog, verify_lake};

/// The name under which a log stores how far its lake is, as that of a sink.
pub const LAKE_SINK: &str = "lake";
