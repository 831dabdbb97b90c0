//! A request's body on loan to the client that sends it: when it cannot be sent, what is already there is read all the
//! same, so that the log can tell which call it was.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

/// Most bytes that are read of a request that goes nowhere.
const READ: usize = 64 << 10;
/// How long they may take to arrive.
const PATIENCE: Duration = Duration::from_millis(100);

/// The body as the client gets it. Clones are the same body.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Body>>);

impl Lent {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Takes the body back and reads its beginning.
    pub(super) async fn read_on(&self) {
        let mut body = std::mem::take(&mut *self.lock());
        read_beginning(&mut body).await;
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the beginning of a body that nobody wants, within bounds.
pub(super) async fn read_beginning(body: &mut Body) {
    let read = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length >= READ {
                break;
            }
        }
    };
    // What has not come by then is not worth waiting for.
    let _ = tokio::time::timeout(PATIENCE, read).await;
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
