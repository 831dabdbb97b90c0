//! Reads an issuer's keys over HTTP: little, soon, and from nowhere else.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::jwks::KeySourceError;

/// The longest set of keys, in bytes.
pub(super) const LONGEST: usize = 256 << 10;
/// How long an issuer has.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client for one address.
#[derive(Debug)]
pub(super) enum Fetch {
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

impl Fetch {
    pub(super) fn new(url: &Uri) -> Result<Self, KeySourceError> {
        let mut builder = Client::builder(TokioExecutor::new());
        // One look an hour: there is no connection worth keeping.
        builder.pool_max_idle_per_host(0);
        if url.scheme_str() != Some("https") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let roots = HttpsConnectorBuilder::new().with_native_roots().map_err(KeySourceError::Certificates)?;
        Ok(Self::Tls(builder.build(roots.https_only().enable_http1().build())))
    }

    /// The body of a plain 200; redirections are not followed.
    pub(super) async fn get(&self, url: &Uri) -> Result<Bytes, String> {
        let late = |_| format!("{url} did not answer within {} seconds", PATIENCE.as_secs());
        tokio::time::timeout(PATIENCE, self.read(url)).await.map_err(late)?
    }

    async fn read(&self, url: &Uri) -> Result<Bytes, String> {
        let failed = |error: &dyn Display| format!("{url} cannot be read: {error}");
        let request = Request::get(url).header("accept", "application/json").body(Empty::new());
        let request = request.map_err(|error| failed(&error))?;
        let answer = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        let answer = answer.map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(failed(&format!("it answers {}", answer.status())));
        }
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| failed(&error))
    }
}
