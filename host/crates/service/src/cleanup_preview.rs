//! (short: one question) What the next cleanup would remove, for viewers who are about to shorten a period or to start
//! it.

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_core::retention;
use mcp_audit_log_core::retention::CleanupPreview;
use serde_json::{Map, Value as Json};

use crate::{AuditLog, ChangeError};

impl AuditLog {
    /// What a cleanup would remove now, at most: under the settings in force with `wanted` changed in them.
    ///
    /// # Errors
    /// The viewer may not change settings, a value is not allowed, or policy or store failed.
    pub fn cleanup_preview(&self, access: &Grant, wanted: &Map<String, Json>) -> Result<CleanupPreview, ChangeError> {
        access.require(Right::Configure)?;
        let active = self.view().active.now();
        let changes = active.settings.changes(&active.policy.manifest().settings, wanted)?;
        let settings = active.settings.with(&changes);
        retention::preview(&active.policy, &settings, &self.view().files, self.view().now())
            .map_err(ChangeError::Refused)
    }
}
