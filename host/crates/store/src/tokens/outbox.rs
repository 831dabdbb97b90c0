//! Changes of tokens whose entries are not in the log yet. The command line changes tokens while another process writes
//! the log. That process reads this outbox while it runs, or at its next start.

use rusqlite::{Row, Transaction, params};
use uuid::Uuid;

use super::{Token, TokenError, Tokens, groups};
use mcp_audit_log_model::actor::Actor;
use mcp_audit_log_model::event::new_id;
use mcp_audit_log_model::time::Timestamp;

/// How many changes are read at once. The others wait for the next read.
const MOST: u32 = 1_000;

/// An action on a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAction {
    /// The token was created.
    Created,
    /// The token was revoked.
    Revoked,
}

impl TokenAction {
    /// Its name in the action catalogue of the default policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "api_key.created",
            Self::Revoked => "api_key.revoked",
        }
    }
}

/// A change whose entry is not in the log yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAction {
    /// The future entry's id.
    pub id: Uuid,
    /// What was done.
    pub action: TokenAction,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// The token at the time of the action.
    pub token: Token,
}

/// Enqueues the entry about a change of the token `id`, which must exist, in the transaction of the change.
pub(super) fn enqueue(
    database: &Transaction<'_>,
    action: TokenAction,
    id: &str,
    by: &Actor,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO outbox (id, action, done_at, done_by, token, user, connection, groups, instance, created_at, expires_at)
               SELECT ?1, ?2, ?3, ?4, id, user, connection, groups, instance, created_at, expires_at FROM token WHERE id = ?5";
    database
        .execute(
            sql,
            params![new_id(now).to_string(), action.as_str(), now.as_micros(), serde_json::json!(by).to_string(), id],
        )
        .map(drop)
}

/// The changes whose entries are not in the log yet. Only the log uses this: the façade does not re-export it, so that
/// an embedder cannot drop an entry about a change.
pub trait Outbox {
    /// The pending ones, oldest first.
    ///
    /// # Errors
    /// The file of tokens failed.
    fn pending(&self) -> Result<Vec<PendingAction>, TokenError>;

    /// Removes the changes whose entries are now in the log.
    ///
    /// # Errors
    /// The database of tokens failed, and nothing was removed.
    fn delivered(&self, actions: &[PendingAction]) -> Result<(), TokenError>;
}

impl Outbox for Tokens {
    fn pending(&self) -> Result<Vec<PendingAction>, TokenError> {
        let sql =
            "SELECT id, action, done_at, done_by, token, user, connection, groups, instance, created_at, expires_at
                   FROM outbox ORDER BY done_at, id LIMIT ?1";
        self.with(|database| database.prepare(sql)?.query_map([MOST], pending_action)?.collect())
    }

    fn delivered(&self, actions: &[PendingAction]) -> Result<(), TokenError> {
        self.with(|database| {
            let transaction = database.transaction()?;
            for one in actions {
                transaction.execute("DELETE FROM outbox WHERE id = ?1", [one.id.to_string()])?;
            }
            transaction.commit()
        })
    }
}

fn pending_action(row: &Row<'_>) -> rusqlite::Result<PendingAction> {
    let (id, action): (String, String) = (row.get(0)?, row.get(1)?);
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    Ok(PendingAction {
        id: id.parse().map_err(unreadable)?,
        action: if action == TokenAction::Created.as_str() { TokenAction::Created } else { TokenAction::Revoked },
        at: Timestamp::from_micros(row.get(2)?),
        by: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        token: Token {
            id: row.get(4)?,
            user: row.get(5)?,
            connection: row.get(6)?,
            groups: groups(&row.get::<_, String>(7)?),
            instance: row.get(8)?,
            created_at: Timestamp::from_micros(row.get(9)?),
            expires_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
            last_used_at: None,
        },
    })
}
