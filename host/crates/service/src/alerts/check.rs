//! Checks the conditions of alerts, once a minute and one after another, on a thread of its own.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_contract::alert::{Alert, AlertChange, AlertCondition, DEFINITIONS};
use mcp_audit_log_core::reader::{InternalReads, MAX_LIMIT, ReadError, Reader};
use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_index::{GroupBy, GroupSort};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::cut;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_model::value::Value;
use uuid::Uuid;

use super::{AlertFinding, AlertResult, DEFINITIONS_NAME, ENDED};
use crate::open::own_access;
use crate::{AuditLog, Inner, OpenError};

/// How often it is looked whether a check is due.
const TICK: Duration = Duration::from_secs(1);
/// The time between two checks of an alert, in microseconds.
const INTERVAL: i64 = 60 * SECOND;
/// How long the log's own alert stays raised after the last change, in minutes.
const DEFINITIONS_MINUTES: u32 = 24 * 60;
/// The most new values that an entry names, and the longest text of one, in characters.
const NAMED: usize = 5;
const LONGEST: usize = 80;

/// The actions that the log's own alert is about.
const CHANGES: [&str; 3] = ["tool.definition_changed", "tool.definition_added", "tool.definition_removed"];

/// The log's own alert, not raised.
pub(super) fn definitions_alert() -> Alert {
    let owner = Viewer { user: String::new(), groups: Vec::new(), instance: None };
    let condition = AlertCondition::Count(1);
    Alert { view: DEFINITIONS, owner, condition, minutes: DEFINITIONS_MINUTES, raised: None }
}

/// Its search, as a view's.
pub(super) fn definitions_query() -> Vec<(String, String)> {
    vec![("q".to_owned(), format!("kind:system action:{}", CHANGES.join(",")))]
}

fn definitions_domain() -> Domain {
    let actions = CHANGES.map(|action| Domain::equals(Field::Action, action));
    Domain::equals(Field::Kind, "system").and(Domain::any_of(actions))
}

impl AuditLog {
    /// Checks all alerts, if the last check was a minute ago. The log's own thread calls it every second.
    pub fn check_alerts_due(&self) {
        let now = self.view().now();
        {
            let mut board = self.0.alerts.board();
            if board.checked.is_some_and(|checked| checked <= now && now < checked.plus(INTERVAL)) {
                return;
            }
            board.checked = Some(now);
        }
        self.check_alerts();
    }

    /// Checks all alerts now. Blocks.
    pub fn check_alerts(&self) {
        match self.0.all_alerts() {
            Ok(alerts) => alerts.iter().for_each(|alert| self.0.check_alert(self, alert.view)),
            Err(error) => tracing::warn!(%error, "the alerts cannot be read; retrying in a minute"),
        }
        self.0.show_raised();
    }

    /// Starts the thread that checks alerts.
    pub(crate) fn watch_alerts(&self) -> Result<(), OpenError> {
        let log = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("audit-alerts".into());
        thread.spawn(move || watch(&log)).map(drop).map_err(OpenError::Thread)
    }
}

/// Runs until the log is closed or dropped.
fn watch(log: &Weak<Inner>) {
    while let Some(log) = log.upgrade().map(AuditLog) {
        if log.is_stopping() {
            return;
        }
        log.check_alerts_due();
        drop(log);
        std::thread::park_timeout(TICK);
    }
}

impl Inner {
    /// Checks the alert of this view, and records that it is raised or ended.
    pub(super) fn check_alert(&self, log: &AuditLog, view: Uuid) {
        let now = self.view.now();
        let found = self.all_alerts().map_err(|error| error.to_string());
        let alert = match found.map(|alerts| alerts.into_iter().find(|alert| alert.view == view)) {
            Ok(Some(alert)) => alert,
            Ok(None) => return,
            Err(error) => return tracing::warn!(error, "an alert cannot be read; retrying in a minute"),
        };
        let Some((name, found)) = self.find(log, &alert, now) else { return };
        if let Ok(finding) = &found
            && let Err(error) = self.transition(&alert, &name, finding, now)
        {
            tracing::warn!(%error, alert = name, "the change of an alert could not be recorded; retrying in a minute");
        }
        if let Err(error) = &found {
            tracing::warn!(error, alert = name, "an alert could not be checked");
        }
        self.alerts.board().results.insert(view, AlertResult { at: now, found });
    }

