//! Ends a long exchange when its caller loses access.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use mcp_audit_log_identity::Lease;

use crate::tap::transport::{FailureSlot, Transport};

/// The answer of `sending`, as long as `lease` lasts; the answer of `refused` if the lease ends before.
pub(crate) async fn within(
    lease: Option<Lease>,
    slot: FailureSlot,
    sending: impl Future<Output = Response>,
    refused: impl FnOnce() -> Response,
) -> Response {
    let Some(lease) = lease else { return sending.await };
    let mut over: Over = Box::pin(lease.over());
    tokio::select! {
        biased;
        response = sending => {
            let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
            let is_stream = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
            response.map(|inner| Body::new(Staying { inner, over: Some(over), slot, is_stream }))
        }
        () = &mut over => {
            slot.set(Transport::ClientSignedOut);
            refused()
        }
    }
}

type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of such an answer.
struct Staying {
    inner: Body,
    /// `None` when it is over.
    over: Option<Over>,
    slot: FailureSlot,
    is_stream: bool,
}

impl http_body::Body for Staying {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(over) = &mut self.over else { return Poll::Ready(None) };
        // First, since a stream that never pauses would otherwise never be checked.
        if over.as_mut().poll(context).is_ready() {
            self.over = None;
            self.slot.set(Transport::ClientSignedOut);
            // Releases the upstream at once.
            self.inner = Body::empty();
            let failure = || axum::Error::new(io::Error::from(io::ErrorKind::ConnectionAborted));
            return Poll::Ready((!self.is_stream).then(|| Err(failure())));
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
