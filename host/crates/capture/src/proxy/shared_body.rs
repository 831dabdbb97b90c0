//! A request's body, shared with a connection attempt. It is read ahead while connecting, so that the log knows the
//! call even if that fails; and a small one is kept until the answer comes, so that it can be sent again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::bodies::{PolledFrame, with_read};
use crate::tap::transport::Transport;

/// The most bytes that are read ahead, or read of an abandoned request; also the longest body that is kept.
const READ: usize = 64 << 10;
/// The time for them to arrive after the request was abandoned.
const PATIENCE: Duration = Duration::from_millis(100);

/// The body, as the proxy holds it. Clones are the same body.
#[derive(Clone)]
pub(crate) struct Loan(Arc<Mutex<LoanState>>);

/// The body in the hands of one connection, until another connection gets it.
pub(crate) struct SharedBody {
    loan: Loan,
    turn: u32,
}

struct LoanState {
    body: Body,
    /// Chunks that were read and not returned yet.
    ahead: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// All that was read, while it may be needed again.
    kept: Option<Vec<Bytes>>,
    read: usize,
    over: bool,
    failed: Option<Transport>,
    /// When its last chunk was read.
    moved: Instant,
    /// The connection that has it now.
    turn: u32,
}

impl Loan {
    pub(crate) fn new(body: Body) -> Self {
        let small = body.size_hint().upper().is_some_and(|upper| upper <= READ as u64);
        Self(Arc::new(Mutex::new(LoanState {
            over: body.is_end_stream(),
            body,
            ahead: VecDeque::new(),
            trailers: None,
            kept: small.then(Vec::new),
            read: 0,
            failed: None,
            moved: Instant::now(),
            turn: 0,
        })))
    }

    /// Lends the body from its beginning, or from the present position if it is not kept. An earlier borrower loses it.
    pub(crate) fn lend(&self) -> SharedBody {
        let mut held = self.held();
        held.turn += 1;
        if let Some(kept) = &held.kept {
            held.ahead = kept.iter().cloned().collect();
        }
        SharedBody { loan: self.clone(), turn: held.turn }
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        let held = self.held();
        held.over && held.ahead.is_empty()
    }

    /// Whether the body can be sent a second time.
    pub(crate) fn is_kept(&self) -> bool {
        self.held().kept.is_some()
    }

    /// Drops the kept chunks, because they will not be needed again.
    pub(crate) fn forget(&self) {
        self.held().kept = None;
    }

    /// The client's failure, if there was one.
    pub(crate) fn failed(&self) -> Option<Transport> {
        self.held().failed
    }

    /// When its last chunk was read, or when a connection took it.
    pub(crate) fn moved(&self) -> Instant {
        self.held().moved
    }

    /// Reads ahead while `work` is done; `None` when the client fails meanwhile.
    pub(crate) async fn read_during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            let mut held = self.held();
            match held.poll_ahead(context) {
                Poll::Ready(()) if held.failed.is_some() => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Reads the beginning of the unread part after the request was abandoned.
    pub(crate) async fn read_on(&self) {
        // The earlier borrower may still poll.
        self.held().turn += 1;
        let read = std::future::poll_fn(|context| self.held().poll_ahead(context));
        // Chunks that arrive later are not read.
        let _ = tokio::time::timeout(PATIENCE, read).await;
    }

    fn held(&self) -> MutexGuard<'_, LoanState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoanState {
    /// Reads until enough is there, or there is no more.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.over && self.read < READ {
            match ready!(self.poll_read(context)).map(Frame::into_data) {
                Some(Ok(data)) => self.ahead.push_back(data),
                Some(Err(frame)) => self.trailers = frame.into_trailers().ok(),
                None => {}
            }
        }
        Poll::Ready(())
    }

    /// The next of it from the client.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => Some(frame),
            Some(Err(error)) => {
                self.failed = Some(Transport::of_request(&error));
                None
            }
            None => None,
        };
        self.moved = Instant::now();
        self.over |= frame.is_none() || self.body.is_end_stream();
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            self.read += data.len();
            self.kept.iter_mut().for_each(|kept| kept.push(data.clone()));
        }
        Poll::Ready(frame)
    }
}

impl http_body::Body for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        let mut held = self.loan.held();
        if held.turn != self.turn {
            return Poll::Ready(Some(Err(axum::Error::new("the request is retried over another connection"))));
        }
        if let Some(data) = held.ahead.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(trailers) = held.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let frame = if held.over { None } else { ready!(held.poll_read(context)) };
        Poll::Ready(match (frame, held.failed) {
            (Some(frame), _) => Some(Ok(frame)),
            (None, Some(failed)) => Some(Err(axum::Error::new(failed.as_str()))),
            (None, None) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        let held = self.loan.held();
        held.ahead.is_empty() && held.trailers.is_none() && held.over && held.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.loan.held();
        let ahead = held.ahead.iter().map(|data| data.len() as u64).sum::<u64>();
        with_read(ahead, &held.body.size_hint())
    }
}

/// Reads the beginning of an abandoned body, within bounds.
pub(crate) async fn read_beginning(body: &mut Body) {
    let read = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length >= READ {
                break;
            }
        }
    };
    // Chunks that arrive later are not read.
    let _ = tokio::time::timeout(PATIENCE, read).await;
}
