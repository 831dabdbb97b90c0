//! A pool of connections to one upstream, with the history of each.
//!
//! Unlike the pool of hyper-util, it reports of a broken connection whether it had been used before, and whether a byte
//! of the answer had arrived. That decides whether a request may be sent again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::http::uri::{Authority, Parts, Scheme};
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::connect::CountedConnection;
use super::shared_body::{Loan, SharedBody};
use crate::tap::transport::Transport;

/// How long an unused connection is kept: shorter than the five seconds after which the servers of Node and uvicorn
/// hang up, so that few requests meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(3);
/// How many headers a response may have; hyper's own limit of 100 would refuse what passes without a proxy.
const HEADERS: usize = 1_000;
/// The time within which a connection that the upstream had already closed must fail. If it fails later, the upstream
/// may have acted on the request.
const PROMPT: Duration = Duration::from_secs(2);
/// How often a server of HTTP/2 is asked whether it is there, and how long it may take to answer.
const ASKED_EVERY: Duration = Duration::from_secs(15);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
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

/// A connection for one request at a time. That holds for HTTP/2 too: a server allows only so many requests over one
/// connection, and streams that stay open would use them up.
pub(crate) struct Connection {
    sender: Sender,
    received: Arc<AtomicU64>,
    used: bool,
}

enum Sender {
    Http1(http1::SendRequest<SharedBody>),
    Http2(http2::SendRequest<SharedBody>, Scheme),
}

/// A connection whose answer is not over. When this is dropped, the pool has it again.
pub(crate) struct Held {
    connection: Option<Connection>,
    /// The request's body: an answer may come before its end.
    body: Loan,
    pool: Arc<Pool>,
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
    /// HTTP/1.1 over a new connection.
    pub(crate) async fn http1(wire: CountedConnection) -> Result<Self, Transport> {
        let received = wire.received();
        let mut builder = http1::Builder::new();
        builder.max_headers(HEADERS);
        let (sender, connection) =
            builder.handshake(TokioIo::new(wire)).await.map_err(|_| Transport::UpstreamClosed)?;
        // Callers that wait for an answer learn how it ended.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender: Sender::Http1(sender), received, used: false })
    }

    /// HTTP/2 over a new connection to a server of this scheme.
    pub(crate) async fn http2(wire: CountedConnection, scheme: Scheme) -> Result<Self, Transport> {
        let received = wire.received();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(ASKED_EVERY).keep_alive_timeout(ANSWERS_WITHIN);
        let (sender, connection) =
            builder.handshake(TokioIo::new(wire)).await.map_err(|_| Transport::UpstreamClosed)?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender: Sender::Http2(sender, scheme), received, used: false })
    }

    fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender, _) => sender.is_ready(),
        }
    }

    /// Whether it has carried an exchange before.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// Sends a request whose target is a path.
    pub(crate) async fn send(&mut self, request: Request<SharedBody>) -> Result<Response<Incoming>, Unanswered> {
        // An unused connection carries nothing, so all bytes from here on belong to this request.
        let (before, begun) = (self.received.load(Ordering::Relaxed), Instant::now());
        let answer = match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender, scheme) => sender.try_send_request(as_http2(request, scheme)).await,
        };
        answer.map_err(|mut failure: TrySendError<_>| {
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
            if since.elapsed() < IDLE && connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Returns a connection to the pool once its answer has been read. A closed connection is dropped. What this returns
    /// must live as long as the answer.
    pub(crate) fn keep(self: &Arc<Self>, mut connection: Connection, body: &Loan) -> Option<Held> {
        connection.used = true;
        let pool = Arc::clone(self);
        match connection.sender {
            // It takes no other request meanwhile, and says when the answer is over.
            Sender::Http1(mut sender) if !sender.is_ready() => {
                tokio::spawn(async move {
                    if sender.ready().await.is_ok() {
                        pool.put(Connection { sender: Sender::Http1(sender), ..connection });
                    }
                });
                None
            }
            Sender::Http1(_) => {
                pool.put(connection);
                None
            }
            Sender::Http2(..) => Some(Held { connection: Some(connection), body: body.clone(), pool }),
        }
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

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.body.is_over()
        {
            self.pool.put(connection);
        }
    }
}

/// The form of HTTP/2: scheme and host are parts of the target, and there is no `Host`.
fn as_http2(mut request: Request<SharedBody>, scheme: &Scheme) -> Request<SharedBody> {
    let host = request.headers_mut().remove(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = Parts::default();
    parts.scheme = Some(scheme.clone());
    parts.authority = authority;
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}
