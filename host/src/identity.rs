//! Sign-in by token: from a bearer's secret to who that is, quickly enough to ask for every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::event::Caller;
use crate::store::{Token, TokenError, Tokens};

/// How long a token that was found is believed without looking again. What is not found is looked up every time, so a
/// new token works at once.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many tokens are remembered.
const REMEMBERED: usize = 10_000;

/// The cookie that holds a browser's session with the log. The proxy keeps it from its upstreams.
pub(crate) const SESSION_COOKIE: &str = "mcp_audit_session";

/// Who may come in. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Identity {
    tokens: Tokens,
    found: Arc<Mutex<HashMap<[u8; 32], Found>>>,
}

/// A token, and since when it is believed.
#[derive(Clone, Debug)]
struct Found {
    since: Instant,
    token: Arc<Token>,
}

impl Identity {
    /// Sign-in by these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens, found: Arc::default() }
    }

    /// The token whose secret this is.
    ///
    /// # Errors
    /// The file of tokens cannot be read.
    pub async fn by_secret(&self, secret: &str) -> Result<Option<Arc<Token>>, TokenError> {
        let key: [u8; 32] = Sha256::digest(secret).into();
        if let Some(token) = self.remembered(&key) {
            return Ok(Some(token));
        }
        let (tokens, secret) = (self.tokens.clone(), secret.to_owned());
        let token = blocking(move || tokens.find(&secret)).await?.map(Arc::new);
        if let Some(token) = &token {
            self.remember(key, token);
        }
        Ok(token)
    }

    /// The token with this id, for sessions that were begun with it.
    ///
    /// # Errors
    /// The file of tokens cannot be read.
    pub async fn by_id(&self, id: &str) -> Result<Option<Arc<Token>>, TokenError> {
        let key: [u8; 32] = Sha256::digest(format!("id:{id}")).into();
        if let Some(token) = self.remembered(&key) {
            return Ok(Some(token));
        }
        let (tokens, id) = (self.tokens.clone(), id.to_owned());
        let token = blocking(move || tokens.by_id(&id)).await?.map(Arc::new);
        if let Some(token) = &token {
            self.remember(key, token);
        }
        Ok(token)
    }

    /// Under which names the token with this id acts, or did until it was revoked.
    ///
    /// # Errors
    /// The file of tokens cannot be read.
    pub async fn name(&self, id: &str) -> Result<Option<Caller>, TokenError> {
        let (tokens, id) = (self.tokens.clone(), id.to_owned());
        blocking(move || tokens.name(&id)).await
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<Arc<Token>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(key).filter(|found| found.since.elapsed() < BELIEVED).map(|found| Arc::clone(&found.token))
    }

    fn remember(&self, key: [u8; 32], token: &Arc<Token>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(key, Found { since: Instant::now(), token: Arc::clone(token) });
    }
}

/// The secret in an `Authorization` header's value; the scheme's case does not matter.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(TokenError::Stopping))
}
