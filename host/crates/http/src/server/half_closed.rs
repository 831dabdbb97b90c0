//! Clients that close their side of a connection once they have sent a request, as `nc -N` does, and wait for the
//! answer.
//!
//! A client that has disconnected looks the same until the server writes to it. So the server gets the end of a
//! client's input at once only while no request is in progress. Otherwise the server gets it when nothing has been
//! written to the client for a while.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http_body::Body as _;
use mcp_audit_log_capture::polled;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// The time that a client with a closed sending side is kept while nothing is written to it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The requests in progress on a connection.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Requests>);

#[derive(Default)]
struct Requests {
    in_progress: AtomicUsize,
    /// How many there were.
    begun: AtomicUsize,
}

/// A request in progress, until this is dropped.
pub(super) struct Request(UnderWay);

impl UnderWay {
    pub(super) fn begin(&self) -> Request {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.in_progress.fetch_add(1, Ordering::Relaxed);
        Request(self.clone())
    }

    fn is_any(&self) -> bool {
        self.0.in_progress.load(Ordering::Relaxed) > 0
    }

    /// Completes when no request has been in progress and none has come for `patience`, at the latest after twice as long.
    pub(super) async fn is_idle(&self, patience: Duration) {
        loop {
            let begun = self.0.begun.load(Ordering::Relaxed);
            tokio::time::sleep(patience).await;
            if !self.is_any() && self.0.begun.load(Ordering::Relaxed) == begun {
                return;
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection.
pub(super) struct Connection {
    inner: TcpStream,
    under_way: UnderWay,
    /// The deadline after the client closed its side.
    closed: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn new(inner: TcpStream, under_way: UnderWay) -> Self {
        Self { inner, under_way, closed: None }
    }

    /// Something was written, so the client may still read.
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Some(closed), Poll::Ready(Ok(1..))) = (&mut self.closed, &written) {
            closed.as_mut().reset(Instant::now() + PATIENCE);
        }
        written
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closed.is_none() {
            let (before, room) = (buffer.filled().len(), buffer.remaining());
            let read = Pin::new(&mut this.inner).poll_read(context, buffer);
            let is_end = matches!(read, Poll::Ready(Ok(()))) && room > 0 && buffer.filled().len() == before;
            if !is_end {
                return read;
            }
        }
        let closed = this.closed.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        match this.under_way.is_any() {
            true => std::future::Future::poll(closed.as_mut(), context).map(Ok),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.wrote(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(context, pieces);
        this.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

/// The body of an answer. Its request is in progress until the body is sent.
pub(super) fn answer_body(inner: Body, request: Request) -> Body {
    polled(inner, move |inner, context| {
        let _under_way = &request;
        Pin::new(inner).poll_frame(context)
    })
}
