//! What a provider says about itself, cached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Uri;
use mcp_audit_log_core::http_client::HttpClient;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;

use super::super::jws::Algorithm;
use super::super::jwt::{Jwt, JwtOptions};
use super::super::{GroupMap, KeySource, KeySourceError};
use super::{OidcError, OidcOptions};

/// The time that a description is used before it is read again.
const AGE: Duration = Duration::from_secs(3_600);
/// The pause after a failure, so that visitors do not wait one after another for a provider that is away.
const RETRY: Duration = Duration::from_secs(5);
/// The path of the description, below the issuer.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The members of the description that are used.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Document {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    userinfo_endpoint: Option<String>,
    pub(super) end_session_endpoint: Option<String>,
    jwks_uri: String,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Document {
    /// Whether a client sends its secret in the header `Authorization`, as it does unless the provider says otherwise.
    pub(super) fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }

    /// The algorithms of its signatures that are supported here.
    fn algorithms(&self) -> Vec<Algorithm> {
        match &self.id_token_signing_alg_values_supported {
            None => vec![Algorithm::RS256],
            Some(names) => names.iter().filter_map(|name| Algorithm::parse(name)).collect(),
        }
    }

    fn check(&self, issuer: &str) -> Result<(), OidcError> {
        if self.issuer != issuer {
            return Err(OidcError::Issuer { said: super::quoted(&self.issuer), configured: issuer.to_owned() });
        }
        let offers = |list: &Option<Vec<String>>, wanted: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|offered| offered == wanted))
        };
        if !offers(&self.response_types_supported, "code") {
            return Err(OidcError::Unsupported("the authorization code flow"));
        }
        // A provider without this member may support it all the same.
        if !offers(&self.code_challenge_methods_supported, "S256") {
            return Err(OidcError::Unsupported("PKCE with S256"));
        }
        if self.algorithms().is_empty() {
            return Err(OidcError::Unsupported("ID tokens that are signed with a public key"));
        }
        Ok(())
    }
}

/// A provider that can be asked.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) document: Document,
    pub(super) jwt: Jwt,
    pub(super) client: Arc<HttpClient>,
    is_secure: bool,
}

impl Provider {
    /// An address of the provider's, if it is safe to send secrets there.
    pub(super) fn address(&self, text: &str) -> Result<Uri, OidcError> {
        safe(text, self.is_secure)
    }

    /// What the provider says about the bearer of an access token, if it says anything.
    pub(super) async fn userinfo(&self, token: Option<&str>) -> Result<Option<Map<String, Json>>, OidcError> {
        let (Some(endpoint), Some(token)) = (&self.document.userinfo_endpoint, token) else { return Ok(None) };
        let body = self.client.get_as(&self.address(endpoint)?, Some(token)).await.map_err(OidcError::Unreachable)?;
        serde_json::from_slice(&body).map(Some).map_err(|_| OidcError::Answer("userinfo"))
    }
}

/// The last look at the provider.
#[derive(Debug)]
enum Looked {
    Never,
    Found(Instant, Arc<Provider>),
    Failed(Instant, OidcError),
}

/// Finds the provider by its issuer.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    url: Uri,
    options: JwtOptions,
    groups: GroupMap,
    client: Arc<HttpClient>,
    /// Locked while the provider is asked.
    last: Mutex<Looked>,
}

impl Discovery {
    pub(super) fn new(options: &OidcOptions, groups: GroupMap) -> Result<Self, KeySourceError> {
        let issuer = options.issuer.clone();
        let address = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
        let KeySource::Url(url) = KeySource::parse(&address)? else { return Err(KeySourceError::Form) };
        let client = HttpClient::trusting(&url, &options.authorities, false)?;
        // The source of the keys is known when the provider has described itself.
        let keys = KeySource::Url(url.clone());
        let jwt = JwtOptions {
            requires_nbf: false,
            claims: options.claims.clone(),
            authorities: options.authorities.clone(),
            ..JwtOptions::new(&*issuer, vec![options.client_id.clone()], keys, Vec::new())
        };
        Ok(Self { issuer, url, options: jwt, groups, client: Arc::new(client), last: Mutex::new(Looked::Never) })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The provider, as it described itself in the last hour.
    pub(super) async fn provider(&self) -> Result<Arc<Provider>, OidcError> {
        let mut last = self.last.lock().await;
        let known = match &*last {
            Looked::Found(since, provider) if since.elapsed() < AGE => return Ok(Arc::clone(provider)),
            Looked::Failed(since, error) if since.elapsed() < RETRY => return Err(error.clone()),
            Looked::Found(_, provider) => Some(Arc::clone(provider)),
            _ => None,
        };
        match (self.ask().await, known) {
            (Ok(provider), _) => {
                let provider = Arc::new(provider);
                *last = Looked::Found(Instant::now(), Arc::clone(&provider));
                Ok(provider)
            }
            (Err(error), Some(provider)) => {
                tracing::warn!(%error, "the OpenID provider could not be asked again; its last description stays in use");
                *last = Looked::Found(Instant::now(), Arc::clone(&provider));
                Ok(provider)
            }
            (Err(error), None) => {
                tracing::error!(%error, "the OpenID provider cannot be used");
                *last = Looked::Failed(Instant::now(), error.clone());
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<Provider, OidcError> {
        let body = self.client.get(&self.url).await.map_err(OidcError::Unreachable)?;
        let described: Result<Document, _> = serde_json::from_slice(&body);
        let document = described.map_err(|_| OidcError::Description(self.url.to_string()))?;
        document.check(&self.issuer)?;
        let is_secure = self.url.scheme_str() == Some("https");
        let browsers = [Some(&document.authorization_endpoint), document.end_session_endpoint.as_ref()];
        for address in browsers.into_iter().flatten().chain([&document.token_endpoint]) {
            safe(address, is_secure)?;
        }
        let keys = KeySource::Url(safe(&document.jwks_uri, is_secure)?);
        let options = JwtOptions { keys, algorithms: document.algorithms(), ..self.options.clone() };
        let jwt = Jwt::new(options, self.groups.clone()).map_err(|error| OidcError::Unreachable(error.to_string()))?;
        Ok(Provider { document, jwt, client: Arc::clone(&self.client), is_secure })
    }
}

/// An address over TLS, or on this machine if the issuer is there without TLS.
fn safe(text: &str, is_secure: bool) -> Result<Uri, OidcError> {
    let unsafe_address = || OidcError::Address(super::quoted(text));
    match KeySource::parse(text) {
        Ok(KeySource::Url(url)) if !is_secure || url.scheme_str() == Some("https") => Ok(url),
        _ => Err(unsafe_address()),
    }
}
