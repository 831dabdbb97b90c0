//! An HTTP endpoint as a destination of checkpoints. It needs the feature `http-client`.

use hyper::Uri;
use tokio::runtime::{Builder, Runtime};

use super::{PublishError, Published};
use crate::http_client::{HttpClient, Post, named};
use crate::sink::{Sink, SinkError};

/// The media type of a signed note.
const KIND: &str = "text/plain; charset=utf-8";

/// An HTTP endpoint that accepts checkpoints.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// The URL: https, except on this machine.
    pub url: Uri,
    /// The token that is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
}

pub(super) struct Endpoint {
    runtime: Runtime,
    client: HttpClient,
    options: EndpointOptions,
}

impl Endpoint {
    pub(super) fn new(options: &EndpointOptions) -> Result<Self, PublishError> {
        let here = matches!(options.url.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if options.url.scheme_str() != Some("https") && !here {
            return Err(PublishError::Plain);
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(PublishError::Thread)?;
        Ok(Self { runtime, client: HttpClient::new(&options.url)?, options: options.clone() })
    }
}

impl Sink<Published> for Endpoint {
    fn put(&mut self, published: &Published) -> Result<(), SinkError> {
        let Self { runtime, client, options } = self;
        let post = Post { token: options.token.clone(), ..Post::new(KIND, published.note.clone()) };
        let failed = |why: String| SinkError::Failed(format!("{} does not take it: {why}", named(&options.url)));
        let status = runtime.block_on(client.post(&options.url, post)).map_err(failed)?.status;
        if status.is_success() { Ok(()) } else { Err(failed(format!("the server returned {status}"))) }
    }
}
