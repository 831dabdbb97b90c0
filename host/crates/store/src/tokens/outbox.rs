//! What was done to tokens and is not in the log yet. The command line changes tokens while another process holds the
//! log; the process that holds it takes what lies here, now or at its next start.

use rusqlite::{Row, Transaction, params};
use uuid::Uuid;

use super::{Token, TokenError, Tokens, groups};
use mcp_audit_log_model::actor::Actor;
use mcp_audit_log_model::event::new_id;
use mcp_audit_log_model::time::Timestamp;

/// What is taken at once; the rest waits for the next look.
const MOST: u32 = 1_000;

/// What was done to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was made.
    Created,
    /// It was revoked.
    Revoked,
}

impl Deed {
    /// The action, as the catalogue of the default policy has it.
    pub fn action(self) -> &'static str {
        match self {
            Self::Created => "api_key.created",
            Self::Revoked => "api_key.revoked",
        }
    }
}

/// Something that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// The future entry's id.
    pub id: Uuid,
    /// What was done.
    pub deed: Deed,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// The token as it was then.
    pub token: Token,
}

/// Puts down what is being done to the token `id`, which must be there, in the transaction that does it.
pub(super) fn tell(
    database: &Transaction<'_>,
    deed: Deed,
    id: &str,
    by: &Actor,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO outbox (id, action, done_at, done_by, token, user, connection, groups, instance, created_at, expires_at)
               SELECT ?1, ?2, ?3, ?4, id, user, connection, groups, instance, created_at, expires_at FROM token WHERE id = ?5";
    database
        .execute(
            sql,
            params![new_id(now).to_string(), deed.action(), now.as_micros(), serde_json::json!(by).to_string(), id],
        )
        .map(drop)
}

/// What was done to tokens and is not in the log yet. For the log only: the façade does not re-export it, so that an
/// embedder cannot make the log forget a deed.
pub trait Outbox {
    /// What is to be told, oldest first.
    ///
    /// # Errors
    /// The file of tokens failed.
    fn untold(&self) -> Result<Vec<Untold>, TokenError>;

    /// Forgets what the log has by now.
    ///
    /// # Errors
    /// The file of tokens failed; all of it is still there.
    fn told(&self, untold: &[Untold]) -> Result<(), TokenError>;
}

impl Outbox for Tokens {
    fn untold(&self) -> Result<Vec<Untold>, TokenError> {
        let sql =
            "SELECT id, action, done_at, done_by, token, user, connection, groups, instance, created_at, expires_at
                   FROM outbox ORDER BY done_at, id LIMIT ?1";
        self.with(|database| database.prepare(sql)?.query_map([MOST], untold)?.collect())
    }

    fn told(&self, untold: &[Untold]) -> Result<(), TokenError> {
        self.with(|database| {
            let transaction = database.transaction()?;
            for one in untold {
                transaction.execute("DELETE FROM outbox WHERE id = ?1", [one.id.to_string()])?;
            }
            transaction.commit()
        })
    }
}

fn untold(row: &Row<'_>) -> rusqlite::Result<Untold> {
    let (id, action): (String, String) = (row.get(0)?, row.get(1)?);
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    Ok(Untold {
        id: id.parse().map_err(unreadable)?,
        deed: if action == Deed::Created.action() { Deed::Created } else { Deed::Revoked },
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
