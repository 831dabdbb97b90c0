//! Sign-in: from what a request brings to who that is, quickly enough to ask for every request.

mod front;
mod groups;
mod jwks;
mod jws;
mod jwt;
mod network;
mod remembered;

use std::sync::Arc;

use crate::access::Viewer;
use crate::event::Caller;
use crate::store::{TOKEN_PREFIX, Token, TokenError, Tokens};
use crate::time::{Clock, SystemClock, Timestamp};

pub(crate) use front::Vouched;
pub use front::{Front, HeaderNames};
pub use groups::GroupMap;
pub use jwks::{KeySource, KeySourceError};
pub use jws::Algorithm;
pub use jwt::{ClaimNames, Jwt, JwtError, JwtOptions};
pub use network::{Network, NetworkError};
use remembered::Remembered;

/// The cookie that holds a browser's session with the log. The proxy keeps it from its upstreams.
pub(crate) const SESSION_COOKIE: &str = "mcp_audit_session";

/// Somebody whom a proxy or an issuer vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As a reader of the log.
    pub viewer: Viewer,
    /// The name of the connection, where it is known.
    pub connection: Option<String>,
}

impl Person {
    /// The same as somebody who does things.
    pub fn caller(&self) -> Caller {
        Caller {
            user: Some(self.viewer.user.clone()),
            connection: self.connection.clone(),
            instance: self.viewer.instance.clone(),
            ..Caller::default()
        }
    }
}

/// What a bearer's secret turned out to be.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A token of this log.
    Token(Arc<Token>),
    /// A JWT, and until when it is valid.
    Jwt(Person, Timestamp),
}

impl Bearer {
    /// Its bearer as a reader of the log.
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Token(token) => token.viewer(),
            Self::Jwt(person, _) => person.viewer.clone(),
        }
    }

    /// Its bearer as somebody who does things.
    pub fn caller(&self) -> Caller {
        match self {
            Self::Token(token) => token.caller(),
            Self::Jwt(person, _) => person.caller(),
        }
    }
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such token.
    #[error("this log does not know the token; it may have been revoked. Ask an administrator for a new one")]
    Unknown,
    /// The token was good once.
    #[error("the token expired at {}; ask an administrator for a new one", .0.expires_at.unwrap_or(Timestamp::EPOCH))]
    Expired(Arc<Token>),
    /// The JWT is not accepted.
    #[error("the JWT is not accepted: {0}")]
    Jwt(JwtError),
    /// Nobody can say.
    #[error(transparent)]
    Tokens(#[from] TokenError),
}

/// Who may come in. Clones share what they remember.
#[derive(Clone)]
pub struct Identity {
    tokens: Option<Tokens>,
    jwt: Option<Arc<Jwt>>,
    clock: Arc<dyn Clock>,
    remembered: Arc<Remembered>,
}

impl Identity {
    /// Sign-in by these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens: Some(tokens), ..Self::nobody() }
    }

    /// Nobody comes in by a secret: for a log whose embedder signs people in.
    pub fn nobody() -> Self {
        Self { tokens: None, jwt: None, clock: Arc::new(SystemClock), remembered: Arc::default() }
    }

    /// Sign-in by these JWTs as well.
    pub fn jwt(mut self, jwt: Jwt) -> Self {
        self.jwt = Some(Arc::new(jwt));
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The tokens, where there are any.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// What a bearer's secret is: a token or a JWT.
    ///
    /// # Errors
    /// It is neither, or not valid any more, or that cannot be found out.
    pub async fn bearer(&self, secret: &str) -> Result<Bearer, SignInError> {
        match &self.jwt {
            Some(jwt) if !secret.starts_with(TOKEN_PREFIX) => {
                let person = jwt.person(secret, self.clock.now()).await;
                person.map(|(person, until)| Bearer::Jwt(person, until)).map_err(SignInError::Jwt)
            }
            _ => self.by_secret(secret).await.map(Bearer::Token),
        }
    }

    /// The token whose secret this is.
    ///
    /// # Errors
    /// There is none, its time is over, or the file of tokens cannot be read.
    pub async fn by_secret(&self, secret: &str) -> Result<Arc<Token>, SignInError> {
        let (wanted, now) = (secret.to_owned(), self.clock.now());
        self.token(secret, move |tokens| tokens.find(&wanted, now)).await
    }

    /// The token with this id, for sessions that were begun with it.
    ///
    /// # Errors
    /// There is none, its time is over, or the file of tokens cannot be read.
    pub async fn by_id(&self, id: &str) -> Result<Arc<Token>, SignInError> {
        let wanted = id.to_owned();
        self.token(&format!("id:{id}"), move |tokens| tokens.by_id(&wanted)).await
    }

    /// Under which names the token with this id acts, or did until it was revoked.
    ///
    /// # Errors
    /// The file of tokens cannot be read.
    pub async fn name(&self, id: &str) -> Result<Option<Caller>, TokenError> {
        let Some(tokens) = self.tokens.clone() else { return Ok(None) };
        let id = id.to_owned();
        tokio::task::spawn_blocking(move || tokens.name(&id)).await.unwrap_or(Err(TokenError::Stopping))
    }

    /// Whether `until` is still to come.
    pub(crate) fn is_before(&self, until: Timestamp) -> bool {
        self.clock.now() < until
    }

    async fn token(
        &self,
        key: &str,
        find: impl FnOnce(&Tokens) -> Result<Option<Token>, TokenError> + Send + 'static,
    ) -> Result<Arc<Token>, SignInError> {
        let tokens = self.tokens.clone().ok_or(SignInError::Unknown)?;
        let token = match self.remembered.get(key) {
            Some(token) => token,
            None => {
                let found = tokio::task::spawn_blocking(move || find(&tokens)).await;
                let token = Arc::new(found.unwrap_or(Err(TokenError::Stopping))?.ok_or(SignInError::Unknown)?);
                self.remembered.put(key, &token);
                token
            }
        };
        if token.is_expired(self.clock.now()) { Err(SignInError::Expired(token)) } else { Ok(token) }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("tokens", &self.tokens).field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

/// The secret in an `Authorization` header's value; the scheme's case does not matter.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

#[cfg(test)]
mod tests;
