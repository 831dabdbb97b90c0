//! Saved views: ownership and changes; changes of shared views are entries.

use std::sync::{MutexGuard, PoisonError};

use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_contract::saved_view::{MOST_VIEWS, NewView, SavedView, ViewChange};
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_model::event::{Event, new_id};
use uuid::Uuid;

use super::{AuditLog, ChangeError};

impl AuditLog {
    /// The views that the viewer sees, by name: their own, and the shared ones of their tenant.
    ///
    /// # Errors
    /// The viewer may not read entries, or the store fails.
    pub fn views(&self, access: &Grant) -> Result<Vec<SavedView>, ReadError> {
        access.require(Right::Read)?;
        Ok(self.0.view.files.views(access.viewer())?)
    }

    /// Saves a new view of the viewer. A shared view is also recorded as an entry. Blocks.
    ///
    /// # Errors
    /// The viewer may not read entries, the view is invalid, there are too many, or it could not be recorded.
    pub fn save_view(&self, access: &Grant, wanted: NewView) -> Result<SavedView, ChangeError> {
        let _changing = self.change_views(access)?;
        let NewView { name, shared, query } = wanted.checked().map_err(ChangeError::Refused)?;
        let own = self.0.view.files.views(access.viewer())?.iter().filter(|view| view.is_of(access.viewer())).count();
        if own >= MOST_VIEWS {
            let advice = format!("You have {own} saved views; at most {MOST_VIEWS} are allowed. Delete one first.");
            return Err(ChangeError::Refused(advice));
        }
        let (now, viewer) = (self.view().now(), access.viewer().clone());
        let (owner, instance) = (viewer.user, viewer.instance);
        let (created_at, updated_at) = (now, now);
        let view = SavedView { id: new_id(now), name, owner, instance, shared, query, created_at, updated_at };
        let event = view.shared.then(|| about(self.by("view.shared", access), &view));
        self.store_view(ViewChange::Save(view.clone()), event)?;
        Ok(view)
    }

    /// Changes a view. If it is shared before or after, an entry records the change. Blocks.
    ///
    /// # Errors
    /// The viewer sees no such view or may not change it, the view is invalid, or the change could not be recorded.
    pub fn change_view(&self, access: &Grant, id: Uuid, wanted: NewView) -> Result<SavedView, ChangeError> {
        let _changing = self.change_views(access)?;
        let old = self.changeable(access, id)?;
        let NewView { name, shared, query } = wanted.checked().map_err(ChangeError::Refused)?;
        let new = SavedView { name, shared, query, updated_at: self.view().now(), ..old.clone() };
        let event = (old.shared || new.shared).then(|| {
            let method = if old.shared { "view.updated" } else { "view.shared" };
            let event = changes(self.by(method, access), &old, &new);
            event.fact("view", id.to_string()).fact("name", new.name.clone()).fact("owner", new.owner.clone())
        });
        self.store_view(ViewChange::Save(new.clone()), event)?;
        Ok(new)
    }

    /// Deletes a view. If it is shared, an entry records the deletion. Blocks.
    ///
    /// # Errors
    /// There is no such view for the viewer, the viewer may not delete it, or the deletion could not be recorded.
    pub fn delete_view(&self, access: &Grant, id: Uuid) -> Result<(), ChangeError> {
        let _changing = self.change_views(access)?;
        let view = self.changeable(access, id)?;
        let event = view.shared.then(|| about(self.by("view.deleted", access), &view));
        let alert = self.0.alert_of(id)?.map(|alert| self.0.without_alert(alert, &view.name));
        let (alerts, ended): (Vec<_>, Vec<_>) = alert.into_iter().unzip();
        let states = StateChange { views: vec![ViewChange::Delete(id)], alerts, ..StateChange::default() };
        self.0.recorder.change(states, event.into_iter().chain(ended.into_iter().flatten()).collect())?;
        self.0.show_raised();
        Ok(())
    }

    /// Runs one change at a time. A viewer without a name cannot own a view.
    fn change_views(&self, access: &Grant) -> Result<MutexGuard<'_, ()>, Denied> {
        access.require(Right::Read)?;
        if access.viewer().user.trim().is_empty() {
            return Err(Denied(Right::Read));
        }
        Ok(self.0.changing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn changeable(&self, access: &Grant, id: Uuid) -> Result<SavedView, ChangeError> {
        let views = self.0.view.files.views(access.viewer())?;
        let view = views.into_iter().find(|view| view.id == id).ok_or(ChangeError::Missing("view"))?;
        if view.may_be_changed(access) { Ok(view) } else { Err(Denied(Right::Manage).into()) }
    }

    fn store_view(&self, change: ViewChange, event: Option<Event>) -> Result<(), ChangeError> {
        let states = StateChange { views: vec![change], ..StateChange::default() };
        Ok(self.0.recorder.change(states, event.into_iter().collect())?)
    }
}

fn about(event: Event, view: &SavedView) -> Event {
    let event = event.fact("view", view.id.to_string()).fact("name", view.name.clone());
    event.fact("owner", view.owner.clone()).fact("query", text(view))
}

/// Adds the differences, each with old and new value.
fn changes(mut event: Event, old: &SavedView, new: &SavedView) -> Event {
    let shared = |view: &SavedView| mcp_audit_log_model::value::Value::from(view.shared);
    for (field, old, new) in [
        ("name", old.name.clone().into(), new.name.clone().into()),
        ("query", text(old).into(), text(new).into()),
        ("shared", shared(old), shared(new)),
    ] {
        if old != new {
            event = event.fact("field", field).fact("old", old).fact("new", new);
        }
    }
    event
}

/// The search in a readable form.
fn text(view: &SavedView) -> String {
    let parts: Vec<_> = view.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(" & ")
}