    /// What the alert finds, with the name of its view; `None` while its view cannot be read by this process.
    fn find(&self, log: &AuditLog, alert: &Alert, now: Timestamp) -> Option<(String, Result<AlertFinding, String>)> {
        if alert.view == DEFINITIONS {
            let found = self.finding(&own_access(), &definitions_domain(), alert, now);
            return Some((DEFINITIONS_NAME.to_owned(), found.map_err(|error| error.to_string())));
        }
        let search = self.alerts.search.get()?;
        let views = match self.view.files.views(&alert.owner) {
            Ok(views) => views,
            Err(error) => return Some((alert.view.to_string(), Err(error.to_string()))),
        };
        let view = views.into_iter().find(|view| view.id == alert.view && view.is_of(&alert.owner))?;
        // What the owner may read is asked each time.
        let access = self.view.access(&alert.owner);
        let found = search(&view.query, log, &access)
            .and_then(|domain| self.finding(&access, &domain, alert, now).map_err(|error| error.to_string()));
        Some((view.name, found))
    }

    fn finding(&self, access: &Grant, view: &Domain, alert: &Alert, now: Timestamp) -> Result<AlertFinding, ReadError> {
        let reader = Reader::new(&self.view.files, access, now);
        let from = now.plus(-(i64::from(alert.minutes) * 60 * SECOND));
        // An entry about an alert must not keep one raised.
        let own = ["alert.raised", ENDED].map(|action| Domain::equals(Field::Method, action));
        let own = Domain::equals(Field::Kind, "system").and(Domain::any_of(own));
        let view = view.clone().and(own.not());
        let recent = view.clone().and(recorded(Test::AtLeast(from.as_micros().into())));
        let before = view.and(recorded(Test::Less(from.as_micros().into())));
        match alert.condition {
            AlertCondition::Count(_) => {
                let groups =
                    reader.groups(recent, &[GroupBy::Field(Field::Outcome)], GroupSort::default(), MAX_LIMIT)?;
                Ok(AlertFinding { count: groups.entries, values: Vec::new() })
            }
            AlertCondition::New(field) => new_values(&reader, field, recent, &before),
        }
    }

    fn transition(
        &self,
        alert: &Alert,
        name: &str,
        finding: &AlertFinding,
        now: Timestamp,
    ) -> Result<(), crate::ChangeError> {
        let holds = match alert.condition {
            AlertCondition::Count(least) => finding.count >= u64::from(least),
            AlertCondition::New(_) => finding.count > 0,
        };
        if holds == alert.raised.is_some() {
            return Ok(());
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // Its owner may have changed or removed it meanwhile.
        if self.all_alerts()?.iter().find(|other| other.view == alert.view) != Some(alert) {
            return Ok(());
        }
        let event = self.alert_event(if holds { "alert.raised" } else { ENDED }, alert, name);
        let mut event = event.fact("count", i64::try_from(finding.count).unwrap_or(i64::MAX));
        if !finding.values.is_empty() {
            event = event.fact("values", finding.values.join(", "));
        }
        let raised = holds.then_some((now, event.id));
        let change = AlertChange::Save(Alert { raised, ..alert.clone() });
        Ok(self.store_alert(change, Some(event))?)
    }
}

fn recorded(test: Test) -> Domain {
    Domain::Term(Term { field: Field::RecordedAt, test })
}

/// The values of `field` in the recent entries that no entry before has. Where there is none before, nothing is new.
fn new_values(reader: &Reader<'_>, field: Field, recent: Domain, before: &Domain) -> Result<AlertFinding, ReadError> {
    let mut finding = AlertFinding::default();
    let is_there = |domain: Domain| Ok::<_, ReadError>(!reader.page(domain, None, 1)?.entries.is_empty());
    if !is_there(before.clone())? {
        return Ok(finding);
    }
    let groups = reader.groups(recent, &[GroupBy::Field(field)], GroupSort::default(), MAX_LIMIT)?;
    for value in groups.groups.into_iter().filter_map(|group| group.keys.into_iter().next()) {
        if value == Value::Unset || is_there(before.clone().and(Domain::equals(field, value.clone())))? {
            continue;
        }
        finding.count += 1;
        if finding.values.len() < NAMED {
            finding.values.push(cut(&value.to_string(), LONGEST).into_owned());
        }
    }
    Ok(finding)
}
