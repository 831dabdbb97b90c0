//! The proof of an entry, for viewers who verify the log.

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::AuditLog;

use crate::problem::Problem;

/// The proof section of the page.
pub(crate) struct Proof {
    /// The entry's leaf: its hash in the tree, in hexadecimal digits.
    pub(crate) leaf: Option<String>,
    pub(crate) standing: Standing,
}

/// The entry and the newest signed checkpoint.
pub(crate) enum Standing {
    /// The checkpoint's tree contains the entry.
    Covered { size: String, root: String, signed_at: String },
    /// The checkpoint covers fewer entries, or there is none yet.
    Awaited,
    /// It cannot be proved, for this reason.
    Broken(String),
}

impl Proof {
    /// The proof of `entry`; `None` for viewers who may not verify.
    pub(crate) fn new(log: &AuditLog, access: &Grant, entry: &Entry) -> Result<Option<Self>, Problem> {
        if !access.may(Right::Verify) {
            return Ok(None);
        }
        let newest =
            log.view().checkpoint(access)?.map(|newest| newest.checkpoint).filter(|newest| entry.seq < newest.size);
        let found = log.view().reader(access).inclusion(entry.id, newest.as_ref().map(|newest| newest.size));
        let proof = match (found, newest) {
            (Ok(Some(found)), Some(newest)) => Self {
                leaf: Some(found.leaf.hash().to_string()),
                standing: Standing::Covered {
                    size: count(found.head.size),
                    root: found.head.root.to_string(),
                    signed_at: access.zone().exact(newest.signed_at),
                },
            },
            (Ok(Some(found)), None) => Self { leaf: Some(found.leaf.hash().to_string()), standing: Standing::Awaited },
            (Ok(None), _) => Self { leaf: None, standing: Standing::Awaited },
            (Err(error), _) => Self { leaf: None, standing: Standing::Broken(error.to_string()) },
        };
        Ok(Some(proof))
    }
}
