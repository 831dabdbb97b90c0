//! Why the log's own work was not done: a scheduled job, or recording what was done to tokens.

use mcp_audit_log_contract::access::Denied;
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_store::TokenError;

use super::SignError;

/// Why a job was not run, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The viewer may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such job.
    #[error("unknown scheduled job {name:?}; the jobs are {}", .known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// It is running already.
    #[error("a scheduled job is already running; wait until it has finished")]
    Running,
    /// Its state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// No checkpoint can be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Its result could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The thread for it cannot be started. The job runs at the next check of the schedule.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}
