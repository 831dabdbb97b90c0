//! What retention may delete: a policy says it, holds narrow it, the store carries it out.

use mcp_audit_log_model::time::Timestamp;

/// What may be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entries recorded before this.
    pub entries_before: Option<Timestamp>,
    /// Payloads of entries recorded before this.
    pub payloads_before: Option<Timestamp>,
    /// Usage of what was recorded before this, where its entries are gone.
    pub usage_before: Option<Timestamp>,
}
