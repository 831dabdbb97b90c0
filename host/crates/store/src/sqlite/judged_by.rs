//! The records of what judged, in the database.

use std::collections::BTreeSet;

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;

use super::SqlContext;
use super::snapshot::SqliteSnapshot;
use mcp_audit_log_contract::judged_by::{JudgedBy, JudgingLayer};
use mcp_audit_log_index::StoreError;

/// Stores a record behind the others.
pub(super) fn append(connection: &Connection, record: &JudgedBy) -> Result<(), StoreError> {
    let doing = "storing which policy judges";
    let sql = "INSERT INTO judged_by (number, since, layers, settings_version, settings, configured, floors)
        SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6 FROM judged_by";
    let JudgedBy { since, layers, settings_version, settings, floors, configured } = record;
    let layers = serde_json::to_string(layers).unwrap_or_default();
    let settings = serde_json::to_string(settings).unwrap_or_default();
    let floors = serde_json::to_string(floors).unwrap_or_default();
    let configured = configured.as_ref().and_then(|digests| serde_json::to_string(digests).ok());
    let row = params![since, layers, settings_version, settings, configured, floors];
    connection.execute(sql, row).context(doing).map(drop)
}

/// The records that begin below `before`, the newest first. Of those that begin at the same `seq` only the last one judged.
pub(super) fn judged_before(log: &SqliteSnapshot<'_>, before: u64, limit: usize) -> Result<Vec<JudgedBy>, StoreError> {
    let doing = "reading which policies judged";
    let sql =
        "SELECT since, layers, settings_version, settings, configured, floors FROM judged_by AS one WHERE since < ?1
        AND number = (SELECT max(number) FROM judged_by WHERE since = one.since) ORDER BY since DESC LIMIT ?2";
    let mut statement = log.connection.prepare_cached(sql).context(doing)?;
    let [before, limit] = [before, limit as u64].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    statement.query_map([before, limit], record).context(doing)?.collect::<Result<_, _>>().context(doing)
}

/// The digests of the components of all records.
pub(super) fn components(log: &SqliteSnapshot<'_>) -> Result<BTreeSet<String>, StoreError> {
    let doing = "reading which components judged";
    let mut statement = log.connection.prepare("SELECT DISTINCT layers FROM judged_by").context(doing)?;
    let layers = statement.query_map([], |row| json::<Vec<JudgingLayer>>(0, &row.get::<_, String>(0)?));
    let layers: Vec<_> = layers.and_then(Iterator::collect).context(doing)?;
    Ok(layers.into_iter().flatten().map(|layer| layer.digest).collect())
}

fn record(row: &Row<'_>) -> rusqlite::Result<JudgedBy> {
    Ok(JudgedBy {
        since: row.get(0)?,
        layers: json(1, &row.get::<_, String>(1)?)?,
        settings_version: row.get(2)?,
        settings: json(3, &row.get::<_, String>(3)?)?,
        configured: row.get::<_, Option<String>>(4)?.map(|digests| json(4, &digests)).transpose()?,
        floors: json(5, &row.get::<_, String>(5)?)?,
    })
}

fn json<T: DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    serde_json::from_str(text).map_err(unreadable)
}
