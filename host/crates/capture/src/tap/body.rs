//! Observed bodies: every frame, size hint and trailer is forwarded unchanged and at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::tapped::{EndGuard, Tapped};
use super::{End, Side};

pin_project! {
    /// The body of a request that is recorded.
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        tapped: Tapped,
    }
}

pin_project! {
    /// The body of a response that is recorded when it ends or is dropped.
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        ending: EndGuard,
    }
}

impl<B> RequestBody<B> {
    pub(crate) fn new(inner: B, tapped: Tapped) -> Self {
        Self { inner, tapped }
    }
}

impl<B: Body> ResponseBody<B> {
    /// `headless`: the response must not have a body, whatever its headers say.
    pub(crate) fn new(inner: B, mut ending: EndGuard, headless: bool) -> Self {
        if headless || inner.is_end_stream() {
            ending.is(End::Complete);
        }
        Self { inner, ending }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B>
where
    B::Error: 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let Some(data) = data(&frame) {
            this.tapped.chunk(Side::Client, data);
        }
        if let Some(Err(error)) = &frame {
            this.tapped.request_failed(error);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(context));
        if let (Some(data), Some(tapped)) = (data(&frame), this.ending.tapped()) {
            tapped.chunk(Side::Server, data);
        }
        match &frame {
            Some(Err(_)) => this.ending.is(End::Broken),
            // A server does not ask again once it knows that this was the last one.
            Some(Ok(_)) if !this.inner.is_end_stream() => {}
            _ => this.ending.is(End::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn data<E>(frame: &Option<Result<Frame<Bytes>, E>>) -> Option<&Bytes> {
    frame.as_ref()?.as_ref().ok()?.data_ref()
}
