//! Sessions of browsers that were signed out. They are remembered beside their token until they would have been over,
//! so that a copy of the cookie is worth nothing after a restart either.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{COLUMNS, Token, TokenError, Tokens, token};
use mcp_audit_log_model::time::Timestamp;

/// How many ended sessions of a token are stored one by one. If there are more, only the end of the last one of the
/// older half is stored, and every session that began before that counts as ended.
const ONE_BY_ONE: i64 = 1_000;

impl Tokens {
    /// The token with this id, even if it has expired, unless its session that expires at `until` was signed out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn by_session(&self, id: &str, until: Timestamp) -> Result<Option<Token>, TokenError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM token WHERE id = ?1 AND coalesce(sessions_ended < ?2, TRUE)
             AND NOT EXISTS (SELECT 1 FROM ended_session WHERE token = ?1 AND until = ?2)"
        );
        self.with(|connection| connection.query_row(&sql, params![id, until.as_micros()], token).optional())
    }

    /// Signs out the session of the token `id` that would expire at `until`.
    ///
    /// # Errors
    /// The file cannot be written, and the session stays valid.
    pub fn end_session(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), TokenError> {
        self.with(|database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM ended_session WHERE until <= ?1", [now.as_micros()])?;
            let sql = "INSERT OR IGNORE INTO ended_session (token, until) VALUES (?1, ?2)";
            transaction.execute(sql, params![id, until.as_micros()])?;
            shorten(&transaction, id)?;
            transaction.commit()
        })
    }
}

fn shorten(database: &Connection, id: &str) -> rusqlite::Result<()> {
    let sql = "SELECT until FROM ended_session WHERE token = ?1 ORDER BY until DESC LIMIT 1 OFFSET ?2";
    let is_full = database.query_row(sql, params![id, ONE_BY_ONE], |row| row.get::<_, i64>(0)).optional()?.is_some();
    if !is_full {
        return Ok(());
    }
    let last: i64 = database.query_row(sql, params![id, ONE_BY_ONE / 2], |row| row.get(0))?;
    database.execute("UPDATE token SET sessions_ended = ?2 WHERE id = ?1", params![id, last])?;
    database.execute("DELETE FROM ended_session WHERE token = ?1 AND until <= ?2", params![id, last]).map(drop)
}
