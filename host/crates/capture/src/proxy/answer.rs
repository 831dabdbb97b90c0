//! An upstream's answer on its way back: forwarded as it arrives, with a limit on silence, and with the reason if it
//! breaks off.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::tap::transport::{FailureSlot, Transport};

/// The body of an answer.
pub(crate) struct Answer {
    inner: Incoming,
    slot: FailureSlot,
    idle: Option<Idle>,
}

/// The limit on silence. It counts from when the client begins to wait, so a slow client does not count as silence.
struct Idle {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Idle {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.waiting, true) {
            self.sleep.as_mut().reset(Instant::now() + self.limit);
        }
        self.sleep.as_mut().poll(context)
    }
}

impl Answer {
    pub(crate) fn new(inner: Incoming, slot: FailureSlot, idle: Option<Duration>) -> Self {
        let idle = idle.map(|limit| Idle { limit, sleep: Box::pin(tokio::time::sleep(limit)), waiting: false });
        Self { inner, slot, idle }
    }

    fn failed(&self, failed: Transport) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.slot.set(failed);
        Poll::Ready(Some(Err(axum::Error::new(failed.sentence()))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => self.failed(Transport::of_answer(&error)),
            Poll::Ready(frame) => {
                self.idle.iter_mut().for_each(|idle| idle.waiting = false);
                Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)))
            }
            Poll::Pending => match self.idle.as_mut().map(|idle| idle.poll(context)) {
                Some(Poll::Ready(())) => self.failed(Transport::UpstreamIdleTimeout),
                _ => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
