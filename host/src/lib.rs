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

/// Time and the clock.
pub mod time;
/// Values of settings, filters and facts.
pub mod value;

/// What was recorded.
pub mod entry;
/// What happened.
pub mod event;
/// The fields of an entry.
pub mod field;

/// How these look in the API's document.
mod schema;

/// What may be a name.
mod name;

/// Who does something to the log itself.
pub mod actor;

/// Who is asking and what they may do.
pub mod access;
/// The filter language.
pub mod domain;

/// What a policy declares.
pub mod manifest;
/// Hiding secrets.
pub mod mask;
/// What language models cost.
pub mod price;
/// When a job is due.
pub mod schedule;
/// What an admin sets.
pub mod settings;

/// How long things took.
mod histogram;

/// Files that are there as a whole or not at all.
mod file;
/// Legal holds.
pub mod hold;
/// The tree over all entries, and its proofs.
pub mod ledger;
/// The sandboxed policy.
pub mod policy;
/// Saved views.
pub mod saved_view;
/// The data folder's secret key.
pub mod secret;

/// Small requests to others.
mod fetch;

/// The database.
pub mod store;

/// Who signs checkpoints.
pub mod signer;

/// Where checkpoints go.
pub mod publish;

/// How fast the log grows.
pub mod growth;
/// Who comes in, and by what.
pub mod identity;
/// The one read path.
pub mod reader;

/// Reading on as the log grows.
pub mod walk;

/// The one write path.
pub mod recorder;
/// The one deletion path.
mod retention;

/// Entries as files.
pub mod export;

/// The handle to all of it.
mod log;

/// Refusals in bulk.
mod flood;

/// How traffic becomes events.
pub mod capture;

/// The API and the pages.
pub mod http;

pub use access::{Access, Right, Viewer};
pub use event::Event;
pub use log::{
    AuditLog, BundleRequest, Bundled, ChangeError, CleanupProgress, CronStatus, EvidenceError, Follower, Found,
    LogView, OpenError, Options, PayloadError, RunError, SignError, StartError, TokenRequest, Verification,
    VerificationProgress, VerificationResult, Word, rotate_keys, verify_log,
};
