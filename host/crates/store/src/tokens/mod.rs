//! API tokens: their users, names and expiry. The secret is shown once, and only its hash is stored.

mod outbox;
mod provider_sessions;
mod sessions;
#[cfg(test)]
mod tests;
mod token;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::private;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::actor::Actor;
use mcp_audit_log_model::event::{Caller, new_id};
use mcp_audit_log_model::name::NameError;
use mcp_audit_log_model::time::{SECOND, Timestamp};

pub use outbox::{Outbox, PendingAction, TokenAction};
pub use provider_sessions::{PROVIDER_SESSION_PREFIX, ProviderSession};
pub use token::{NewToken, Token};

/// The prefix of every token, so that scanners for leaked secrets can recognise it.
pub const PREFIX: &str = "mcpa_";
pub(crate) const TOKENS_FILE: &str = "tokens.db";
const SCHEMA: &str = include_str!("../../migrations/tokens_0001.sql");
/// What a file from before sign-outs were stored lacks.
const ENDED_SESSIONS: &str = "ALTER TABLE token ADD COLUMN sessions_ended INTEGER;
    CREATE TABLE ended_session (token TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (token, until))
    STRICT, WITHOUT ROWID;";
const PROVIDER_SESSIONS: &str = include_str!("../../migrations/tokens_0002.sql");
const COLUMNS: &str = "id, user, connection, groups, instance, created_at, expires_at, last_used_at";
/// The precision of the time of last use: at most one write per hour and token.
const USE: i64 = 3_600 * SECOND;

/// Why tokens cannot be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The database of tokens failed.
    #[error("the token file {path} cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// Another build made the file.
    #[error("the token file {0} was made by an older version; move it away and create new tokens")]
    Older(PathBuf),
    /// The operating system returned no random numbers.
    #[error("the operating system returned no random numbers: {0}")]
    Random(getrandom::Error),
    /// The folder cannot be created.
    #[error("the data folder {0} cannot be used: {1}; name a writable folder with --data")]
    Folder(PathBuf, std::io::Error),
    /// The process is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The name is not valid.
    #[error("{0} {1}")]
    Name(&'static str, NameError),
    /// The time of expiry is in the past.
    #[error("a token cannot expire in the past, but {0} is past; give a later time")]
    Past(Timestamp),
}

/// The tokens of a data folder. The log in the same folder records when any process creates or revokes one.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: PathBuf,
}

