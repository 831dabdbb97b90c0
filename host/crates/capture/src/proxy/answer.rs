//! An upstream's answer: it is forwarded as it arrives, with a limit on silence, and a broken answer gets the reason.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::pool::Held;
use crate::bodies::polled;
use crate::tap::transport::{FailureSlot, Transport};

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

/// The body of an answer. `held` is dropped with it.
pub(crate) fn answer_body(
    inner: Incoming,
    slot: FailureSlot,
    idle: Option<Duration>,
    held: Option<Held>,
) -> axum::body::Body {
    let new = |limit| Idle { limit, sleep: Box::pin(tokio::time::sleep(limit)), waiting: false };
    let mut idle = idle.map(new);
    polled(inner, move |inner, context| {
        let _held = &held;
        let failed = match Pin::new(inner).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => Transport::of_answer(&error),
            Poll::Ready(frame) => {
                idle.iter_mut().for_each(|idle| idle.waiting = false);
                return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
            }
            Poll::Pending => match idle.as_mut().map(|idle| idle.poll(context)) {
                Some(Poll::Ready(())) => Transport::UpstreamIdleTimeout,
                _ => return Poll::Pending,
            },
        };
        slot.set(failed);
        Poll::Ready(Some(Err(axum::Error::new(failed.sentence()))))
    })
}
