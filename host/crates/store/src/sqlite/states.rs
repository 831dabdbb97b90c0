//! What stands beside the entries and may change: settings, the states of scheduled jobs, holds, views.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};

use super::{Doing, Files, checkpoints, holds, payloads, views};
use crate::{StateChange, StoreError};
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// Stores every change of `states`, in the transaction of the entries about them.
pub(super) fn write(transaction: &Transaction<'_>, states: &StateChange) -> rusqlite::Result<()> {
    states.settings.iter().try_for_each(|change| write_setting(transaction, change))?;
    states.crons.iter().try_for_each(|(name, state)| write_cron(transaction, name, state))?;
    states.holds.iter().try_for_each(|change| holds::write(transaction, change))?;
    states.views.iter().try_for_each(|change| views::write(transaction, change))?;
    states.checkpoints.iter().try_for_each(|change| checkpoints::write(transaction, change))?;
    states.erased.iter().try_for_each(|seq| payloads::erase(transaction, *seq))
}

fn write_setting(transaction: &Transaction<'_>, change: &SettingChange) -> rusqlite::Result<()> {
    let sql = "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    transaction.execute(sql, params![change.key, change.new.to_json().to_string()]).map(drop)
}

fn write_cron(transaction: &Transaction<'_>, name: &str, state: &CronState) -> rusqlite::Result<()> {
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
    transaction.execute(sql, row).map(drop)
}

/// A moment in a column that may be empty.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp::from_micros))
}

impl Files {
    /// The settings that were ever changed.
    ///
    /// # Errors
    /// The database fails.
    pub fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT key, value FROM setting").doing("reading settings")?;
            let setting = |row: &Row<'_>| {
                let value: String = row.get(1)?;
                Ok((row.get(0)?, serde_json::from_str(&value).unwrap_or(Value::Unset)))
            };
            statement.query_map([], setting).and_then(Iterator::collect).doing("reading settings")
        })
    }

    /// What is remembered about scheduled jobs.
    ///
    /// # Errors
    /// The database fails.
    pub fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError> {
        let sql = "SELECT name, next_run, last_run, last_succeeded, last_message, running_since FROM cron";
        self.read(|connection| {
            let mut statement = connection.prepare(sql).doing("reading scheduled jobs")?;
            let cron = |row: &Row<'_>| Ok((row.get(0)?, cron_state(row)?));
            statement.query_map([], cron).and_then(Iterator::collect).doing("reading scheduled jobs")
        })
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
