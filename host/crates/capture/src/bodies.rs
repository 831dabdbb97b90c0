//! Wrappers around bodies: a closure handles each frame, and all wrappers share the rest of the code.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The next frame of a body.
pub type PolledFrame = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// A body whose frames are what `poll` makes of the body `inner`. Its length and its end are those of `inner`.
pub fn polled<B, F>(inner: B, poll: F) -> axum::body::Body
where
    B: Body + Unpin + Send + 'static,
    F: FnMut(&mut B, &mut Context<'_>) -> PolledFrame + Unpin + Send + 'static,
{
    axum::body::Body::new(PolledBody { inner, poll })
}

struct PolledBody<B, F> {
    inner: B,
    poll: F,
}

impl<B, F> Body for PolledBody<B, F>
where
    B: Body + Unpin,
    F: FnMut(&mut B, &mut Context<'_>) -> PolledFrame + Unpin,
{
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        let Self { inner, poll } = self.get_mut();
        poll(inner, context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The whole length of a body: `bytes` of it were read already, and `rest` is still to come.
pub(crate) fn with_read(bytes: u64, rest: &SizeHint) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(bytes + rest.lower());
    if let Some(upper) = rest.upper() {
        hint.set_upper(bytes + upper);
    }
    hint
}
