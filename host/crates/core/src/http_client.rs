//! A small HTTP client for the host's own requests: short answers, a short timeout, one address.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The longest answer that is read, in bytes.
pub const LONGEST: usize = 256 << 10;
/// The timeout of a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client for one address.
#[derive(Debug)]
pub enum HttpClient {
    /// Over plain HTTP.
    Plain(Client<HttpConnector, Full<Bytes>>),
    /// Over TLS, with the system's certificates.
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// The system has no certificates to trust.
#[derive(Debug, thiserror::Error)]
#[error("https:// addresses cannot be fetched: no trusted certificates are installed ({0}); install ca-certificates")]
pub struct HttpClientError(std::io::Error);

/// The body to send.
pub(crate) struct Post<'a> {
    /// Its media type.
    pub(crate) kind: &'a str,
    /// The bearer token.
    pub(crate) token: Option<&'a str>,
    pub(crate) body: &'a str,
}

impl HttpClient {
    /// A client for the address `url`.
    ///
    /// # Errors
    /// The URL uses https, and the system has no certificates.
    pub fn new(url: &Uri) -> Result<Self, HttpClientError> {
        let mut builder = Client::builder(TokioExecutor::new());
        // Requests are rare, so idle connections are not kept.
        builder.pool_max_idle_per_host(0);
        if url.scheme_str() != Some("https") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let roots = HttpsConnectorBuilder::new().with_native_roots().map_err(HttpClientError)?;
        Ok(Self::Tls(builder.build(roots.https_only().enable_http1().build())))
    }

    /// The body of a plain 200; redirections are not followed.
    ///
    /// # Errors
    /// A sentence about the failure.
    pub async fn get(&self, url: &Uri) -> Result<Bytes, String> {
        let read = async {
            let request = Request::get(url).header("accept", "application/json").body(Full::default());
            let answer = self.ask(url, request).await?;
            if answer.status() != StatusCode::OK {
                return Err(failed(url, &format_args!("the server returned {}", answer.status())));
            }
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| failed(url, &error))
        };
        in_time(url, read).await
    }

    /// Sends a body. Any success status is accepted; the answer's body is not read.
    pub(crate) async fn post(&self, url: &Uri, post: &Post<'_>) -> Result<(), String> {
        let send = async {
            let mut request = Request::post(url).header("content-type", post.kind);
            if let Some(token) = post.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let body = Full::new(Bytes::copy_from_slice(post.body.as_bytes()));
            let status = self.ask(url, request.body(body)).await?.status();
            if status.is_success() { Ok(()) } else { Err(failed(url, &format_args!("the server returned {status}"))) }
        };
        in_time(url, send).await
    }

    /// Sends JSON to the API of a log; gives the status and the body of the answer, whatever the status. `patience` is how
    /// long it may take.
    ///
    /// # Errors
    /// A sentence about the failure.
    #[doc(hidden)]
    pub async fn call(
        &self,
        url: &Uri,
        token: &str,
        json: String,
        patience: Duration,
    ) -> Result<(StatusCode, Bytes), String> {
        let send = async {
            let request = Request::post(url).header("content-type", "application/json");
            let request = request.header("authorization", format!("Bearer {token}"));
            let answer = self.ask(url, request.body(Full::new(Bytes::from(json)))).await?;
            let (status, body) = (answer.status(), Limited::new(answer.into_body(), LONGEST).collect().await);
            body.map(|body| (status, body.to_bytes())).map_err(|error| failed(url, &error))
        };
        let late = |_| format!("{} did not respond within {} seconds", named(url), patience.as_secs());
        tokio::time::timeout(patience, send).await.map_err(late)?
    }

    async fn ask(
        &self,
        url: &Uri,
        request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<Response<Incoming>, String> {
        let request = request.map_err(|error| failed(url, &error))?;
        let answer = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        answer.map_err(|error| failed(url, &error))
    }
}

async fn in_time<T>(url: &Uri, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("{} did not respond within {} seconds", named(url), PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

fn failed(url: &Uri, error: &dyn Display) -> String {
    format!("{} cannot be fetched: {error}", named(url))
}

/// An address without its parts that may be secret.
fn named(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}{}", url.scheme_str().unwrap_or("http"), url.path())
}
