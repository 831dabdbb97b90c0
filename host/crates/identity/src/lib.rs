//! Sign-in: finds the user of a request, fast enough for every request.

mod groups;
mod jwks;
mod jws;
mod jwt;
mod lease;
mod oidc;
mod origins;
mod token_cache;
mod trusted_proxy;

use std::sync::Arc;

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::event::Caller;
use mcp_audit_log_model::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log_store::{PROVIDER_SESSION_PREFIX, TOKEN_PREFIX, Token, TokenError, Tokens};

pub use groups::GroupMap;
pub use jwks::{KeySource, KeySourceError};
pub use jws::Algorithm;
pub use jwt::{ClaimNames, Jwt, JwtError, JwtOptions};
pub use lease::ConnectionStanding;
pub use lease::Lease;
pub use oidc::{EndedByProvider, Oidc, OidcError, OidcOptions, SignInAttempt};
pub use origins::{Origin, OriginError, Origins};
pub use origins::{RequestOrigin, is_foreign, is_own, request_origin};
use token_cache::{LookupKey, TokenCache};
pub use trusted_proxy::VouchedUser;
pub use trusted_proxy::{HeaderNames, TrustedProxies};
pub use trusted_proxy::{Network, NetworkError};

/// The cookie that holds a browser's session with the log. The proxy keeps it from its upstreams.
pub const SESSION_COOKIE: &str = "mcp_audit_log_session";

/// A user identified by a token, a proxy, an issuer or an embedder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user as a viewer of the log.
    pub viewer: Viewer,
    /// The name of the connection, if it is known.
    pub connection: Option<String>,
}

impl Person {
    /// The user as the caller of an event.
    pub fn caller(&self) -> Caller {
        Caller {
            user: Some(self.viewer.user.clone()),
            connection: self.connection.clone(),
            instance: self.viewer.instance.clone(),
            ..Caller::default()
        }
    }
}

impl From<&Token> for Person {
    fn from(token: &Token) -> Self {
        Self { viewer: token.viewer(), connection: Some(token.connection.clone()) }
    }
}

/// The caller that a bearer's secret identifies.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A token of this log.
    Token(Arc<Token>),
    /// A JWT, and until when it is valid.
    Jwt(Person, Timestamp),
}

impl Bearer {
    /// Its bearer as a reader of the log.
    pub fn person(&self) -> Person {
        match self {
            Self::Token(token) => Person::from(&**token),
            Self::Jwt(person, _) => person.clone(),
        }
    }

    /// Its bearer as the caller of an event.
    pub fn caller(&self) -> Caller {
        match self {
            Self::Token(token) => token.caller(),
            Self::Jwt(person, _) => person.caller(),
        }
    }
}

/// The reason why a request is not signed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// There is no such token.
    #[error("unknown token; ask an administrator for a new one")]
    Unknown,
    /// The token was revoked; its owner.
    #[error("the token was revoked; ask an administrator for a new one")]
    Revoked(Caller),
    /// The token was good once.
    #[error("the token expired at {}; ask an administrator for a new one", .0.expires_at.unwrap_or(Timestamp::EPOCH))]
    Expired(Arc<Token>),
    /// The JWT is not accepted.
    #[error("the JWT was rejected: {0}")]
    Jwt(JwtError),
    /// The file of tokens failed.
    #[error(transparent)]
    Tokens(#[from] TokenError),
}

impl SignInError {
    /// Whether the credentials could not be checked, so that the caller was not rejected.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Tokens(_) | Self::Jwt(JwtError::Unreachable))
    }
}

/// The accepted credentials. Clones share the cache.
#[derive(Clone)]
pub struct Identity {
    tokens: Option<Tokens>,
    jwt: Option<Arc<Jwt>>,
    oidc: Option<Arc<Oidc>>,
    clock: Arc<dyn Clock>,
    remembered: Arc<TokenCache>,
}

