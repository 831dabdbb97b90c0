//! (short: the wrapper is shared) A time limit for the body of a request, whatever its handler does with it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::Body as _;
use mcp_audit_log_capture::polled;

/// Whether a request has no body to wait for.
pub(crate) fn is_empty(request: &Request) -> bool {
    request.body().is_end_stream()
}

/// The handler's answer; `None` if the body took longer than `patience`, whatever the handler returned.
pub(crate) async fn run(patience: Duration, request: Request, next: Next) -> Option<Response> {
    let is_late = Arc::new(AtomicBool::new(false));
    let (late, mut end) = (Arc::clone(&is_late), Box::pin(tokio::time::sleep(patience)));
    let timed = |body: Body| {
        polled(body, move |body, context| {
            if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
                return Poll::Ready(frame);
            }
            ready!(end.as_mut().poll(context));
            late.store(true, Ordering::Relaxed);
            Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
        })
    };
    let response = next.run(request.map(timed)).await;
    (!is_late.load(Ordering::Relaxed)).then_some(response)
}
