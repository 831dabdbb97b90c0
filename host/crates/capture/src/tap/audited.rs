//! The tower service of a layer: it opens a tap for each request, and closes it with the response's last byte.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{Method, Request, Response, request};
use bytes::Bytes;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::End;
use super::body::{RequestBody, ResponseBody};
use super::tapped::{EndGuard, Tapped};

/// A service whose traffic is recorded.
#[derive(Clone)]
pub struct Audited<S> {
    inner: S,
    begin: Arc<Begin>,
}

/// Opens the tap of a request.
type Begin = dyn Fn(&mut request::Parts) -> Tapped + Send + Sync;

impl<S> Audited<S> {
    pub(crate) fn new(inner: S, begin: impl Fn(&mut request::Parts) -> Tapped + Send + Sync + 'static) -> Self {
        Self { inner, begin: Arc::new(begin) }
    }
}

impl<S, B, R> Service<Request<B>> for Audited<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = Responding<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let tapped = (self.begin)(&mut parts);
        parts.extensions.insert(tapped.caller());
        parts.extensions.insert(tapped.failure());
        let is_head = parts.method == Method::HEAD;
        // Made before the service is called: it may panic in there.
        let ending = EndGuard::new(tapped.clone());
        let inner = self.inner.call(Request::from_parts(parts, RequestBody::new(body, tapped)));
        Responding { inner, ending, is_head }
    }
}

pin_project! {
    /// The response that is to come.
    pub struct Responding<F> {
        #[pin]
        inner: F,
        ending: EndGuard,
        is_head: bool,
    }
}

impl<F, R, E> Future for Responding<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.inner.poll(context)) {
            Ok(response) => response,
            Err(error) => {
                this.ending.is(End::Broken);
                return Poll::Ready(Err(error));
            }
        };
        let (parts, body) = response.into_parts();
        if let Some(tapped) = this.ending.tapped() {
            tapped.head(&parts);
        }
        let headless = *this.is_head || matches!(parts.status.as_u16(), 204 | 304);
        let body = ResponseBody::new(body, this.ending.pass_on(), headless);
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}
