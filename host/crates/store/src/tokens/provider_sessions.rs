//! Sessions of browsers that a provider of OpenID Connect signed in. They are stored beside the tokens, so that they last
//! over a restart and can be ended by the provider. A session is shown as a token that has no secret.

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::{Token, TokenError, Tokens, token};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::event::new_id;
use mcp_audit_log_model::time::Timestamp;

/// The prefix of the id of such a session. The ids of tokens have none.
pub const PROVIDER_SESSION_PREFIX: &str = "oidc-";
/// As a token: its connection is the browser.
const AS_TOKEN: &str = "id, user, 'browser', groups, instance, began_at, until, NULL";

/// A session to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSession {
    /// The user, with the policy's groups and the tenant.
    pub viewer: Viewer,
    /// When it is over.
    pub until: Timestamp,
    /// The issuer of the ID token.
    pub issuer: String,
    /// The user as the provider names them: `sub`.
    pub subject: String,
    /// The session as the provider names it: `sid`.
    pub session: Option<String>,
    /// The ID token.
    pub id_token: String,
}

impl Tokens {
    /// Begins a session, and returns its id. Sessions that are over are removed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin_provider_session(&self, session: &ProviderSession, now: Timestamp) -> Result<String, TokenError> {
        let ProviderSession { viewer, until, issuer, subject, session, id_token } = session;
        let id = format!("{PROVIDER_SESSION_PREFIX}{}", new_id(now));
        let groups = serde_json::json!(viewer.groups).to_string();
        let sql = "INSERT INTO provider_session
                   (id, user, groups, instance, began_at, until, issuer, subject, session, id_token)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.with(|database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM provider_session WHERE until <= ?1", [now.as_micros()])?;
            let (began, until) = (now.as_micros(), until.as_micros());
            let row =
                params![id, viewer.user, groups, viewer.instance, began, until, issuer, subject, session, id_token];
            transaction.execute(sql, row)?;
            transaction.commit()
        })?;
        Ok(id)
    }

    /// The session with this id that `issuer` began and that is over at `until`, even if that has passed. None: it was
    /// ended, or another issuer began it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn provider_session(&self, id: &str, issuer: &str, until: Timestamp) -> Result<Option<Token>, TokenError> {
        let sql = format!("SELECT {AS_TOKEN} FROM provider_session WHERE id = ?1 AND issuer = ?2 AND until = ?3");
        self.with(|database| database.query_row(&sql, params![id, issuer, until.as_micros()], token).optional())
    }

    /// Ends the session with this id, and returns its ID token. None: there is no such session.
    ///
    /// # Errors
    /// The file cannot be written, and the session stays valid.
    pub fn end_provider_session(&self, id: &str) -> Result<Option<String>, TokenError> {
        let sql = "DELETE FROM provider_session WHERE id = ?1 RETURNING id_token";
        self.with(|database| database.query_row(sql, [id], |row| row.get(0)).optional())
    }

    /// Ends what the provider names: one session, or all of a user. Returns those that were not over at `now`.
    ///
    /// # Errors
    /// The file cannot be written, and the sessions stay valid.
    pub fn end_sessions_of_provider(
        &self,
        issuer: &str,
        subject: Option<&str>,
        session: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Token>, TokenError> {
        if subject.is_none() && session.is_none() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "DELETE FROM provider_session WHERE issuer = ?1 AND coalesce(subject = ?2, TRUE)
             AND (?3 IS NULL OR session = ?3) RETURNING {AS_TOKEN}"
        );
        let ended: Vec<Token> = self.with(|database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let ended = transaction.prepare(&sql)?.query_map(params![issuer, subject, session], token)?.collect();
            transaction.commit().and(ended)
        })?;
        Ok(ended.into_iter().filter(|session| !session.is_expired(now)).collect())
    }
}
