//! Alerts on saved views: what is set, and what is raised. `check.rs` checks the conditions.

mod check;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use mcp_audit_log_contract::access::{Denied, Grant, Right, Viewer};
use mcp_audit_log_contract::alert::{Alert, AlertChange, AlertCondition, DEFINITIONS, MOST_ALERTS};
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

use super::{AuditLog, ChangeError, Inner, LogView};

/// The name of the log's own alert.
const DEFINITIONS_NAME: &str = "Changed tool definitions";
/// The action of the entry about an alert whose condition does not hold any more.
const ENDED: &str = "alert.ended";

/// Reads the parameters of a saved view as a search of this viewer; an error is a sentence.
pub type ViewSearch = fn(&[(String, String)], &AuditLog, &Grant) -> Result<Domain, String>;

/// What is known of alerts besides what is stored.
#[derive(Default)]
pub(super) struct Alerts {
    /// What reads the searches of views.
    search: OnceLock<ViewSearch>,
    board: Mutex<Board>,
}

/// The last check.
#[derive(Default)]
pub(super) struct Board {
    checked: Option<Timestamp>,
    results: HashMap<Uuid, AlertResult>,
    /// The owners of raised alerts; `None` for the log's own.
    raised: Vec<Option<Viewer>>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertResult {
    /// When it was checked.
    pub at: Timestamp,
    /// What was found, or why it could not be checked, as a sentence.
    pub found: Result<AlertFinding, String>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertFinding {
    /// How many entries match, or how many new values there are.
    pub count: u64,
    /// The first new values.
    pub values: Vec<String>,
}

/// An alert as its owner sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AlertStatus {
    /// The alert.
    pub alert: Alert,
    /// The name of its view.
    pub name: String,
    /// The search of its view.
    pub query: Vec<(String, String)>,
    /// The result of the last check since the log was opened.
    pub result: Option<AlertResult>,
}

impl LogView {
    /// The stored alerts of the viewer, and the log's own for viewers who see the definitions of tools: without the
    /// results of checks, which only the process that checks has.
    ///
    /// # Errors
    /// The viewer may not read entries, or the store fails.
    pub fn alerts(&self, access: &Grant) -> Result<Vec<AlertStatus>, ReadError> {
        access.require(Right::Read)?;
        let views = self.files.views(access.viewer())?;
        let status = |alert: Alert| {
            let (name, query) = match views.iter().find(|view| view.id == alert.view && view.is_of(access.viewer())) {
                Some(view) => (view.name.clone(), view.query.clone()),
                None if alert.view == DEFINITIONS && AuditLog::may_see_tools(access) => {
                    (DEFINITIONS_NAME.to_owned(), check::definitions_query())
                }
                None => return None,
            };
            Some(AlertStatus { alert, name, query, result: None })
        };
        Ok(self.all_alerts()?.into_iter().filter_map(status).collect())
    }

    /// Each stored alert, and the log's own.
    fn all_alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let mut alerts = self.files.alerts()?;
        if !alerts.iter().any(|alert| alert.view == DEFINITIONS) {
            alerts.insert(0, check::definitions_alert());
        }
        Ok(alerts)
    }
}

impl AuditLog {
    /// Sets what reads the searches of saved views. Without it, only the log's own alert is checked.
    #[doc(hidden)]
    pub fn read_views_with(&self, search: ViewSearch) {
        self.0.alerts.search.get_or_init(|| search);
    }

    /// The alerts of the viewer, and the log's own for viewers who see the definitions of tools.
    ///
    /// # Errors
    /// The viewer may not read entries, or the store fails.
    pub fn alerts(&self, access: &Grant) -> Result<Vec<AlertStatus>, ReadError> {
        let alerts = self.view().alerts(access)?;
        let results = self.0.alerts.board().results.clone();
        let with_result =
            |status: AlertStatus| AlertStatus { result: results.get(&status.alert.view).cloned(), ..status };
        Ok(alerts.into_iter().map(with_result).collect())
    }

    /// How many alerts that this viewer sees are raised.
    pub fn raised_alerts(&self, access: &Grant) -> usize {
        let is_of = |owner: &Option<Viewer>| match owner {
            Some(owner) => owner.user == access.viewer().user && owner.instance == access.viewer().instance,
            None => Self::may_see_tools(access),
        };
        if access.may(Right::Read) {
            self.0.alerts.board().raised.iter().filter(|owner| is_of(owner)).count()
        } else {
            0
        }
    }

