//! Saved views in the database.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::SqlContext;
use super::snapshot::SqliteSnapshot;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::saved_view::{SavedView, ViewChange};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::time::Timestamp;

pub(super) fn write(connection: &Connection, change: &ViewChange) -> rusqlite::Result<()> {
    match change {
        ViewChange::Save(view) => save(connection, view),
        ViewChange::Delete(id) => {
            connection.execute("DELETE FROM view WHERE id = ?1", [id.as_bytes().as_slice()]).map(drop)
        }
    }
}

/// Stores a view. The owner of an existing view, and the time of its creation, do not change.
fn save(connection: &Connection, view: &SavedView) -> rusqlite::Result<()> {
    let sql = "INSERT INTO view (id, name, owner, instance, shared, query, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET name = excluded.name,
        shared = excluded.shared, query = excluded.query, updated_at = excluded.updated_at";
    let row = params![
        view.id.as_bytes().as_slice(),
        view.name,
        view.owner,
        view.instance,
        view.shared,
        serde_json::to_string(&view.query).unwrap_or_else(|_| "[]".to_owned()),
        view.created_at.as_micros(),
        view.updated_at.as_micros()
    ];
    connection.execute(sql, row).map(drop)
}

/// The views that `viewer` may see, by name.
pub(super) fn views(log: &SqliteSnapshot<'_>, viewer: &Viewer) -> Result<Vec<SavedView>, StoreError> {
    let sql = "SELECT id, name, owner, instance, shared, query, created_at, updated_at FROM view
        WHERE instance IS ?1 AND (owner = ?2 OR shared) ORDER BY name, id";
    let mut statement = log.connection.prepare(sql).context("reading views")?;
    let found = statement.query_map(params![viewer.instance, viewer.user], view);
    found.and_then(Iterator::collect).context("reading views")
}

fn view(row: &Row<'_>) -> rusqlite::Result<SavedView> {
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, error);
    // If a broken search were read as "no filter", the view would show other entries than its name says.
    let query = serde_json::from_str(&row.get::<_, String>(5)?).map_err(|error| unreadable(Box::new(error)))?;
    Ok(SavedView {
        id: Uuid::from_bytes(row.get(0)?),
        name: row.get(1)?,
        owner: row.get(2)?,
        instance: row.get(3)?,
        shared: row.get(4)?,
        query,
        created_at: Timestamp::from_micros(row.get(6)?),
        updated_at: Timestamp::from_micros(row.get(7)?),
    })
}
