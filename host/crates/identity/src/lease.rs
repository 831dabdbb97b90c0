//! Leases: how long an admitted caller may stay, and which connections have an authenticated user. A stream lives long,
//! and its token may be revoked meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::http::Extensions;
use mcp_audit_log_model::time::Timestamp;

use super::{Bearer, Identity};

/// How often to check whether the caller may stay. The result is also cached for a second.
const LOOK: Duration = Duration::from_millis(900);

/// A lease that ends with the token that it began with.
#[derive(Clone, Debug)]
pub struct Lease {
    identity: Identity,
    by: LeaseKind,
}

#[derive(Clone, Debug)]
enum LeaseKind {
    /// The token with this id.
    Token(String),
    /// A JWT that is valid until this time.
    Jwt(Timestamp),
}

impl Lease {
    /// The lease of a caller with these credentials.
    pub fn of(identity: &Identity, bearer: &Bearer) -> Self {
        let by = match bearer {
            Bearer::Token(token) => LeaseKind::Token(token.id.clone()),
            Bearer::Jwt(_, until) => LeaseKind::Jwt(*until),
        };
        Self { identity: identity.clone(), by }
    }

    /// Completes when the token was revoked or has expired.
    pub async fn over(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let lasts = match &self.by {
                LeaseKind::Jwt(until) => self.identity.clock.now() < *until,
                // If the check fails, the caller stays.
                LeaseKind::Token(id) => self.identity.by_id(id).await.map_or_else(|error| error.is_failure(), |_| true),
            };
            if !lasts {
                return;
            }
        }
    }
}

/// In a request's extensions, set by the server: whether its connection has an authenticated user. Clones share the
/// state.
#[derive(Clone, Debug, Default)]
pub struct ConnectionStanding(Arc<AtomicBool>);

impl ConnectionStanding {
    /// Reports that the sender of the request with these extensions is authenticated.
    pub fn is_known_by(extensions: &Extensions) {
        if let Some(Self(known)) = extensions.get() {
            known.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was reported.
    pub fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
