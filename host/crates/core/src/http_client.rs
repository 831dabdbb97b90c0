//! A small HTTP client for the host's own requests: short answers, a short timeout, one address.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::client_tls::Authorities;

/// The longest answer that is read, in bytes.
pub const LONGEST: usize = 256 << 10;
/// The timeout of a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// The part of it for the rest of an answer whose status is known.
const BODY_PATIENCE: Duration = Duration::from_secs(2);
/// How long an idle connection is kept: shorter than servers keep theirs.
const IDLE: Duration = Duration::from_secs(4);

/// A client for one address.
#[derive(Debug)]
pub enum HttpClient {
    /// Over plain HTTP.
    Plain(Client<HttpConnector, Full<Bytes>>),
    /// Over TLS.
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// The system has no certificates to trust.
#[derive(Debug, thiserror::Error)]
#[error("https:// addresses cannot be fetched: no trusted certificates are installed ({0}); install ca-certificates")]
pub struct HttpClientError(std::io::Error);

/// What is sent by POST.
#[derive(Clone)]
pub struct Post {
    /// Its media type.
    pub kind: &'static str,
    /// The bearer token.
    pub token: Option<String>,
    /// Further headers, with values without control characters.
    pub headers: Vec<(HeaderName, String)>,
    /// The body.
    pub body: Bytes,
    /// How long sending it and reading the answer may take.
    pub patience: Duration,
}

impl Post {
    /// A body of this media type, without further headers and with the timeout of short requests.
    pub fn new(kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self { kind, token: None, headers: Vec::new(), body: body.into(), patience: PATIENCE }
    }
}

/// The answer to a POST, whatever its status. Redirections are not followed.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long the server asks to be left alone, in whole seconds; absent if it asks with a date.
    pub retry_after: Option<Duration>,
    /// The body; an error if it is longer than [`LONGEST`] or broke off.
    pub body: Result<Bytes, String>,
}

impl HttpClient {
    /// A client for the address `url`.
    ///
    /// # Errors
    /// The URL uses https, and the system has no certificates.
    pub fn new(url: &Uri) -> Result<Self, HttpClientError> {
        // Requests are rare, so idle connections are not kept.
        Self::trusting(url, &Authorities::default(), false)
    }

    /// The same with other authorities, and with HTTP/2 if the server speaks nothing else.
    ///
    /// # Errors
    /// The URL uses https, and the system has no certificates.
    pub fn trusting(url: &Uri, authorities: &Authorities, http2: bool) -> Result<Self, HttpClientError> {
        Self::with_idle(url, authorities, 0, http2)
    }

    /// The same for requests one after another, over one connection. The runtime must not stand still between them.
    ///
    /// # Errors
    /// The URL uses https, and the system has no certificates.
    pub fn keeping(url: &Uri, authorities: &Authorities) -> Result<Self, HttpClientError> {
        Self::with_idle(url, authorities, 1, false)
    }

    fn with_idle(
        url: &Uri,
        authorities: &Authorities,
        connections: usize,
        http2: bool,
    ) -> Result<Self, HttpClientError> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(http2);
        builder.pool_max_idle_per_host(connections).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        if url.scheme_str() != Some("https") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let config = authorities.client_config().map_err(HttpClientError)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
        let connector = if http2 { connector.enable_http2().build() } else { connector.enable_http1().build() };
        Ok(Self::Tls(builder.build(connector)))
    }

    /// The body of a plain 200; redirections are not followed.
    ///
    /// # Errors
    /// A sentence about the failure.
    pub async fn get(&self, url: &Uri) -> Result<Bytes, String> {
        self.get_as(url, None).await
    }

    /// The same with a bearer token.
    ///
    /// # Errors
    /// A sentence about the failure.
    pub async fn get_as(&self, url: &Uri, token: Option<&str>) -> Result<Bytes, String> {
        let read = async {
            let mut request = Request::get(url).header("accept", "application/json");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = self.ask(request.body(Full::default())).await.map_err(|error| failed(url, &error))?;
            if answer.status() != StatusCode::OK {
                return Err(failed(url, &format_args!("the server returned {}", answer.status())));
            }
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| failed(url, &error))
        };
        in_time(url, read).await
    }

    /// Sends a body by POST.
    ///
    /// # Errors
    /// The reason why there is no answer, without the URL.
    pub async fn post(&self, url: &Uri, post: Post) -> Result<Answer, String> {
        let Post { kind, token, headers, body, patience } = post;
        let exchange = async {
            let mut request = Request::post(url).header("content-type", kind);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = self.ask(request.body(Full::new(body))).await?;
            let status = answer.status();
            let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let body = Limited::new(answer.into_body(), LONGEST).collect();
            // The status says whether it arrived. An answer that never ends must not hide that.
            let body = match tokio::time::timeout(BODY_PATIENCE.min(patience), body).await {
                Ok(body) => body.map(|body| body.to_bytes()).map_err(|error| error.to_string()),
                Err(_) => Err("its body does not end".to_owned()),
            };
            Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
        };
        let late = |_| format!("there was no answer within {} seconds", patience.as_secs());
        tokio::time::timeout(patience, exchange).await.map_err(late)?
    }

    async fn ask(
        &self,
        request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<Response<Incoming>, String> {
        let request = request.map_err(|error| error.to_string())?;
        let answer = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        answer.map_err(|error| with_sources(&error))
    }
}

/// The error with what caused it: the client's own error only says in which step it failed.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn in_time<T>(url: &Uri, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("{} did not respond within {} seconds", named(url), PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

fn failed(url: &Uri, error: &dyn Display) -> String {
    format!("{} cannot be fetched: {error}", named(url))
}

/// An address without its parts that may be secret.
pub(crate) fn named(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}{}", url.scheme_str().unwrap_or("http"), url.path())
}
