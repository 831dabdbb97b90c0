//! A token without its secret: what may be shown of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::TokenError;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::event::Caller;
use mcp_audit_log_model::name;
use mcp_audit_log_model::time::Timestamp;

/// A token as it is known after its creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Token {
    /// Its id, which may be shown.
    pub id: String,
    /// The user of the token.
    pub user: String,
    /// The name of the connection that uses it.
    pub connection: String,
    /// The groups of its user.
    pub groups: Vec<String>,
    /// The tenant it belongs to.
    pub instance: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour; `None`: not yet.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// The token's user as a viewer of the log.
    pub fn viewer(&self) -> Viewer {
        Viewer { user: self.user.clone(), groups: self.groups.clone(), instance: self.instance.clone() }
    }

    /// The token's user as the actor of an event.
    pub fn caller(&self) -> Caller {
        Caller {
            user: Some(self.user.clone()),
            connection: Some(self.connection.clone()),
            instance: self.instance.clone(),
            ..Caller::default()
        }
    }

    /// Whether the token has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The data for a new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// The user of the token, with groups and tenant.
    pub viewer: Viewer,
    /// The name of the connection that will use it.
    pub connection: String,
    /// The time of expiry; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// A token that never expires.
    pub fn new(viewer: Viewer, connection: impl Into<String>) -> Self {
        Self { viewer, connection: connection.into(), expires_at: None }
    }

    /// The same token, which expires at `at`.
    pub fn expires(mut self, at: Option<Timestamp>) -> Self {
        self.expires_at = at;
        self
    }

    /// Whether it can be made at `now`.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), TokenError> {
        for (what, name) in [("the user", self.viewer.user.as_str()), ("the connection's name", &self.connection)] {
            name::check(name).map_err(|why| TokenError::Name(what, why))?;
        }
        if let Some(instance) = &self.viewer.instance {
            name::check(instance).map_err(|why| TokenError::Name("the tenant", why))?;
        }
        match self.expires_at {
            Some(end) if end <= now => Err(TokenError::Past(end)),
            _ => Ok(()),
        }
    }
}
