//! Sign-in of browsers by OpenID Connect: the authorization code flow with PKCE, and logout by the provider.
//!
//! The provider describes itself (OpenID Connect Discovery 1.0). ID tokens and logout tokens are checked like other JWTs,
//! with keys that the provider publishes.

mod error;
mod provider;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::{Answer, Post};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::{ProviderSession, Tokens};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::jws::{ID, LOGOUT};
use super::jwt::{ClaimNames, JwtError};
use super::{GroupMap, KeySourceError};
pub use error::OidcError;
use error::quoted;
use provider::{Discovery, Provider};

/// The event of a logout token (OpenID Connect Back-Channel Logout 1.0).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// How browsers sign in with a provider.
#[derive(Clone, Debug)]
pub struct OidcOptions {
    /// The issuer, exactly as the provider writes it.
    pub issuer: String,
    /// The id of this log with the provider.
    pub client_id: String,
    /// The secret of this log with the provider; `None` for a public client, which has only PKCE.
    pub client_secret: Option<String>,
    /// The address of this site to which the provider sends browsers back.
    pub redirect: String,
    /// The scopes that are asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// The claims that name the user, of the ID token or else of the provider's `userinfo`.
    pub claims: ClaimNames,
    /// The certificate authorities of the provider.
    pub authorities: Authorities,
    /// How users know the provider.
    pub name: String,
}

/// One sign-in of one browser. The values must be random, and different for each sign-in.
#[derive(Clone, Debug)]
pub struct SignInAttempt {
    /// Leads to the browser that began the sign-in.
    pub state: String,
    /// Binds the ID token to this sign-in.
    pub nonce: String,
    /// Proves that who redeems the code began the sign-in (RFC 7636): 43 to 128 characters.
    pub verifier: String,
}

/// What a logout token ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedByProvider {
    /// The user as the provider names them.
    pub subject: Option<String>,
    /// The session as the provider names it; `None`: all of the user.
    pub session: Option<String>,
}

/// The sign-in by OpenID Connect.
#[derive(Debug)]
pub struct Oidc {
    options: OidcOptions,
    discovery: Discovery,
    sessions: Tokens,
}

impl Oidc {
    /// Signs in as configured by `options`; `groups` maps the provider's groups to the policy's, and `sessions` stores
    /// the sessions.
    ///
    /// # Errors
    /// The issuer's address cannot be used, or the system has no certificates.
    pub fn new(options: OidcOptions, groups: GroupMap, sessions: Tokens) -> Result<Self, KeySourceError> {
        let discovery = Discovery::new(&options, groups)?;
        Ok(Self { options, discovery, sessions })
    }

    /// How users know the provider.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The issuer, as ID tokens have it.
    pub fn issuer(&self) -> &str {
        self.discovery.issuer()
    }

    /// The address to which the provider sends browsers back.
    pub fn redirect(&self) -> &str {
        &self.options.redirect
    }

    /// The file of the sessions.
    pub fn sessions(&self) -> &Tokens {
        &self.sessions
    }

    /// Looks whether the provider can be used.
    ///
    /// # Errors
    /// It cannot; the error says why.
    pub async fn look(&self) -> Result<(), OidcError> {
        self.discovery.provider().await.map(drop)
    }

