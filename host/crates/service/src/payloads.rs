//! Erasing one payload: the content is removed, the entry stays.

use std::sync::PoisonError;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use uuid::Uuid;

use super::{AuditLog, ChangeError};

impl AuditLog {
    /// Erases the payload of an entry, and records the reason in another entry. The salted commitment stays, so every
    /// proof about the entry is still valid, and the payload cannot be guessed from it. Blocks.
    ///
    /// Needs the right to manage and the right to read payloads: an operator alone could erase evidence against
    /// themselves, and an auditor alone must not remove anything.
    ///
    /// # Errors
    /// The viewer may not, there is no payload that they may see, a legal hold keeps it, no reason is given, or it
    /// could not be recorded: then the payload stays.
    pub fn erase_payload(&self, access: &Grant, id: Uuid, reason: &str) -> Result<(), ChangeError> {
        self.allow(access, Right::Manage, "payload.erased")?;
        self.allow(access, Right::ReadPayloads, "payload.erased")?;
        let reason = hold::reason(reason).map_err(ChangeError::Refused)?;
        // No hold is placed between the check and the erasure.
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.view().reader(access).entry(id).map_err(|error| match error {
            ReadError::Denied(denied) => ChangeError::Denied(denied),
            ReadError::Store(error) => ChangeError::Store(error),
            _ => ChangeError::Denied(mcp_audit_log_contract::access::Denied(Right::Read)),
        })?;
        let entry = found.filter(|entry| entry.has_payload).ok_or(ChangeError::Missing("payload"))?;
        if self.0.view.files.held_from()?.is_some_and(|held| held <= entry.recorded_at) {
            return Err(ChangeError::Refused("A legal hold keeps this payload. Release the hold first.".to_owned()));
        }
        let event = self.by("payload.erased", access).under(id).fact("entry", id.to_string()).fact("reason", reason);
        let states = StateChange { erased: vec![entry.seq], ..StateChange::default() };
        Ok(self.0.recorder.change(states, vec![event])?)
    }
}
