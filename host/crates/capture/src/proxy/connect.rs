//! Connecting to an upstream: name, connection, TLS. One limit covers all of it, and each failure has its code.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::rt::TokioIo;
use mcp_audit_log_core::client_tls::Authorities;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use super::timeouts::Timeouts;
use crate::tap::transport::{Transport, causes};

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Reach {
    /// `None` if this machine has no trusted certificates.
    tls: Option<TlsConnector>,
}

/// A connection that counts the received bytes.
pub(crate) struct CountedConnection {
    io: Box<dyn Duplex>,
    received: Arc<AtomicU64>,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The progress of a connection, so that a timeout can name the slow step.
#[derive(Default)]
struct Progress(AtomicU8);

const RESOLVED: u8 = 1;
const CONNECTED: u8 = 2;

impl Progress {
    fn is(&self, step: u8) {
        self.0.fetch_max(step, Ordering::Relaxed);
    }

    fn too_slow(&self) -> Transport {
        match self.0.load(Ordering::Relaxed) {
            CONNECTED => Transport::UpstreamTlsTimeout,
            RESOLVED => Transport::UpstreamConnectTimeout,
            _ => Transport::UpstreamName,
        }
    }
}

impl Reach {
    /// `authorities` vouch for a server behind TLS; without them there is none. `http2` is whether HTTP/2 is spoken to it.
    pub(crate) fn new(authorities: Option<&Authorities>, http2: bool) -> Self {
        Self { tls: authorities.and_then(|authorities| trusting(authorities, http2)) }
    }

    /// A connection to the host of `url`, ready for HTTP.
    pub(crate) async fn connect(
        &self,
        url: &Uri,
        tls: bool,
        timeouts: Timeouts,
    ) -> Result<CountedConnection, Transport> {
        let progress = Arc::new(Progress::default());
        let whole = self.steps(url, tls, timeouts, &progress);
        match within(timeouts.connect(), whole).await {
            Some(connected) => connected,
            None => Err(progress.too_slow()),
        }
    }

    async fn steps(
        &self,
        url: &Uri,
        tls: bool,
        timeouts: Timeouts,
        done: &Arc<Progress>,
    ) -> Result<CountedConnection, Transport> {
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let tls = match (tls, &self.tls) {
            (true, None) => return Err(Transport::ProxyNoCertificates),
            (true, Some(tls)) => Some(tls),
            (false, _) => None,
        };
        if host.parse::<IpAddr>().is_ok() {
            done.is(RESOLVED);
        }
        let stream = dial(url, timeouts, done).await?;
        done.is(CONNECTED);
        let io: Box<dyn Duplex> = match tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| Transport::UpstreamTls)?;
                let shaken = within(timeouts.tls(), tls.connect(name, stream)).await;
                let shaken = shaken.ok_or(Transport::UpstreamTlsTimeout)?;
                Box::new(shaken.map_err(|error| told(url, &error, of_tls(&error)))?)
            }
        };
        Ok(CountedConnection { io, received: Arc::default() })
    }
}

fn trusting(authorities: &Authorities, http2: bool) -> Option<TlsConnector> {
    match authorities.client_config() {
        Ok(mut config) => {
            config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
            Some(TlsConnector::from(Arc::new(config)))
        }
        Err(error) => {
            tracing::error!(%error, "https upstreams cannot be reached: no trusted certificates are installed");
            None
        }
    }
}

/// A connection over TCP. The library tries a name's addresses in turn, and both families at once.
async fn dial(url: &Uri, timeouts: Timeouts, done: &Arc<Progress>) -> Result<TcpStream, Transport> {
    let mut connector =
        HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new(), done: Arc::clone(done) });
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector.set_connect_timeout(timeouts.connect());
    let ready = std::future::poll_fn(|context| connector.poll_ready(context)).await;
    let dialled = match ready {
        Ok(()) => connector.call(url.clone()).await,
        Err(error) => Err(error),
    };
    dialled.map(TokioIo::into_inner).map_err(|error| told(url, &error, of_dialling(&error)))
}

/// Only the operator sees the upstream's address and the exact failure, not callers.
fn told(url: &Uri, error: &(dyn std::error::Error + 'static), failed: Transport) -> Transport {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(%url, %failed, cause, "an upstream cannot be reached");
    failed
}

fn of_dialling(error: &(dyn std::error::Error + 'static)) -> Transport {
    let io = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    match causes(error).find_map(io) {
        _ if causes(error).any(|cause| cause.is::<NoName>()) => Transport::UpstreamName,
        Some(io::ErrorKind::ConnectionRefused) => Transport::UpstreamRefused,
        Some(io::ErrorKind::TimedOut) => Transport::UpstreamConnectTimeout,
        _ => Transport::UpstreamUnreachable,
    }
}

fn of_tls(error: &io::Error) -> Transport {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Transport::UpstreamCertificate
        }
        _ => Transport::UpstreamTls,
    }
}

/// The result of `work` within `limit`.
pub(crate) async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

/// The system's resolver, with distinguishable failures.
#[derive(Clone)]
struct Resolver {
    system: GaiResolver,
    done: Arc<Progress>,
}

#[derive(Debug, thiserror::Error)]
#[error("the host name does not resolve")]
struct NoName(#[source] io::Error);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = NoName;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, NoName>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NoName>> {
        self.system.poll_ready(context).map_err(NoName)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (asked, done) = (self.system.call(name), Arc::clone(&self.done));
        Box::pin(async move {
            let found = asked.await.map_err(NoName)?;
            done.is(RESOLVED);
            Ok(found)
        })
    }
}

impl CountedConnection {
    /// The number of received bytes.
    pub(crate) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }
}

impl AsyncRead for CountedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.io).poll_read(context, buffer))?;
        self.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountedConnection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
