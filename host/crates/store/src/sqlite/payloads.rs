//! Payloads in the file.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use mcp_audit_log_index::{Packed, PackedPayload};

/// Appends the payload of the newest entry.
pub(super) fn insert(connection: &Connection, seq: u64, payload: &PackedPayload) -> rusqlite::Result<()> {
    let sql = "INSERT OR FAIL INTO payload (seq, salt, request, response, notes) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![seq, payload.salt.as_slice(), Bound(&payload.request), Bound(&payload.response), payload.notes];
    connection.prepare_cached(sql)?.execute(row).map(drop)
}

/// Erases the payload at `seq`, in the transaction of the entry about the erasure. None of these statements is cached;
/// [`super::writer`] gives the reason.
pub(super) fn erase(connection: &Connection, seq: u64) -> rusqlite::Result<()> {
    connection.execute("UPDATE head SET erasing = ?1", [seq])?;
    connection.execute("DELETE FROM payload WHERE seq = ?1", [seq])?;
    connection.execute("UPDATE head SET erasing = NULL", []).map(drop)
}

/// The payload at `seq`.
pub(super) fn find(connection: &Connection, seq: u64) -> rusqlite::Result<Option<PackedPayload>> {
    let sql = "SELECT salt, request, response, notes FROM payload WHERE seq = ?1";
    let payload = |row: &rusqlite::Row<'_>| {
        let body = |at: usize| row.get::<_, Option<Body>>(at).map(|body| body.map(|body| body.0));
        Ok(PackedPayload { salt: row.get(0)?, request: body(1)?, response: body(2)?, notes: row.get(3)? })
    };
    connection.query_row(sql, [seq], payload).optional()
}

/// The body in a column, decompressed.
pub(super) fn body(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    let Some(Body(packed)) = row.get::<_, Option<Body>>(at)? else { return Ok(None) };
    let damaged = || FromSqlError::Other("a compressed body is damaged".into());
    packed
        .unpack()
        .map(Some)
        .ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Blob, Box::new(damaged())))
}

/// A body as it is stored in a column.
struct Body(Packed);

impl FromSql for Body {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(match value {
            ValueRef::Blob(frame) => Packed::Frame(frame.to_vec()),
            text => Packed::Text(text.as_str()?.to_owned()),
        }))
    }
}

/// The value to bind for a body.
pub(super) struct Bound<'a>(pub(super) &'a Option<Packed>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0 {
            None => rusqlite::types::Null.to_sql(),
            Some(Packed::Text(text)) => text.to_sql(),
            Some(Packed::Frame(frame)) => frame.to_sql(),
        }
    }
}
