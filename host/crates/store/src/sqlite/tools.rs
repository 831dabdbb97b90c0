//! The known tools of servers, in the database.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::SqlContext;
use super::snapshot::SqliteSnapshot;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::time::Timestamp;

/// Stores a tool in the place of what was known of it.
pub(super) fn write(connection: &Connection, tool: &KnownTool) -> rusqlite::Result<()> {
    let sql = "INSERT INTO tool (server, name, definitions, first_seen, changed_at, last_seen, seen_by, entry, gone)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (server, name) DO UPDATE SET
        definitions = excluded.definitions, first_seen = excluded.first_seen, changed_at = excluded.changed_at,
        last_seen = excluded.last_seen, seen_by = excluded.seen_by, entry = excluded.entry, gone = excluded.gone";
    let row = params![
        tool.server,
        tool.tool,
        serde_json::to_string(&tool.definitions).unwrap_or_else(|_| "[]".to_owned()),
        tool.first_seen.as_micros(),
        tool.changed_at.as_micros(),
        tool.last_seen.as_micros(),
        tool.seen_by,
        tool.entry.as_bytes().as_slice(),
        tool.is_gone
    ];
    connection.execute(sql, row).map(drop)
}

/// All of them, by server and name.
pub(super) fn tools(log: &SqliteSnapshot<'_>) -> Result<Vec<KnownTool>, StoreError> {
    let sql = "SELECT server, name, definitions, first_seen, changed_at, last_seen, seen_by, entry, gone FROM tool
        ORDER BY server, name";
    let mut statement = log.connection.prepare(sql).context("reading tools")?;
    let found = statement.query_map([], tool);
    found.and_then(Iterator::collect).context("reading tools")
}

fn tool(row: &Row<'_>) -> rusqlite::Result<KnownTool> {
    let time = |at| Ok::<_, rusqlite::Error>(Timestamp::from_micros(row.get(at)?));
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, Box::new(error));
    Ok(KnownTool {
        server: row.get(0)?,
        tool: row.get(1)?,
        definitions: serde_json::from_str(&row.get::<_, String>(2)?).map_err(unreadable)?,
        first_seen: time(3)?,
        changed_at: time(4)?,
        last_seen: time(5)?,
        seen_by: row.get(6)?,
        entry: Uuid::from_bytes(row.get(7)?),
        is_gone: row.get(8)?,
    })
}
