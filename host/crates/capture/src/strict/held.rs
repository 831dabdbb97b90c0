//! A request's body that is held back until its intent is durable.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::bodies::{PolledFrame, with_read};

/// The most bytes of a request that are held back. For a longer request the intent covers its beginning: memory is
/// bounded, and no call is refused for its length.
const HELD: usize = 1 << 20;

/// Waits for the body, or its held part, and returns it unchanged.
pub(super) async fn hold(mut body: Body) -> Result<Body, axum::Error> {
    let (mut frames, mut length) = (VecDeque::new(), 0);
    while length < HELD {
        let Some(frame) = body.frame().await else { break };
        let frame = frame?;
        length += frame.data_ref().map_or(0, Bytes::len);
        frames.push_back(frame);
    }
    Ok(Body::new(HeldBody { frames, length: length as u64, rest: body }))
}

/// The held part, followed by the rest.
struct HeldBody {
    frames: VecDeque<Frame<Bytes>>,
    length: u64,
    rest: Body,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        if let Some(frame) = self.frames.pop_front() {
            self.length -= frame.data_ref().map_or(0, |data| data.len() as u64);
            return Poll::Ready(Some(Ok(frame)));
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        with_read(self.length, &http_body::Body::size_hint(&self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_any_length_is_unchanged() {
        for length in [0, 1, HELD - 1, HELD, HELD + 1, 3 * HELD] {
            let sent: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let chunks: Vec<_> =
                sent.chunks(60_000).map(|chunk| Ok::<_, axum::Error>(Bytes::copy_from_slice(chunk))).collect();
            let known = hold(Body::from(sent.clone())).await.expect("a body");
            assert_eq!(http_body::Body::size_hint(&known).exact(), Some(length as u64));
            assert_eq!(known.collect().await.expect("read").to_bytes(), sent);
            let streamed = hold(Body::from_stream(futures_util::stream::iter(chunks))).await.expect("a body");
            assert_eq!(streamed.collect().await.expect("read").to_bytes(), sent);
        }
    }

    #[tokio::test]
    async fn a_broken_body_is_not_forwarded() {
        let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
        assert!(hold(Body::from_stream(futures_util::stream::iter(pieces))).await.is_err());
    }
}
