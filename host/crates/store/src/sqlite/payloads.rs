//! Payloads in the file.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, params};

use crate::payload::Packed;
use crate::{PackedPayload, StoredPayload};

/// Appends the payload of the newest entry.
pub(super) fn insert(transaction: &Transaction<'_>, seq: u64, payload: &PackedPayload) -> rusqlite::Result<()> {
    let sql = "INSERT OR FAIL INTO payload (seq, salt, request, response, notes) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![seq, payload.salt.as_slice(), payload.request, payload.response, payload.notes];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}

/// Erases the payload at a place, in the transaction of the entry about it. None of these statements is cached, for the
/// reason given at [`super::writer`].
pub(super) fn erase(transaction: &Transaction<'_>, seq: u64) -> rusqlite::Result<()> {
    transaction.execute("UPDATE head SET erasing = ?1", [seq])?;
    transaction.execute("DELETE FROM payload WHERE seq = ?1", [seq])?;
    transaction.execute("UPDATE head SET erasing = NULL", []).map(drop)
}

/// The payload at a place.
pub(super) fn find(connection: &Connection, seq: u64) -> rusqlite::Result<Option<StoredPayload>> {
    let sql = "SELECT salt, request, response, notes FROM payload WHERE seq = ?1";
    let payload = |row: &rusqlite::Row<'_>| {
        let notes = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
        Ok(StoredPayload { salt: row.get(0)?, request: body(row, 1)?, response: body(row, 2)?, notes })
    };
    connection.query_row(sql, [seq], payload).optional()
}

/// The body in a column, unpacked.
pub(super) fn body(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    row.get::<_, Option<Unpacked>>(at).map(|body| body.map(|body| body.0))
}

impl ToSql for Packed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Frame(frame) => frame.to_sql(),
        }
    }
}

struct Unpacked(String);

impl FromSql for Unpacked {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let packed = match value {
            ValueRef::Blob(frame) => Packed::Frame(frame.to_vec()),
            text => Packed::Text(text.as_str()?.to_owned()),
        };
        packed.unpack().map(Self).ok_or_else(|| FromSqlError::Other("a compressed body is damaged".into()))
    }
}
