//! API tokens: who may come in, under which name. The secret is shown once and only its hash is stored.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::private;
use crate::access::Viewer;
use crate::event::{Caller, new_id};
use crate::time::Timestamp;

/// How every token begins, so that scanners for leaked secrets can know it.
const PREFIX: &str = "mcpa_";
const SCHEMA: &str = include_str!("../../../migrations/sqlite/tokens_0001.sql");
const COLUMNS: &str = "id, user, connection, groups, instance, created_at";

/// A token as it is known after its creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id, which may be shown.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The name of the connection that uses it.
    pub connection: String,
    /// The groups of its user.
    pub groups: Vec<String>,
    /// The platform's instance it belongs to.
    pub instance: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Token {
    /// The token's bearer as a reader of the log.
    pub fn viewer(&self) -> Viewer {
        Viewer { user: self.user.clone(), groups: self.groups.clone(), instance: self.instance.clone() }
    }

    /// The token's bearer as somebody who does things.
    pub fn caller(&self) -> Caller {
        Caller {
            user: Some(self.user.clone()),
            connection: Some(self.connection.clone()),
            instance: self.instance.clone(),
            ..Caller::default()
        }
    }
}

/// Why tokens cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file of tokens failed.
    #[error("the file of tokens {path} cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers can be had from the operating system: {0}")]
    Random(getrandom::Error),
    /// The folder cannot be made.
    #[error("the data folder {0} cannot be used: {1}; name one that this user may write with --data")]
    Folder(PathBuf, std::io::Error),
    /// The process is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// A user or group without a name.
    #[error("{0} must not be empty")]
    Empty(&'static str),
}

/// The tokens of a data folder.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: PathBuf,
}

impl Tokens {
    /// The tokens in `folder`; the file is made when it is missing.
    ///
    /// # Errors
    /// The folder or the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, TokenError> {
        let tokens = Self { path: folder.join("tokens.db") };
        let made = private::folder(folder).and_then(|()| private::file(&tokens.path));
        made.map_err(|error| TokenError::Folder(folder.to_owned(), error))?;
        tokens.with(|connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            if !transaction.table_exists(None, "token")? {
                transaction.execute_batch(SCHEMA)?;
            }
            transaction.commit()
        })?;
        Ok(tokens)
    }

    /// Makes a token and returns its secret, which can never be had again.
    ///
    /// # Errors
    /// A name is empty, or the file cannot be written.
    pub fn create(&self, viewer: &Viewer, connection: &str, now: Timestamp) -> Result<(String, Token), TokenError> {
        for (what, name) in [("the user", viewer.user.as_str()), ("the connection's name", connection)] {
            if name.trim().is_empty() {
                return Err(TokenError::Empty(what));
            }
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(TokenError::Random)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let token = Token {
            id: new_id(now).to_string(),
            user: viewer.user.clone(),
            connection: connection.to_owned(),
            groups: viewer.groups.clone(),
            instance: viewer.instance.clone(),
            created_at: now,
        };
        self.with(|database| {
            let sql = "INSERT INTO token (id, hash, user, connection, groups, instance, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let groups = serde_json::json!(token.groups).to_string();
            let created = now.as_micros();
            database.execute(sql, params![token.id, hash(&secret), token.user, token.connection, groups, token.instance, created])
        })?;
        Ok((secret, token))
    }

    /// The token whose secret this is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, secret: &str) -> Result<Option<Token>, TokenError> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        self.one("hash = ?1", &hash(secret))
    }

    /// The token with this id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn by_id(&self, id: &str) -> Result<Option<Token>, TokenError> {
        self.one("id = ?1", &id)
    }

    /// Under which names the token with this id acts, or did until it was revoked: its entries are still there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn name(&self, id: &str) -> Result<Option<Caller>, TokenError> {
        let sql = "SELECT user, connection, instance FROM token WHERE id = ?1 \
                   UNION ALL SELECT user, connection, instance FROM revoked WHERE id = ?1 LIMIT 1";
        let caller = |row: &Row<'_>| {
            Ok(Caller { user: row.get(0)?, connection: row.get(1)?, instance: row.get(2)?, ..Caller::default() })
        };
        self.with(|connection| connection.query_row(sql, [id], caller).optional())
    }

    /// Every token, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let sql = format!("SELECT {COLUMNS} FROM token ORDER BY id");
        self.with(|connection| connection.prepare(&sql)?.query_map([], token)?.collect())
    }

    /// Makes the token with this id worthless, and with it every session that was begun with it; running servers know
    /// within a second. `false`: there is none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revoke(&self, id: &str) -> Result<bool, TokenError> {
        self.with(|connection| Ok(connection.execute("DELETE FROM token WHERE id = ?1", [id])? > 0))
    }

    fn one(&self, condition: &str, value: &dyn rusqlite::ToSql) -> Result<Option<Token>, TokenError> {
        let sql = format!("SELECT {COLUMNS} FROM token WHERE {condition}");
        self.with(|connection| connection.query_row(&sql, [value], token).optional())
    }

    /// A connection for one piece of work: another process may write at any time, and none of this is on a hot path.
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

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let groups: String = row.get(3)?;
    Ok(Token {
        id: row.get(0)?,
        user: row.get(1)?,
        connection: row.get(2)?,
        // Groups that cannot be read are none: that takes rights away, and gives none.
        groups: serde_json::from_str(&groups).unwrap_or_default(),
        instance: row.get(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_secret_which_is_not_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("tokens");
        let viewer = Viewer { user: "anna".into(), groups: vec!["admin".into()], instance: None };
        let (secret, token) = tokens.create(&viewer, "laptop", Timestamp::from_micros(7)).expect("a token");
        assert_eq!(tokens.find(&secret).expect("found"), Some(token.clone()));
        assert_eq!(tokens.by_id(&token.id).expect("found"), Some(token));
        assert_eq!(tokens.find("mcpa_other").expect("looked"), None);
        let bytes = std::fs::read(folder.path().join("tokens.db")).expect("a file");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }

    #[test]
    fn a_revoked_token_is_gone_and_the_others_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("tokens");
        let viewer = |user: &str| Viewer { user: user.into(), groups: vec!["user".into()], instance: None };
        let made = ["anna", "otto"]
            .map(|user| tokens.create(&viewer(user), "laptop", Timestamp::from_micros(7)).expect("a token"));
        let [(secret, anna), (_, otto)] = made;
        assert_eq!(tokens.list().expect("listed").len(), 2);
        assert!(tokens.revoke(&anna.id).expect("revoked"));
        assert_eq!(tokens.find(&secret).expect("looked"), None);
        assert_eq!(tokens.list().expect("listed"), [otto]);
        assert!(!tokens.revoke(&anna.id).expect("looked"), "there is none any more");
        assert_eq!(tokens.by_id(&anna.id).expect("looked"), None);
        assert_eq!(tokens.name(&anna.id).expect("looked"), Some(anna.caller()), "its entries are still there");
        assert_eq!(tokens.name("nonsense").expect("looked"), None);
    }

    #[test]
    fn nameless_users_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("tokens");
        let viewer = Viewer { user: " ".into(), groups: Vec::new(), instance: None };
        assert!(matches!(tokens.create(&viewer, "x", Timestamp::from_micros(0)), Err(TokenError::Empty(_))));
    }
}
