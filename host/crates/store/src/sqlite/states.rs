//! The states beside the entries, which may change: settings, scheduled jobs, holds, views.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};

use super::snapshot::SqliteSnapshot;
use super::{alerts, checkpoints, holds, judged_by, payloads, tools, views};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::alert::Alert;
use mcp_audit_log_contract::hold::Hold;
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::saved_view::SavedView;
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_index::{
    CheckpointQuery, CheckpointTime, DestinationState, StateChange, States, StoreError, StoredCheckpoint,
};
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// Stores every change of `states`, in the transaction of the entries about them.
pub(super) fn write(connection: &Connection, states: &StateChange) -> rusqlite::Result<()> {
    states.settings.iter().try_for_each(|change| write_setting(connection, change))?;
    states.crons.iter().try_for_each(|(name, state)| write_cron(connection, name, state))?;
    states.holds.iter().try_for_each(|change| holds::write(connection, change))?;
    states.views.iter().try_for_each(|change| views::write(connection, change))?;
    states.checkpoints.iter().try_for_each(|change| checkpoints::write(connection, change))?;
    states.tools.iter().try_for_each(|tool| tools::write(connection, tool))?;
    states.alerts.iter().try_for_each(|change| alerts::write(connection, change))?;
    states.erased.iter().try_for_each(|seq| payloads::erase(connection, *seq))
}

fn write_setting(connection: &Connection, change: &SettingChange) -> rusqlite::Result<()> {
    let sql = "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(sql, params![change.key, change.new.to_json().to_string()]).map(drop)
}

fn write_cron(connection: &Connection, name: &str, state: &CronState) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cron (name, next_run, last_run, last_succeeded, last_message, running_since)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET next_run = excluded.next_run,
        last_run = excluded.last_run, last_succeeded = excluded.last_succeeded,
        last_message = excluded.last_message, running_since = excluded.running_since";
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
    let row = params![
        name,
        micros(state.next_run),
        micros(state.last_run),
        state.last_succeeded,
        state.last_message,
        micros(state.running_since)
    ];
    connection.execute(sql, row).map(drop)
}

/// A time in a column that may be empty.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp::from_micros))
}

impl States for SqliteSnapshot<'_> {
    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        let setting = |row: &Row<'_>| {
            let value: String = row.get(1)?;
            Ok((row.get(0)?, serde_json::from_str(&value).unwrap_or(Value::Unset)))
        };
        let settings = self.all("SELECT key, value FROM setting", "reading settings", setting)?;
        Ok(settings.into_iter().collect())
    }

    fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError> {
        let sql = "SELECT name, next_run, last_run, last_succeeded, last_message, running_since FROM cron";
        let crons = self.all(sql, "reading scheduled jobs", |row| Ok((row.get(0)?, cron_state(row)?)))?;
        Ok(crons.into_iter().collect())
    }

    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        holds::holds(self)
    }

    fn views(&self, viewer: &Viewer) -> Result<Vec<SavedView>, StoreError> {
        views::views(self, viewer)
    }

    fn checkpoints(&self, query: &CheckpointQuery) -> Result<Vec<StoredCheckpoint>, StoreError> {
        checkpoints::checkpoints(self, query)
    }

    fn checkpoint_times(&self) -> Result<Vec<CheckpointTime>, StoreError> {
        checkpoints::checkpoint_times(self)
    }

    fn keys(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT vkey, since FROM verifier ORDER BY since";
        self.all(sql, "reading checkpoints", |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn clock_confirmed(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(number), 0) FROM clock";
        Ok(self.all(sql, "reading checkpoints", |row| row.get(0))?.into_iter().next().unwrap_or(0))
    }

    fn destinations(&self) -> Result<Vec<DestinationState>, StoreError> {
        let state =
            |row: &Row<'_>| Ok(DestinationState { name: row.get(0)?, number: row.get(1)?, failing: row.get(2)? });
        self.all("SELECT name, number, failing FROM place", "reading checkpoints", state)
    }

    fn judged_before(&self, before: u64, limit: usize) -> Result<Vec<JudgedBy>, StoreError> {
        judged_by::judged_before(self, before, limit)
    }

    fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        alerts::alerts(self)
    }

    fn tools(&self) -> Result<Vec<KnownTool>, StoreError> {
        tools::tools(self)
    }

    fn judging_components(&self) -> Result<BTreeSet<String>, StoreError> {
        judged_by::components(self)
    }
}

fn cron_state(row: &Row<'_>) -> rusqlite::Result<CronState> {
    Ok(CronState {
        next_run: time(row, 1)?,
        last_run: time(row, 2)?,
        last_succeeded: row.get(3)?,
        last_message: row.get(4)?,
        running_since: time(row, 5)?,
    })
}