    /// The address at the provider where a browser signs in.
    ///
    /// # Errors
    /// The provider cannot be used.
    pub async fn begin(&self, attempt: &SignInAttempt) -> Result<String, OidcError> {
        let provider = self.discovery.provider().await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&attempt.verifier));
        let scopes: Vec<_> = std::iter::once("openid").chain(self.options.scopes.iter().map(String::as_str)).collect();
        let query = [
            ("response_type", "code"),
            ("client_id", &self.options.client_id),
            ("redirect_uri", &self.options.redirect),
            ("scope", &scopes.join(" ")),
            ("state", &attempt.state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Ok(with_query(&provider.document.authorization_endpoint, &query))
    }

    /// Redeems the `code` that a browser brought back, and reads who signed in. The session is over at `until`.
    ///
    /// # Errors
    /// The provider refuses the code, cannot be asked, or names no acceptable user.
    pub async fn finish(
        &self,
        attempt: &SignInAttempt,
        code: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<ProviderSession, OidcError> {
        let provider = self.discovery.provider().await?;
        let tokens = self.redeem(&provider, attempt, code).await?;
        let (mut claims, _) = provider.jwt.claims(&tokens.id_token, ID, now).await.map_err(OidcError::IdToken)?;
        self.check(&claims, attempt)?;
        let text = |claims: &Map<String, Json>, name: &str| claims.get(name).and_then(Json::as_str).map(str::to_owned);
        let subject = text(&claims, "sub").ok_or(OidcError::IdToken(JwtError::Claim("sub")))?;
        let session = text(&claims, "sid");
        if provider.jwt.lacks(&claims)
            && let Some(about) = provider.userinfo(tokens.access_token.as_deref()).await?
        {
            // Only what the ID token does not say, and only about its own user.
            if text(&about, "sub").as_ref() != Some(&subject) {
                return Err(OidcError::OtherUser);
            }
            for (name, value) in about {
                claims.entry(name).or_insert(value);
            }
        }
        let person = provider.jwt.vouched(&claims).map_err(OidcError::IdToken)?;
        let (issuer, id_token) = (self.issuer().to_owned(), tokens.id_token);
        Ok(ProviderSession { viewer: person.viewer, until, issuer, subject, session, id_token })
    }

    /// What the provider ends with a logout token.
    ///
    /// # Errors
    /// The token is not the provider's, or the provider's keys cannot be read.
    pub async fn ended(&self, logout_token: &str, now: Timestamp) -> Result<EndedByProvider, OidcError> {
        let provider = self.discovery.provider().await?;
        let (claims, _) = provider.jwt.claims(logout_token, LOGOUT, now).await.map_err(OidcError::LogoutToken)?;
        let is_logout = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT)).is_some_and(Json::is_object);
        // An ID token has a nonce, and must not end sessions.
        if !is_logout || claims.contains_key("nonce") {
            return Err(OidcError::LogoutToken(JwtError::Kind));
        }
        let text = |name: &str| claims.get(name).and_then(Json::as_str).map(str::to_owned);
        let ended = EndedByProvider { subject: text("sub"), session: text("sid") };
        match (&ended.subject, &ended.session) {
            (None, None) => Err(OidcError::LogoutToken(JwtError::Claim("sub or sid"))),
            _ => Ok(ended),
        }
    }

    /// The address at the provider where the user of an ID token signs out there too, if the provider has one and can be
    /// asked.
    pub async fn end_address(&self, id_token: &str) -> Option<String> {
        let provider = self.discovery.provider().await.ok()?;
        let endpoint = provider.document.end_session_endpoint.as_deref()?;
        Some(with_query(endpoint, &[("client_id", &self.options.client_id), ("id_token_hint", id_token)]))
    }

    /// Asks for the tokens of a code.
    async fn redeem(&self, provider: &Provider, attempt: &SignInAttempt, code: &str) -> Result<TokenAnswer, OidcError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.options.redirect),
            ("code_verifier", &attempt.verifier),
        ];
        let mut headers = vec![(hyper::header::ACCEPT, "application/json".to_owned())];
        match &self.options.client_secret {
            Some(secret) if provider.document.takes_basic() => {
                let pair = format!("{}:{}", encoded(&self.options.client_id), encoded(secret));
                headers.push((hyper::header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair))));
            }
            secret => {
                form.push(("client_id", &self.options.client_id));
                form.extend(secret.as_ref().map(|secret| ("client_secret", secret.as_str())));
            }
        }
        let post = Post { headers, ..Post::new(FORM, pairs(&form)) };
        let endpoint = provider.address(&provider.document.token_endpoint)?;
        let answer = provider.client.post(&endpoint, post).await.map_err(OidcError::Unreachable)?;
        let Answer { status, body, .. } = answer;
        let body = body.map_err(OidcError::Unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| OidcError::Answer("token endpoint"));
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(refusal.into()),
            Err(_) => Err(OidcError::Status(status.as_u16())),
        }
    }

    /// Whether the claims of an ID token belong to this client and this sign-in.
    fn check(&self, claims: &Map<String, Json>, attempt: &SignInAttempt) -> Result<(), OidcError> {
        if claims.get("nonce").and_then(Json::as_str) != Some(&attempt.nonce) {
            return Err(OidcError::OtherSignIn);
        }
        let party = claims.get("azp").map(|party| party.as_str() == Some(&self.options.client_id));
        let is_shared = claims.get("aud").and_then(Json::as_array).is_some_and(|audiences| audiences.len() > 1);
        if party.unwrap_or(!is_shared) { Ok(()) } else { Err(OidcError::IdToken(JwtError::Audience)) }
    }
}

/// What the provider gives for a code.
#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
    access_token: Option<String>,
}

/// Why the provider gives nothing (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

impl From<Refusal> for OidcError {
    fn from(Refusal { error, error_description }: Refusal) -> Self {
        match error.as_str() {
            "invalid_client" | "unauthorized_client" => Self::Client(quoted(&error)),
            "invalid_grant" => Self::Code,
            _ => Self::Refused(quoted(&error_description.unwrap_or(error))),
        }
    }
}

/// The address with further parameters.
fn with_query(address: &str, query: &[(&str, &str)]) -> String {
    let link = if address.contains('?') { '&' } else { '?' };
    format!("{address}{link}{}", pairs(query))
}

fn pairs(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// What `application/x-www-form-urlencoded` encodes. Some providers compare a client's credentials without decoding them,
/// so nothing more is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Percent-encoded for a query, a form, or the two halves of a client's credentials.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
