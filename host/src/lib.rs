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
//! [`guide`] is a tour in seven steps. Each other module is a crate of its own below this one, or the part of it that
//! embedders need.

// Only documentation, whose examples are tests.
#[cfg(any(doc, doctest))]
pub mod guide;

pub use mcp_audit_log_contract::{manifest, settings};
pub use mcp_audit_log_model::{entry, field, price, schedule, time, time_zone, value};
#[doc(inline)]
pub use {mcp_audit_log_filter as filter, mcp_audit_log_ledger as ledger, mcp_audit_log_sandbox as policy};

/// Viewers and what they may do.
pub mod access {
    pub use mcp_audit_log_contract::access::{Denied, Grant, Right, Viewer};
}

/// What happened.
pub mod event {
    pub use mcp_audit_log_model::event::{
        AgentTools, Argument, BlockingPolicy, Body, Caller, Channel, Client, Event, Failure, Kind, ModelUsage,
        OauthStep, Outcome, OutcomeDetail, Payload, Resource, Target, new_id,
    };
}

/// Hiding secrets.
pub mod mask {
    pub use mcp_audit_log_model::mask::{Mask, floor};
}

/// Legal holds.
pub mod hold {
    pub use mcp_audit_log_contract::hold::{Hold, LONGEST_REASON, NewHold, Release};
}

/// Which policy judged an entry.
pub mod judged_by {
    pub use mcp_audit_log_contract::judged_by::{JudgedBy, JudgingLayer, PolicySwap};
}

/// Saved views.
pub mod saved_view {
    pub use mcp_audit_log_contract::saved_view::{LONGEST_NAME, LONGEST_QUERY, MOST_VIEWS, NewView, SavedView};
}

/// Checkpoints, and what a verification finds.
pub mod evidence {
    pub use mcp_audit_log_index::{NewCheckpoint, StoredCheckpoint};
    pub use mcp_audit_log_store::{
        ExternalCheckpoint, NOT_PROVED, Verified, VerifyError, VerifyFinding, VerifyProgress,
    };
}

/// Tokens for sign-in.
pub mod tokens {
    pub use mcp_audit_log_store::{NewToken, Token, TokenError, Tokens};
}

/// How fast the log grows.
pub mod growth {
    pub use mcp_audit_log_core::growth::Growth;
}

/// The destinations of checkpoints.
pub mod publish {
    #[cfg(feature = "http-client")]
    pub use mcp_audit_log_core::publish::EndpointOptions;
    pub use mcp_audit_log_core::publish::{Destinations, PublishError};
}

/// Which keys sign the log's checkpoints.
pub mod signer {
    pub use mcp_audit_log_core::signer::{Resume, SignerError, SignerOptions};
}

/// Signatures of policies.
pub mod policy_signature {
    pub use mcp_audit_log_core::policy_signature::{PolicySignatureError, PolicyStatement, make_key, read_key};
}

/// TLS of the host's own clients: whose certificates they trust.
#[cfg(feature = "http-client")]
pub mod client_tls {
    pub use mcp_audit_log_core::client_tls::{Authorities, AuthoritiesError};
}

/// The host's own HTTP requests.
#[cfg(feature = "http-client")]
#[doc(hidden)]
pub mod http_client {
    pub use mcp_audit_log_core::http_client::{Answer, HttpClient, Post};
}

/// The data folder's secret key.
pub mod secret {
    pub use mcp_audit_log_core::secret::Secret;
}

/// Ways out of the log: what a sink of entries is made of.
pub mod sink {
    pub use mcp_audit_log_core::sink::{Delivery, EntryBatch, Sink, SinkError, SinkStatus};
    pub use mcp_audit_log_service::{SinkOptions, SinkProgress, StoredSink};
}

/// Destinations of entries outside of the log.
#[cfg(feature = "sinks")]
pub mod sinks {
    pub use mcp_audit_log_sinks::{
        DestinationError, Otlp, OtlpOptions, SigningSecret, Syslog, SyslogOptions, Webhook, WebhookOptions,
    };
}

