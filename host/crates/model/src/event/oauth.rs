//! Events of OAuth and of its connections.

use super::{Channel, Detail, Event, Kind, Target};
use crate::time::Timestamp;
use crate::vocabulary;

vocabulary! {
    /// What was asked of an authorization server (RFC 6749, RFC 7009, RFC 7591, RFC 7662).
    OauthStep {
        /// A user was asked for consent, and gave or refused it.
        Authorize = "oauth.authorize",
        /// A token was issued or refreshed.
        Token = "oauth.token",
        /// A client registered itself.
        Register = "oauth.register",
        /// A token was revoked.
        Revoke = "oauth.revoke",
        /// A token was asked about.
        Introspect = "oauth.introspect",
    }
}

impl Event {
    /// A step of OAuth for the client with this id. Codes, verifiers, secrets and tokens do not belong into an event.
    pub fn oauth(at: Timestamp, step: OauthStep, client_id: impl Into<String>) -> Self {
        let event = Self::new(at, Channel::Oauth, Kind::Request, Detail::Ok);
        Self { method: Some(step.as_str().to_owned()), ..event }.fact("client_id", client_id.into())
    }

    /// A connection that a user made, by its name.
    pub fn connection_created(at: Timestamp, connection: impl Into<String>) -> Self {
        Self::connection(at, "connection.created", connection.into())
    }

    /// A connection that was revoked, by its name; the caller is the user who revoked it.
    pub fn connection_revoked(at: Timestamp, connection: impl Into<String>) -> Self {
        Self::connection(at, "connection.revoked", connection.into())
    }

    fn connection(at: Timestamp, action: &str, connection: String) -> Self {
        let event = Self::new(at, Channel::Oauth, Kind::Request, Detail::Ok);
        Self { method: Some(action.to_owned()), target: Some(Target::Other(connection)), ..event }
    }
}
