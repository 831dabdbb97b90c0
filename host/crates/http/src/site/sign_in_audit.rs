//! Sign-ins as events: successful ones by browser, and refused ones.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use mcp_audit_log_identity::{OidcError, SignInError};
use mcp_audit_log_model::event::{Caller, Channel, Client, Event, Failure, Kind, OutcomeDetail};
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::RefusalLimiter;

/// Records sign-ins.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignInAudit(RefusalLimiter);

impl SignInAudit {
    /// A user signed in by browser.
    pub(crate) fn admitted(&self, log: &AuditLog, parts: &Parts, caller: Caller, by: &str) {
        let event = Event { caller, ..event(log, "sign_in.succeeded", OutcomeDetail::Ok, parts) };
        record(log, event.fact("by", by));
    }

    /// A session was ended by the `user` or by the `provider` of the sign-in.
    pub(crate) fn left(&self, log: &AuditLog, parts: &Parts, caller: Caller, by: &str) {
        record(log, Event { caller, ..event(log, "sign_in.ended", OutcomeDetail::Ok, parts) }.fact("by", by));
    }

    /// An OpenID provider signed no one in, or its answer is not accepted.
    pub(crate) fn refused_by_provider(&self, log: &AuditLog, parts: &Parts, error: &OidcError) {
        self.tell(log, parts, "oidc", Caller::default(), "refused_credential", format!("Refused: {}.", error.plain()));
    }

    /// A sign-in was refused. The credential is not recorded, because it may be a secret of something else.
    pub(crate) fn refused(&self, log: &AuditLog, parts: &Parts, by: &str) {
        self.tell(
            log,
            parts,
            by,
            Caller::default(),
            "unknown_credential",
            format!(
                "The {by} is not valid for this \
                                                                                    log."
            ),
        );
    }

    /// A sign-in was refused for a known reason. An expired or revoked token also has a known owner.
    pub(crate) fn refused_for(&self, log: &AuditLog, parts: &Parts, by: &str, error: &SignInError) {
        let (caller, by, kind, message) = match error {
            // Not a refusal: the credentials could not be checked.
            error if error.is_failure() => return,
            SignInError::Expired(token) => {
                (token.caller(), by, "expired_credential", "The token has expired.".to_owned())
            }
            SignInError::Revoked(caller) => {
                (caller.clone(), by, "revoked_credential", "The token was revoked.".to_owned())
            }
            SignInError::Jwt(why) => {
                (Caller::default(), "jwt", "refused_credential", format!("The JWT was rejected: {why}."))
            }
            _ => return self.refused(log, parts, by),
        };
        self.tell(log, parts, by, caller, kind, message);
    }

    fn tell(&self, log: &AuditLog, parts: &Parts, by: &str, caller: Caller, kind: &str, message: String) {
        let event = event(log, "sign_in.failed", OutcomeDetail::Denied, parts).fact("by", by);
        if self.0.is_recorded_alone(log, event.client.ip.clone(), "sign-ins") {
            let failure = Some(Failure { kind: kind.to_owned(), message, code: None });
            // The path of a sign-in link contains its secret.
            let path = (by != "link").then(|| path(parts));
            record(log, Event { caller, failure, path, ..event });
        }
    }
}

fn event(log: &AuditLog, method: &str, detail: OutcomeDetail, parts: &Parts) -> Event {
    let event = Event::new(log.view().now(), Channel::System, Kind::System, detail);
    Event { method: Some(method.to_owned()), client: client(parts), ..event }
}

/// The path as it was sent. Below a vendor's own path, the router removed that prefix.
fn path(parts: &Parts) -> String {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri).path().to_owned()
}

/// The address and the program of a request.
pub(crate) fn client(parts: &Parts) -> Client {
    let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|address| address.0.ip().to_canonical().to_string());
    let user_agent = parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Client { ip, user_agent, ..Client::default() }
}

/// Nothing to do if the queue is full: it counts the loss and reports it later.
fn record(log: &AuditLog, event: Event) {
    if let Err(error) = log.record(event) {
        tracing::warn!(%error, "a sign-in was not recorded");
    }
}