impl Tokens {
    /// The tokens in `folder`. The file is created if it is missing.
    ///
    /// # Errors
    /// The folder or the file cannot be used, or an older build made the file.
    pub fn open(folder: &Path) -> Result<Self, TokenError> {
        let tokens = Self { path: folder.join(TOKENS_FILE) };
        let made = private::folder(folder).and_then(|()| private::file(&tokens.path));
        made.map_err(|error| TokenError::Folder(folder.to_owned(), error))?;
        let current = tokens.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !transaction.table_exists(None, "token")? {
                transaction.execute_batch(SCHEMA)?;
            }
            let current =
                transaction.table_exists(None, "outbox")? && transaction.column_exists(None, "revoked", "hash")?;
            if current {
                if !transaction.column_exists(None, "token", "sessions_ended")? {
                    transaction.execute_batch(ENDED_SESSIONS)?;
                }
                transaction.execute_batch(PROVIDER_SESSIONS)?;
            }
            transaction.commit()?;
            Ok(current)
        })?;
        if current { Ok(tokens) } else { Err(TokenError::Older(tokens.path)) }
    }

    /// The tokens in `folder`, if it has a file of tokens. The file is not created.
    #[doc(hidden)]
    pub fn existing(folder: &Path) -> Option<Self> {
        let path = folder.join(TOKENS_FILE);
        path.metadata().is_ok_and(|file| file.len() > 0).then_some(Self { path })
    }

    /// Creates a token that never expires, on behalf of the operator of this process; see [`Tokens::create_by`].
    ///
    /// # Errors
    /// A name is empty or too long, or the file cannot be written.
    pub fn create(&self, viewer: &Viewer, connection: &str, now: Timestamp) -> Result<(String, Token), TokenError> {
        self.create_by("operator", &NewToken::new(viewer.clone(), connection), now)
    }

    /// Creates a token and returns its secret, which cannot be shown again. The entry about it names `by`.
    ///
    /// # Errors
    /// A name is empty or too long, the expiry is in the past, or the file cannot be written.
    pub fn create_by(
        &self,
        by: impl Into<Actor>,
        wanted: &NewToken,
        now: Timestamp,
    ) -> Result<(String, Token), TokenError> {
        wanted.check(now)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(TokenError::Random)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let token = Token {
            id: new_id(now).to_string(),
            user: wanted.viewer.user.clone(),
            connection: wanted.connection.clone(),
            groups: wanted.viewer.groups.clone(),
            instance: wanted.viewer.instance.clone(),
            created_at: now,
            expires_at: wanted.expires_at,
            last_used_at: None,
        };
        self.insert(&token, &hash(&secret), &by.into(), now)?;
        Ok((secret, token))
    }

    fn insert(&self, token: &Token, hash: &[u8], by: &Actor, now: Timestamp) -> Result<(), TokenError> {
        let Token { id, user, connection, instance, .. } = token;
        let groups = serde_json::json!(token.groups).to_string();
        let (made, expires) = (token.created_at.as_micros(), token.expires_at.map(Timestamp::as_micros));
        let sql = "INSERT INTO token (id, hash, user, connection, groups, instance, created_at, expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.with(|database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(sql, params![id, hash, user, connection, groups, instance, made, expires])?;
            outbox::enqueue(&transaction, TokenAction::Created, id, by, now)?;
            transaction.commit()
        })
    }

    /// The token with this secret, even if it has expired. The use is recorded.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, secret: &str, now: Timestamp) -> Result<Option<Token>, TokenError> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let token = self.one("hash = ?1", &hash(secret))?;
        if let Some(token) = token.as_ref().filter(|token| !token.is_expired(now)) {
            self.used(token, now);
        }
        Ok(token)
    }

    /// The token with this id, expired ones included.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn by_id(&self, id: &str) -> Result<Option<Token>, TokenError> {
        self.one("id = ?1", &id)
    }

    /// The names under which the token with this id acts, or acted until it was revoked: its entries still exist.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn name(&self, id: &str) -> Result<Option<Caller>, TokenError> {
        let sql = "SELECT user, connection, instance FROM token WHERE id = ?1 \
                   UNION ALL SELECT user, connection, instance FROM revoked WHERE id = ?1 LIMIT 1";
        self.with(|connection| connection.query_row(sql, [id], caller).optional())
    }

    /// The names under which the token with this secret acted, if it was revoked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn revoked(&self, secret: &str) -> Result<Option<Caller>, TokenError> {
        let sql = "SELECT user, connection, instance FROM revoked WHERE hash = ?1";
        self.with(|connection| connection.query_row(sql, [hash(secret)], caller).optional())
    }

    /// Every token, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let sql = format!("SELECT {COLUMNS} FROM token ORDER BY id");
        self.with(|connection| connection.prepare(&sql)?.query_map([], token)?.collect())
    }

    /// Revokes the token with this id, and ends every session that began with it. Running servers notice within a
    /// second. The entry about it names `by`. Returns `false` if there is no such token.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revoke(&self, id: &str, by: impl Into<Actor>, now: Timestamp) -> Result<bool, TokenError> {
        let by = by.into();
        self.with(|database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            outbox::enqueue(&transaction, TokenAction::Revoked, id, &by, now)?;
            let revoked = transaction.execute("DELETE FROM token WHERE id = ?1", [id])? > 0;
            transaction.commit()?;
            Ok(revoked)
        })
    }

    /// Records the use of a token. If that cannot be written, the caller is still accepted.
    fn used(&self, token: &Token, now: Timestamp) {
        if token.last_used_at.is_some_and(|last| now < last.plus(USE)) {
            return;
        }
        let hour = now.as_micros().div_euclid(USE) * USE;
        let sql = "UPDATE token SET last_used_at = ?1 WHERE id = ?2";
        if let Err(error) = self.with(|database| database.execute(sql, params![hour, token.id])) {
            tracing::warn!(%error, "the last use of a token could not be stored");
        }
    }

    fn one(&self, condition: &str, value: &dyn rusqlite::ToSql) -> Result<Option<Token>, TokenError> {
        let sql = format!("SELECT {COLUMNS} FROM token WHERE {condition}");
        self.with(|connection| connection.query_row(&sql, [value], token).optional())
    }

    /// A connection for one operation. Another process may write at any time, and none of these operations is on a hot
    /// path.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, TokenError> {
        let run = || {
            let mut connection = Connection::open(&self.path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            work(&mut connection)
        };
        run().map_err(|source| TokenError::Database { path: self.path.clone(), source })
    }
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

fn caller(row: &Row<'_>) -> rusqlite::Result<Caller> {
    Ok(Caller { user: row.get(0)?, connection: row.get(1)?, instance: row.get(2)?, ..Caller::default() })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
    Ok(Token {
        id: row.get(0)?,
        user: row.get(1)?,
        connection: row.get(2)?,
        groups: groups(&row.get::<_, String>(3)?),
        instance: row.get(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
        expires_at: moment(row.get(6)?),
        last_used_at: moment(row.get(7)?),
    })
}

/// The groups in a column. Unreadable ones count as none, which only takes rights away.
fn groups(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