    /// Sets the alert of a view of the viewer, in the place of the one that it has, and checks it. The groups that the
    /// viewer has now decide what it may read, each time that it is checked. Blocks.
    ///
    /// # Errors
    /// The viewer owns no such view, the condition is not allowed, there are too many alerts, or it cannot be stored.
    pub fn set_alert(
        &self,
        access: &Grant,
        view: Uuid,
        condition: AlertCondition,
        minutes: u32,
    ) -> Result<AlertStatus, ChangeError> {
        condition.check(minutes).map_err(ChangeError::Refused)?;
        {
            let _changing = self.changing_alerts(access, view)?;
            let alerts = self.0.all_alerts()?;
            let is_of = |alert: &&Alert| (&alert.owner.user, &alert.owner.instance) == owner_of(access);
            let raised = alerts.iter().find(|alert| alert.view == view).and_then(|alert| alert.raised);
            let is_new = !alerts.iter().any(|alert| alert.view == view);
            if is_new && alerts.iter().filter(is_of).count() >= MOST_ALERTS {
                let advice =
                    format!("You have {MOST_ALERTS} alerts, which is as many as are allowed. Remove one first.");
                return Err(ChangeError::Refused(advice));
            }
            let alert = Alert { view, owner: access.viewer().clone(), condition, minutes, raised };
            self.0.store_alert(AlertChange::Save(alert), None)?;
        }
        self.0.check_alert(self, view);
        let mut all = self.alerts(access).map_err(|_| ChangeError::Missing("alert"))?.into_iter();
        all.find(|status| status.alert.view == view).ok_or(ChangeError::Missing("alert"))
    }

    /// Removes the alert of a view of the viewer. If it is raised, an entry says that it ended. Blocks.
    ///
    /// # Errors
    /// The viewer owns no such view, it has no alert, or the change cannot be stored.
    pub fn delete_alert(&self, access: &Grant, view: Uuid) -> Result<(), ChangeError> {
        let _changing = self.changing_alerts(access, view)?;
        let name = self.alerts(access).ok().into_iter().flatten().find(|status| status.alert.view == view);
        let Some(AlertStatus { alert, name, .. }) = name else { return Err(ChangeError::Missing("alert")) };
        let (change, event) = self.0.without_alert(alert, &name);
        Ok(self.0.store_alert(change, event)?)
    }

    fn changing_alerts(&self, access: &Grant, view: Uuid) -> Result<MutexGuard<'_, ()>, ChangeError> {
        access.require(Right::Read)?;
        let changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let views = self.0.view.files.views(access.viewer())?;
        let found = views.into_iter().find(|other| other.id == view).ok_or(ChangeError::Missing("view"))?;
        // Its rights are those of its owner, so no other viewer sets it.
        if found.is_of(access.viewer()) { Ok(changing) } else { Err(Denied(Right::Manage).into()) }
    }
}

fn owner_of(access: &Grant) -> (&String, &Option<String>) {
    (&access.viewer().user, &access.viewer().instance)
}

impl Inner {
    /// All alerts, with the log's own.
    fn all_alerts(&self) -> Result<Vec<Alert>, StoreError> {
        self.view.all_alerts()
    }

    /// What removes an alert, with the entry about its end if it is raised.
    pub(super) fn without_alert(&self, alert: Alert, name: &str) -> (AlertChange, Option<Event>) {
        let event = alert.raised.is_some().then(|| self.alert_event(ENDED, &alert, name).fact("reason", "removed"));
        (AlertChange::Delete(alert.view), event)
    }

    /// The alert of a view, if it has one.
    pub(super) fn alert_of(&self, view: Uuid) -> Result<Option<Alert>, StoreError> {
        Ok(self.view.files.alerts()?.into_iter().find(|alert| alert.view == view))
    }

    fn store_alert(
        &self,
        change: AlertChange,
        event: Option<Event>,
    ) -> Result<(), mcp_audit_log_core::recorder::RecordError> {
        let states = StateChange { alerts: vec![change], ..StateChange::default() };
        self.recorder.change(states, event.into_iter().collect())?;
        self.show_raised();
        Ok(())
    }

    /// For the mark on the pages.
    pub(super) fn show_raised(&self) {
        let Ok(alerts) = self.view.files.alerts() else { return };
        let raised = alerts.into_iter().filter(|alert| alert.raised.is_some());
        let owner = |alert: Alert| (alert.view != DEFINITIONS).then_some(alert.owner);
        self.alerts.board().raised = raised.map(owner).collect();
    }

    /// An entry about an alert, in the name of its owner, who can read it.
    fn alert_event(&self, action: &str, alert: &Alert, name: &str) -> Event {
        let event = self.event(action).fact("alert", name).fact("condition", alert.condition.sentence(alert.minutes));
        let event = Event { parent: alert.raised.map(|(_, entry)| entry), ..event };
        if alert.view == DEFINITIONS {
            return event;
        }
        let owner = &alert.owner;
        let event = event.fact("view", alert.view.to_string());
        event.by_actor(&owner.user.as_str().into(), owner.instance.as_deref())
    }
}

impl Alerts {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