/// The lake: sealed segments of the log in a folder or a bucket.
#[cfg(feature = "lake")]
pub mod lake {
    pub use mcp_audit_log_lake::{
        LAKE_SINK, Lake, LakeError, LakeFault, LakeReport, LakeStore, LoggedRange, Placed, SegmentFault,
        SegmentManifest, SegmentObject, StoredObject, VerifiedLog, verify_lake,
    };
    pub use mcp_audit_log_service::LakeOptions;
}

/// The one read path: the reader, what it is asked, and what it returns.
///
/// What reads past it stays with `mcp-audit-log-index` and `mcp-audit-log-store`.
pub mod reader {
    pub use mcp_audit_log_core::reader::{MAX_LIMIT, ReadError, Reader};
    pub use mcp_audit_log_index::{
        Breakdown, DurationCounts, FieldCounts, Group, GroupBy, GroupSort, Groups, LogStats, MAX_BARS, MAX_GROUPS,
        MAX_POINTS, MAX_TIMELINE, MissingUsage, Overview, Page, PageAnchor, Point, REQUESTS, RangeError, StoreError,
        StoreFailure, StoredPayload, TimeBar, Timeline, TimelineAnchor, Totals, USAGE_FIELDS, Usage, UsageBy,
        UsageQuery, UsageRow, UsageSort, UsageStats, UsageStep, Values, requests, usage_range,
    };
}

/// The one write path.
pub mod recorder {
    pub use mcp_audit_log_core::recorder::{
        Budget, Cleanup, Gauges, Histogram, QueueLimits, RecordError, Recorder, Reservation, Unready,
    };
    pub use mcp_audit_log_index::Stored;
}

/// The definitions of tools that MCP servers listed.
pub mod tool_definition {
    pub use mcp_audit_log_contract::tool_definition::{DefinitionPart, KnownTool, ToolDefinition};
    pub use mcp_audit_log_service::{ToolListing, ToolWatch};
}

/// Reading on as the log grows.
pub use mcp_audit_log_service::follow_cursor;
pub use mcp_audit_log_service::{
    AlertStatus, AuditLog, BackupError, BackupSummary, BundleExport, BundleRequest, Bundled, ChangeError,
    CleanupProgress, CronStatus, EvidenceError, Follower, Found, Integrity, JobProgress, LogStatistics, LogView,
    NewestCheckpoint, OpenError, Options, PayloadError, PolicyRequest, RestoredLog, RunError, SignError, StartError,
    TokenRequest, Verification, VerificationProgress, VerificationResult, Wakeup, back_up, newest_backup, old_log,
    restore, rotate_keys, verify_log,
};

/// Entries as files.
#[cfg(feature = "export")]
pub mod export {
    pub use mcp_audit_log_export::{
        Column, Columns, ColumnsError, Export, ExportError, ExportManifest, ExportRequest, Format, usage_table,
    };
}

/// Sign-in by token, JWT or a proxy's headers.
#[cfg(feature = "capture")]
pub mod identity {
    pub use mcp_audit_log_identity::{
        Algorithm, Bearer, ClaimNames, GroupMap, HeaderNames, Identity, Jwt, JwtError, JwtOptions, KeySource,
        KeySourceError, Network, NetworkError, Oidc, OidcError, OidcOptions, Origin, OriginError, Origins, Person,
        SignInAttempt, SignInError, TrustedProxies, bearer,
    };
}

/// From traffic to events: layer, proxy and stdio wrapper.
#[cfg(feature = "capture")]
pub mod capture {
    pub use mcp_audit_log_capture::{
        ApiLayer, AuditLayer, Audited, CallId, CallerSlot, FailureSlot, ParentCall, RequestBody, Responding,
        ResponseBody, Strict, StrictLayer, Transport, body_digests, proxy, stdio, upstream,
    };
}

#[cfg(feature = "http")]
#[doc(inline)]
pub use mcp_audit_log_http as http;

pub use access::{Grant, Right, Viewer};
pub use event::Event;
