//! A pool of connections to one upstream, with the history of each.
//!
//! Unlike the pool of hyper-util, it reports of a broken connection whether it had been used before, and whether a byte
//! of the answer had arrived. That decides whether a request may be sent again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::connect::CountedConnection;
use super::shared_body::SharedBody;
use crate::tap::transport::Transport;

/// How long an unused connection is kept: shorter than the five seconds after which the servers of Node and uvicorn
/// hang up, so that few requests meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(3);
/// How many headers a response may have; hyper's own limit of 100 would refuse what passes without a proxy.
const HEADERS: usize = 1_000;
/// The time within which a connection that the upstream had already closed must fail. If it fails later, the upstream
/// may have acted on the request.
const PROMPT: Duration = Duration::from_secs(2);
/// Most connections that are kept unused.
const KEPT: usize = 256;

/// The unused connections to one upstream.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Unused>);

#[derive(Default)]
struct Unused {
    /// The newest last.
    list: Vec<(Instant, Connection)>,
    /// Whether a task closes old ones.
    swept: bool,
}

/// A connection for one request at a time.
pub(crate) struct Connection {
    sender: SendRequest<SharedBody>,
    received: Arc<AtomicU64>,
    used: bool,
}

/// Why a request has no answer.
pub(crate) struct Unanswered {
    pub(crate) error: hyper::Error,
    /// Whether the request never left this process.
    pub(crate) unsent: bool,
    /// Whether the connection had been used before, and ended at once, without a byte of an answer to this request.
    pub(crate) stale: bool,
}

impl Connection {
    /// HTTP over a new connection.
    pub(crate) async fn over(wire: CountedConnection) -> Result<Self, Transport> {
        let received = wire.received();
        let mut builder = Builder::new();
        builder.max_headers(HEADERS);
        let (sender, connection) =
            builder.handshake(TokioIo::new(wire)).await.map_err(|_| Transport::UpstreamClosed)?;
        // Callers that wait for an answer learn how it ended.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, received, used: false })
    }

    /// Whether it has carried an exchange before.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// Sends a request whose target is a path.
    pub(crate) async fn send(&mut self, request: Request<SharedBody>) -> Result<Response<Incoming>, Unanswered> {
        // An unused connection carries nothing, so all bytes from here on belong to this request.
        let (before, begun) = (self.received.load(Ordering::Relaxed), Instant::now());
        self.sender.try_send_request(request).await.map_err(|mut failure: TrySendError<_>| {
            let unsent = failure.take_message().is_some();
            let silent = self.received.load(Ordering::Relaxed) == before;
            let stale = self.used && silent && begun.elapsed() < PROMPT;
            Unanswered { error: failure.into_error(), unsent, stale }
        })
    }
}

impl Pool {
    /// An unused connection, the newest first.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut unused = self.unused();
        while let Some((since, connection)) = unused.list.pop() {
            if since.elapsed() < IDLE && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Returns a connection to the pool once its answer has been read. A closed connection is dropped.
    pub(crate) fn keep(self: &Arc<Self>, mut connection: Connection) {
        connection.used = true;
        if connection.sender.is_ready() {
            return self.put(connection);
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if connection.sender.ready().await.is_ok() {
                pool.put(connection);
            }
        });
    }

    fn put(self: &Arc<Self>, connection: Connection) {
        let mut unused = self.unused();
        if unused.list.len() >= KEPT {
            return;
        }
        unused.list.push((Instant::now(), connection));
        if !std::mem::replace(&mut unused.swept, true) {
            let pool = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(IDLE).await;
                    if pool.upgrade().is_none_or(|pool| pool.sweep()) {
                        break;
                    }
                }
            });
        }
    }

    /// Closes old connections; `true` if none is left.
    fn sweep(&self) -> bool {
        let mut unused = self.unused();
        unused.list.retain(|(since, _)| since.elapsed() < IDLE);
        unused.swept = !unused.list.is_empty();
        !unused.swept
    }

    fn unused(&self) -> MutexGuard<'_, Unused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
