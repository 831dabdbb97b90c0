//! Legal holds: placing and releasing, each together with an entry about it.

use std::sync::PoisonError;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold;
use mcp_audit_log_contract::hold::{Hold, HoldChange, NewHold, Release};
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_model::event::{Event, new_id};
use uuid::Uuid;

use super::{AuditLog, ChangeError};

impl AuditLog {
    /// All holds, newest first, including released ones. For viewers without a tenant, because holds apply to the whole
    /// log.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn holds(&self, access: &Grant) -> Result<Vec<Hold>, ReadError> {
        access.require_oversight()?;
        // Reasons and names belong to the operator of the log.
        if access.viewer().instance.is_some() {
            access.require(Right::Configure)?;
        }
        Ok(self.0.view.files.holds()?)
    }

    /// Places a hold. When this returns, no cleanup removes entries recorded at or after its start, including a running
    /// one. Blocks.
    ///
    /// # Errors
    /// The viewer may not configure, the hold is invalid, or it could not be recorded: then there is no hold.
    pub fn place_hold(&self, access: &Grant, wanted: NewHold) -> Result<Hold, ChangeError> {
        self.allow(access, Right::Configure, "hold.placed")?;
        let reason = hold::reason(&wanted.reason).map_err(ChangeError::Refused)?;
        if wanted.to.is_some_and(|to| to <= wanted.from) {
            return Err(ChangeError::Refused(
                "The hold ends before it starts; give an end after its start.".to_owned(),
            ));
        }
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let NewHold { from, to, .. } = wanted;
        let (now, placed_by) = (self.view().now(), access.viewer().user.clone());
        let hold = Hold { id: new_id(now), from, to, reason, placed_by, placed_at: now, released: None };
        let event = facts(self.by("hold.placed", access), &hold).fact("reason", hold.reason.clone());
        // Verification compares the hold with the entry about it.
        let event = Event { occurred_at: hold.placed_at, ..event };
        self.change_hold(HoldChange::Place(hold.clone()), event)?;
        Ok(hold)
    }

    /// Releases a hold: the next cleanup respects only the others. Blocks.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such hold, it is already released, no reason is given, or it could not
    /// be recorded: then the hold stays in force.
    pub fn release_hold(&self, access: &Grant, id: Uuid, reason: &str) -> Result<Hold, ChangeError> {
        self.allow(access, Right::Configure, "hold.released")?;
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.0.view.files.holds()?.into_iter().find(|hold| hold.id == id);
        let hold = found.ok_or(ChangeError::Missing("hold"))?;
        if let Some(release) = &hold.released {
            return Err(ChangeError::Refused(format!("This hold was already released by {}.", release.by)));
        }
        let reason = hold::reason(reason).map_err(ChangeError::Refused)?;
        let release = Release { by: access.viewer().user.clone(), at: self.view().now(), reason };
        let event = facts(self.by("hold.released", access), &hold).fact("reason", release.reason.clone());
        let event = Event { occurred_at: release.at, ..event };
        self.change_hold(HoldChange::Release(id, release.clone()), event)?;
        Ok(Hold { released: Some(release), ..hold })
    }

    fn change_hold(&self, change: HoldChange, event: Event) -> Result<(), ChangeError> {
        let states = StateChange { holds: vec![change], ..StateChange::default() };
        Ok(self.0.recorder.change(states, vec![event])?)
    }
}

fn facts(event: Event, hold: &Hold) -> Event {
    let event = event.fact("hold", hold.id.to_string()).fact("from", hold.from.to_string());
    match hold.to {
        Some(to) => event.fact("to", to.to_string()),
        None => event,
    }
}
