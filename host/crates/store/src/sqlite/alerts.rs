//! Alerts on saved views, in the database.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::SqlContext;
use super::snapshot::SqliteSnapshot;
use super::states::time;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::alert::{Alert, AlertChange, AlertCondition};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::field::Field;

pub(super) fn write(connection: &Connection, change: &AlertChange) -> rusqlite::Result<()> {
    match change {
        AlertChange::Save(alert) => save(connection, alert),
        AlertChange::Delete(view) => {
            connection.execute("DELETE FROM alert WHERE view = ?1", [view.as_bytes().as_slice()]).map(drop)
        }
    }
}

fn save(connection: &Connection, alert: &Alert) -> rusqlite::Result<()> {
    let sql = "INSERT INTO alert (view, owner, groups, instance, least, field, minutes, raised_at, raised_entry)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (view) DO UPDATE SET owner = excluded.owner,
        groups = excluded.groups, instance = excluded.instance, least = excluded.least, field = excluded.field,
        minutes = excluded.minutes, raised_at = excluded.raised_at, raised_entry = excluded.raised_entry";
    let (least, field) = match alert.condition {
        AlertCondition::Count(least) => (Some(least), None),
        AlertCondition::New(field) => (None, Some(field.name())),
    };
    let row = params![
        alert.view.as_bytes().as_slice(),
        alert.owner.user,
        serde_json::to_string(&alert.owner.groups).unwrap_or_else(|_| "[]".to_owned()),
        alert.owner.instance,
        least,
        field,
        alert.minutes,
        alert.raised.map(|(at, _)| at.as_micros()),
        alert.raised.as_ref().map(|(_, entry)| entry.as_bytes().as_slice()),
    ];
    connection.execute(sql, row).map(drop)
}

/// All of them, by the id of their view.
pub(super) fn alerts(log: &SqliteSnapshot<'_>) -> Result<Vec<Alert>, StoreError> {
    let sql = "SELECT view, owner, groups, instance, least, field, minutes, raised_at, raised_entry FROM alert
        ORDER BY view";
    let mut statement = log.connection.prepare(sql).context("reading alerts")?;
    let found = statement.query_map([], alert);
    found.and_then(Iterator::collect).context("reading alerts")
}

fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let wrong = |at: usize, what: &str| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, what.into());
    let groups = serde_json::from_str(&row.get::<_, String>(2)?).map_err(|_| wrong(2, "no list of groups"))?;
    // A condition that cannot be read must not become another one.
    let condition = match (row.get::<_, Option<u32>>(4)?, row.get::<_, Option<String>>(5)?) {
        (Some(least), _) => AlertCondition::Count(least),
        (None, field) => {
            let field = field.as_deref().and_then(Field::named).ok_or_else(|| wrong(5, "no field"))?;
            AlertCondition::New(field)
        }
    };
    let raised = time(row, 7)?.zip(row.get::<_, Option<[u8; 16]>>(8)?.map(Uuid::from_bytes));
    Ok(Alert {
        view: Uuid::from_bytes(row.get(0)?),
        owner: Viewer { user: row.get(1)?, groups, instance: row.get(3)? },
        condition,
        minutes: row.get(6)?,
        raised,
    })
}
