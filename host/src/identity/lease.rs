//! For how long somebody may stay who was let in once: a stream lives long, and a token may be taken back meanwhile.

use std::time::Duration;

use super::{Bearer, Identity};
use crate::time::Timestamp;

/// How often it is looked whether somebody may still stay. What is found is believed for a second on top of this.
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
    /// For whoever came with this.
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
                // Where nobody can say, nobody is turned out.
                By::Token(id) => self.identity.by_id(id).await.map_or_else(|error| error.is_failure(), |_| true),
            };
            if !lasts {
                return;
            }
        }
    }
}
