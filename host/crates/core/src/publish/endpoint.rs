//! Posts each checkpoint to an HTTP endpoint, which must answer with a success.

use tokio::runtime::{Builder, Runtime};

use super::{EndpointOptions, Place, Published, PutError};
use crate::fetch::{Fetch, FetchError, Post};

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Without TLS the network could withhold or change checkpoints.
    #[error("checkpoints must be sent over https://, except to this machine")]
    Plain,
    /// The client.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// The operating system cannot start a thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

pub(super) struct Endpoint {
    runtime: Runtime,
    client: Fetch,
    options: EndpointOptions,
}

impl Endpoint {
    pub(super) fn new(options: &EndpointOptions) -> Result<Self, EndpointError> {
        let here = matches!(options.url.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if options.url.scheme_str() != Some("https") && !here {
            return Err(EndpointError::Plain);
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(EndpointError::Thread)?;
        Ok(Self { runtime, client: Fetch::new(&options.url)?, options: options.clone() })
    }
}

impl Place for Endpoint {
    fn put(&mut self, published: &Published) -> Result<(), PutError> {
        let Self { runtime, client, options } = self;
        let post = Post { kind: "text/plain; charset=utf-8", token: options.token.as_deref(), body: &published.note };
        runtime.block_on(client.post(&options.url, &post)).map_err(PutError::Failed)
    }
}
