//! mcp-audit-log: an audit log for MCP platforms.
//!
//! Everything that happens becomes one immutable entry. A sandboxed policy decides what is recorded, who sees it and
//! what is kept; this crate captures, records, stores and shows. `ARCHITECTURE.md` has the whole picture.
//!
//! ```no_run
//! use mcp_audit_log::{AuditLog, Options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log: AuditLog = Options::new("mcp-audit-log-data").open()?;
//! # Ok(())
//! # }
//! ```
//!
//! The modules, from the bottom up; each uses only those above it:

pub use mcp_audit_log_contract::{manifest, settings};
pub use mcp_audit_log_model::{actor, entry, field, price, schedule, time, value};
#[doc(inline)]
pub use {mcp_audit_log_filter as domain, mcp_audit_log_ledger as ledger, mcp_audit_log_sandbox as policy};

use mcp_audit_log_model::{name, vocabulary};

/// Viewers and what they may do.
pub mod access {
    pub(crate) use mcp_audit_log_contract::access::GrantInternals;
    pub use mcp_audit_log_contract::access::{Denied, Grant, Right, Viewer};
}

/// What happened.
pub mod event {
    pub use mcp_audit_log_model::event::{
        AgentTools, Argument, BlockingPolicy, Body, Caller, Channel, Client, Detail, Event, Failure, Kind, ModelUsage,
        OauthStep, Outcome, Payload, Resource, Target, new_id,
    };
    pub(crate) use mcp_audit_log_model::event::{INTENT_CALL, sentence};
}

/// Hiding secrets.
pub mod mask {
    pub use mcp_audit_log_model::mask::{MASKED, Mask, Masks, floor};
}

/// Legal holds.
pub mod hold {
    pub(crate) use mcp_audit_log_contract::hold::reason;
    pub use mcp_audit_log_contract::hold::{Hold, HoldChange, LONGEST_REASON, NewHold, Release, held_from};
}

/// Saved views.
pub mod saved_view {
    pub use mcp_audit_log_contract::saved_view::{
        LONGEST_NAME, LONGEST_QUERY, MOST_VIEWS, NewView, SavedView, ViewChange,
    };
}

/// The database.
///
/// What reads and writes past a [`Reader`](reader::Reader) and the recorder stays with `mcp-audit-log-index` and
/// `mcp-audit-log-store`.
pub mod store {
    pub use mcp_audit_log_index::{
        Batch, Breakdown, CheckpointChange, Extent, Figures, Group, GroupBy, GroupQuery, GroupSort, Groups, Lack,
        MAX_GROUPS, MAX_POINTS, NewCheckpoint, PRUNE_CHUNK, PackedPayload, Page, PageQuery, Place, PlaceChange, Point,
        Prepared, Pruned, REQUESTS, RangeError, Removal, StateChange, StoreError, StoreFailure, Stored,
        StoredCheckpoint, StoredPayload, Totals, USAGE_FIELDS, Usage, UsageQuery, UsageRow, UsageSort, UsageStep,
        Values, Writer, requests, usage_range,
    };
    pub(crate) use mcp_audit_log_index::{Inventory, StoreReader};
    pub use mcp_audit_log_store::{
        CHECKS, Kept, NOT_PROVED, NewToken, Tell, Token, TokenError, Tokens, Verified, VerifyError, Wrong, verify,
    };
    pub(crate) use mcp_audit_log_store::{Deed, Outbox, TOKEN_PREFIX, Untold, lock, open, open_to_read};
}

pub use mcp_audit_log_core::{growth, publish, signer};

use mcp_audit_log_core::{http_client, retention};

/// The data folder's secret key.
pub mod secret {
    pub use mcp_audit_log_core::secret::Secret;
    pub(crate) use mcp_audit_log_core::secret::{DerivedKey, KeyedDigest};
}

/// The one read path.
pub mod reader {
    pub(crate) use mcp_audit_log_core::reader::InternalReads;
    pub use mcp_audit_log_core::reader::{MAX_LIMIT, ReadError, Reader};
}

/// The one write path.
pub mod recorder {
    pub use mcp_audit_log_core::recorder::{
        Budget, Cleanup, Gauges, Histogram, QueueLimits, RecordError, Recorder, Reservation, Unready,
    };
    pub(crate) use mcp_audit_log_core::recorder::{BudgetShare, RecorderControl, RecorderParts, StateChange};
}

/// Sign-in.
pub mod identity;

/// A thread for work that takes long.
mod background;

/// Reading on as the log grows.
pub mod follow_cursor;

/// Entries as files.
pub mod export;

/// The log as its embedder holds it.
mod audit_log;

/// How traffic becomes events.
pub mod capture;

/// The API and the pages.
pub mod http;

pub use access::{Grant, Right, Viewer};
pub use audit_log::{
    AuditLog, BundleRequest, Bundled, ChangeError, CleanupProgress, CronStatus, EvidenceError, Follower, Found,
    LogView, OpenError, Options, PayloadError, RunError, SignError, StartError, TokenRequest, Verification,
    VerificationProgress, VerificationResult, Wakeup, rotate_keys, verify_log,
};
pub use event::Event;
