//! A time limit for the body of a request, whatever its handler does with it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

/// Whether a request has no body to wait for.
pub(crate) fn is_empty(request: &Request) -> bool {
    http_body::Body::is_end_stream(request.body())
}

/// The handler's answer; `None` if the body took longer than `patience`, whatever the handler returned.
pub(crate) async fn run(patience: Duration, request: Request, next: Next) -> Option<Response> {
    let is_late = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&is_late);
    let timed = |inner| Timed { inner, end: Box::pin(tokio::time::sleep(patience)), late };
    let response = next.run(request.map(|body| Body::new(timed(body)))).await;
    (!is_late.load(Ordering::Relaxed)).then_some(response)
}

/// A body that fails after its time limit.
struct Timed {
    inner: Body,
    end: Pin<Box<Sleep>>,
    late: Arc<AtomicBool>,
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        if self.end.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
