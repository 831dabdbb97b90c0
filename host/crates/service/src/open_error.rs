//! Why a log cannot be opened.

use mcp_audit_log_core::policy_signature::PolicySignatureError;
use mcp_audit_log_core::publish::PublishError;
use mcp_audit_log_core::signer::SignerError;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_sandbox::LoadError;

use crate::SignError;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy.
    #[error("the policy cannot be loaded: {0}")]
    Policy(#[from] LoadError),
    /// The policy is not signed as it must be.
    #[error(transparent)]
    PolicySignature(#[from] PolicySignatureError),
    /// The secret key.
    #[error("the secret key cannot be used: {0}")]
    Secret(std::io::Error),
    /// The keys cannot be used, or the log does not match the last signed checkpoint.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Unfinished work of the last start cannot be signed or stored.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Another policy was activated, and this start names a third one.
    #[error(
        "the log's active policy is {active}, since seq {since}, but this start names {named}; leave --policy and --extend \
         out, or run `mcp-audit-log policy activate` with the policy that you want first"
    )]
    OtherPolicy {
        /// The active policy with its extensions.
        active: String,
        /// The first entry that it judged.
        since: u64,
        /// The digests that the start names.
        named: String,
    },
    /// The components in the folder.
    #[error("a component of the policy cannot be kept or read: {0}")]
    Component(std::io::Error),
    /// Publishing.
    #[error("checkpoints cannot be published: {0}")]
    Publish(#[from] PublishError),
    /// The lock.
    #[error("the lock of the log cannot be taken: {0}")]
    Lock(std::io::Error),
    /// The recorder's thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The first entry could not be stored.
    #[error("the log cannot record: {0}")]
    Record(#[from] mcp_audit_log_core::recorder::RecordError),
}
