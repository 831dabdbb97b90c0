//! A time limit on every body that the site reads, so that a half-sent form does not keep a request open.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::problem::Problem;
use super::ui::error;
use super::{Site, api};

/// How long a body may take, which is a form or a few settings. Events have a limit of their own, as they are longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers instead of the handler if the body did not come in time.
pub(super) async fn limit(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().strip_prefix(api::BASE);
    if path == Some(api::EVENTS) || http_body::Body::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let is_page = path.is_none();
    let is_late = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&is_late);
    let timed = |inner| Timed { inner, end: Box::pin(tokio::time::sleep(site.patience)), late };
    let response = next.run(request.map(|body| Body::new(timed(body)))).await;
    if !is_late.load(Ordering::Relaxed) {
        return response;
    }
    let advice =
        format!("The body took longer than {} seconds and nothing was done. Send it again.", site.patience.as_secs());
    let problem = Problem::too_slow(advice).into_response();
    if is_page { error::as_page(&site, None, problem) } else { problem }
}

/// How long a site waits for a body by default.
pub(super) const fn usual() -> Duration {
    PATIENCE
}

/// A body that fails when its time is over.
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