impl Identity {
    /// Sign-in by these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens: Some(tokens), ..Self::without_sign_in() }
    }

    /// Accepts no credentials: for a log whose embedder signs users in.
    pub fn without_sign_in() -> Self {
        Self { tokens: None, jwt: None, oidc: None, clock: Arc::new(SystemClock), remembered: Arc::default() }
    }

    /// Sign-in by these JWTs as well.
    pub fn jwt(mut self, jwt: Jwt) -> Self {
        self.jwt = Some(Arc::new(jwt));
        self
    }

    /// Sign-in of browsers by OpenID Connect as well.
    pub fn oidc(mut self, oidc: Oidc) -> Self {
        self.oidc = Some(Arc::new(oidc));
        self
    }

    /// The sign-in by OpenID Connect, if the log has one.
    pub fn provider(&self) -> Option<&Arc<Oidc>> {
        self.oidc.as_ref()
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Fetches the keys for JWTs, and the description of the OpenID provider, so that a server reports at its start if
    /// they cannot be read. Returns at once.
    pub fn look_for_keys(&self) {
        if let Some(oidc) = self.oidc.clone() {
            // It reports a failure itself.
            tokio::spawn(async move { drop(oidc.look().await) });
        }
        if let Some(jwt) = self.jwt.clone() {
            tokio::spawn(async move { jwt.look_for_keys().await });
        }
    }

    /// The tokens, if the log has any.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// Identifies the caller of a bearer's secret: a token or a JWT.
    ///
    /// # Errors
    /// The secret is neither, is no longer valid, or cannot be checked now.
    pub async fn bearer(&self, secret: &str) -> Result<Bearer, SignInError> {
        match &self.jwt {
            Some(jwt) if !secret.starts_with(TOKEN_PREFIX) => {
                let person = jwt.person(secret, self.clock.now()).await;
                person.map(|(person, until)| Bearer::Jwt(person, until)).map_err(SignInError::Jwt)
            }
            _ => self.by_secret(secret).await.map(Bearer::Token),
        }
    }

    /// Whether this is a token of this log, or a JWT that claims to be for it, valid or not: it must not be forwarded.
    pub fn is_ours(&self, secret: &str) -> bool {
        secret.starts_with(TOKEN_PREFIX) || self.jwt.as_ref().is_some_and(|jwt| jwt.is_meant_for_us(secret))
    }

    /// The token with this secret.
    ///
    /// # Errors
    /// There is no such token, it has expired, or the token file cannot be read.
    pub async fn by_secret(&self, secret: &str) -> Result<Arc<Token>, SignInError> {
        if !secret.starts_with(TOKEN_PREFIX) {
            return Err(SignInError::Unknown);
        }
        let (wanted, now) = (secret.to_owned(), self.clock.now());
        match self.token(LookupKey::Secret(secret), move |tokens| tokens.find(&wanted, now)).await {
            Err(SignInError::Unknown) => Err(self.revoked(secret).await),
            found => found,
        }
    }

    /// The reason for refusing a secret that is not a token's.
    async fn revoked(&self, secret: &str) -> SignInError {
        let Some(tokens) = self.tokens.clone() else { return SignInError::Unknown };
        let secret = secret.to_owned();
        let looked = tokio::task::spawn_blocking(move || tokens.revoked(&secret)).await;
        match looked.unwrap_or(Err(TokenError::Stopping)) {
            Ok(caller) => caller.map_or(SignInError::Unknown, SignInError::Revoked),
            Err(error) => error.into(),
        }
    }

    /// The token with this id, for its session that expires at `until`; or the session of an OpenID provider as a token.
    ///
    /// # Errors
    /// There is no such token, it has expired, the session was signed out, or the token file cannot be read.
    pub async fn by_session(&self, id: &str, until: Timestamp) -> Result<Arc<Token>, SignInError> {
        let wanted = id.to_owned();
        if id.starts_with(PROVIDER_SESSION_PREFIX) {
            let sessions = self.oidc.as_ref().map(|oidc| oidc.sessions().clone());
            let issuer = self.oidc.as_ref().map(|oidc| oidc.issuer().to_owned()).unwrap_or_default();
            let find = move |sessions: &Tokens| sessions.provider_session(&wanted, &issuer, until);
            return self.look_up(sessions, LookupKey::Session(id, until), find).await;
        }
        self.token(LookupKey::Session(id, until), move |tokens| tokens.by_session(&wanted, until)).await
    }

    /// Signs out the session of a token that would expire at `until`: permanently, and at once. Returns the ID token if
    /// an OpenID provider signed it in.
    ///
    /// # Errors
    /// The token file cannot be written. The session continues.
    pub async fn end_session(&self, id: &str, until: Timestamp) -> Result<Option<String>, TokenError> {
        let is_provided = id.starts_with(PROVIDER_SESSION_PREFIX);
        let sessions = self.oidc.as_ref().map(|oidc| oidc.sessions()).filter(|_| is_provided);
        let Some(tokens) = sessions.or(self.tokens.as_ref()).cloned() else { return Ok(None) };
        let (by, id, now) = (LookupKey::Session(id, until), id.to_owned(), self.clock.now());
        // No concurrent lookup may find it and cache it afterwards.
        let _look = self.remembered.look(by).await;
        let ended = tokio::task::spawn_blocking(move || match is_provided {
            true => tokens.end_provider_session(&id),
            false => tokens.end_session(&id, until, now).map(|()| None),
        });
        let id_token = ended.await.unwrap_or(Err(TokenError::Stopping))?;
        self.remembered.forget(by);
        Ok(id_token)
    }

    /// The token with this id.
    ///
    /// # Errors
    /// There is no such token, it has expired, or the token file cannot be read.
    pub async fn by_id(&self, id: &str) -> Result<Arc<Token>, SignInError> {
        let wanted = id.to_owned();
        self.token(LookupKey::Id(id), move |tokens| tokens.by_id(&wanted)).await
    }

    /// The names that the token with this id uses, or used until it was revoked.
    ///
    /// # Errors
    /// The token file cannot be read.
    pub async fn name(&self, id: &str) -> Result<Option<Caller>, TokenError> {
        let Some(tokens) = self.tokens.clone() else { return Ok(None) };
        let id = id.to_owned();
        tokio::task::spawn_blocking(move || tokens.name(&id)).await.unwrap_or(Err(TokenError::Stopping))
    }

    async fn token(
        &self,
        by: LookupKey<'_>,
        find: impl FnOnce(&Tokens) -> Result<Option<Token>, TokenError> + Send + 'static,
    ) -> Result<Arc<Token>, SignInError> {
        self.look_up(self.tokens.clone(), by, find).await
    }

    async fn look_up(
        &self,
        file: Option<Tokens>,
        by: LookupKey<'_>,
        find: impl FnOnce(&Tokens) -> Result<Option<Token>, TokenError> + Send + 'static,
    ) -> Result<Arc<Token>, SignInError> {
        let tokens = file.ok_or(SignInError::Unknown)?;
        let token = match self.remembered.get(by) {
            Some(token) => token,
            None => {
                let _look = self.remembered.look(by).await;
                if let Some(token) = self.remembered.get(by) {
                    return self.in_time(token);
                }
                let found = tokio::task::spawn_blocking(move || find(&tokens)).await;
                let token = Arc::new(found.unwrap_or(Err(TokenError::Stopping))?.ok_or(SignInError::Unknown)?);
                self.remembered.put(by, &token);
                token
            }
        };
        self.in_time(token)
    }

    fn in_time(&self, token: Arc<Token>) -> Result<Arc<Token>, SignInError> {
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
