//! (short: the store needs only this) The retention plan: a policy makes it, legal holds narrow it, and the store
//! deletes by it.

use mcp_audit_log_model::time::Timestamp;

/// The times before which entries, payloads and usage may be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entries recorded before this.
    pub entries_before: Option<Timestamp>,
    /// Payloads of entries recorded before this.
    pub payloads_before: Option<Timestamp>,
    /// Usage figures for times before this, if their entries are already deleted.
    pub usage_before: Option<Timestamp>,
}
