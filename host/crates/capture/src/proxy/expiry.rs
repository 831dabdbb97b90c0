//! Ends a long exchange when its caller loses access.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use http_body::Body as _;
use mcp_audit_log_identity::Lease;

use crate::bodies::polled;
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
            response.map(|body| staying(body, over, slot, is_stream))
        }
        () = &mut over => {
            slot.set(Transport::ClientSignedOut);
            refused()
        }
    }
}

type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of such an answer.
fn staying(body: Body, over: Over, slot: FailureSlot, is_stream: bool) -> Body {
    let mut over = Some(over);
    polled(body, move |body, context| {
        // First, since a stream that never pauses would otherwise never be checked.
        if over.as_mut().is_some_and(|over| over.as_mut().poll(context).is_ready()) {
            over = None;
            slot.set(Transport::ClientSignedOut);
            // Releases the upstream at once.
            *body = Body::empty();
            let failure = || axum::Error::new(io::Error::from(io::ErrorKind::ConnectionAborted));
            return Poll::Ready((!is_stream).then(|| Err(failure())));
        }
        Pin::new(body).poll_frame(context)
    })
}
