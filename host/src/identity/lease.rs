//! How long an admitted caller may stay: a stream lives long, and a token may be revoked meanwhile.

use std::time::Duration;

use super::{Bearer, Identity};
use crate::time::Timestamp;

/// How often to check whether the caller may stay. The result is also cached for a second.
const LOOK: Duration = Duration::from_millis(900);

/// A stay that ends with the token that it began with.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    identity: Identity,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    /// The token with this id.
    Token(String),
    /// A JWT that is valid until then.
    Jwt(Timestamp),
}

impl Lease {
    /// The lease of a caller with these credentials.
    pub(crate) fn of(identity: &Identity, bearer: &Bearer) -> Self {
        let by = match bearer {
            Bearer::Token(token) => By::Token(token.id.clone()),
            Bearer::Jwt(_, until) => By::Jwt(*until),
        };
        Self { identity: identity.clone(), by }
    }

    /// Completes when the token was revoked or has expired.
    pub(crate) async fn over(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let lasts = match &self.by {
                By::Jwt(until) => self.identity.clock.now() < *until,
                // If the check fails, the caller stays.
                By::Token(id) => self.identity.by_id(id).await.map_or_else(|error| error.is_failure(), |_| true),
            };
            if !lasts {
                return;
            }
        }
    }
}
