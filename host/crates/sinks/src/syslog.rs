//! syslog: RFC 5424 messages with octet counting, over TLS (RFC 5425) or TCP (RFC 6587).
//!
//! No receiver of syslog acknowledges anything. What was written to a connection that broke may be lost, so the messages
//! of the last 30 seconds before the last write are sent again over the next one.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::sink::{EntryBatch, Sink, SinkError};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::http::{DestinationError, is_here};
use crate::syslog_message::frame;

/// Messages that were written so long before the last ones may be lost with a connection.
const IN_DOUBT: Duration = Duration::from_secs(30);
/// How long the receiver's machine may confirm nothing before the connection counts as broken. Shorter than the time for
/// which messages are kept.
const UNCONFIRMED: Duration = Duration::from_secs(15);
/// The most bytes of such messages that are kept.
const KEPT: usize = 32 << 20;

/// Where a syslog receiver is.
#[derive(Clone, Debug)]
pub struct SyslogOptions {
    /// Its host.
    pub host: String,
    /// Its port: 6514 for TLS and 601 for TCP, unless it has another one.
    pub port: u16,
    /// Whether the connection is encrypted; it must be, except to this machine.
    pub tls: bool,
    /// Whose certificates vouch for the receiver.
    pub authorities: Authorities,
    /// How long connecting, and writing a batch, may take.
    pub patience: Duration,
}

/// A syslog receiver.
pub struct Syslog {
    runtime: Runtime,
    options: SyslogOptions,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connection: Option<Box<dyn Connection>>,
    /// Frames that may be lost with the connection, with the time when they were written.
    in_doubt: VecDeque<(Instant, Arc<[u8]>)>,
    kept: usize,
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Syslog {
    /// A receiver with these options. It is connected to with the first batch.
    ///
    /// # Errors
    /// The connection would not be encrypted, or there are no certificates to trust.
    pub fn new(options: SyslogOptions) -> Result<Self, DestinationError> {
        if !options.tls && !is_here(&options.host) {
            return Err(DestinationError::Plain);
        }
        let tls = if options.tls { Some(trusting(&options)?) } else { None };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("audit-syslog").enable_all().build()?;
        Ok(Self { runtime, options, tls, connection: None, in_doubt: VecDeque::new(), kept: 0 })
    }

    fn keep(&mut self, frame: Arc<[u8]>, now: Instant) {
        self.kept += frame.len();
        self.in_doubt.push_back((now, frame));
        while let Some((written, oldest)) = self.in_doubt.front() {
            if now.duration_since(*written) <= IN_DOUBT && self.kept <= KEPT {
                break;
            }
            self.kept -= oldest.len();
            self.in_doubt.pop_front();
        }
    }
}

impl Sink<EntryBatch> for Syslog {
    fn put(&mut self, batch: &EntryBatch) -> Result<(), SinkError> {
        let frames: Vec<Arc<[u8]>> = batch.entries.iter().map(|entry| frame(&batch.origin, entry).into()).collect();
        let Self { runtime, options, tls, connection, in_doubt, .. } = self;
        let again = in_doubt.iter().map(|(_, frame)| &**frame);
        let written = runtime.block_on(write(options, tls.as_ref(), connection.take(), again, &frames));
        let (connection, is_new) = written.map_err(SinkError::Failed)?;
        self.connection = Some(connection);
        let now = Instant::now();
        if is_new {
            // What came again is in doubt again: this connection may break as well.
            self.in_doubt.iter_mut().for_each(|(written, _)| *written = now);
        }
        frames.into_iter().for_each(|frame| self.keep(frame, now));
        Ok(())
    }
}

/// Writes the frames to the connection, or to a new one if it broke: to that, what was in doubt comes first. Also returns
/// whether it is new.
async fn write(
    options: &SyslogOptions,
    tls: Option<&(TlsConnector, ServerName<'static>)>,
    connection: Option<Box<dyn Connection>>,
    again: impl Iterator<Item = &[u8]>,
    frames: &[Arc<[u8]>],
) -> Result<(Box<dyn Connection>, bool), String> {
    let patience = options.patience;
    let late = |what: &str| format!("{what} took longer than {} seconds", patience.as_secs());
    let mut bytes = Vec::new();
    let open = match connection {
        Some(mut connection) => is_open(&mut connection).await.then_some(connection),
        None => None,
    };
    let is_new = open.is_none();
    let mut connection = match open {
        Some(connection) => connection,
        None => {
            again.for_each(|frame| bytes.extend_from_slice(frame));
            let connected = tokio::time::timeout(patience, connect(options, tls)).await;
            connected.map_err(|_| late("connecting"))?.map_err(|error| format!("it cannot be connected to: {error}"))?
        }
    };
    frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
    let write = async {
        connection.write_all(&bytes).await?;
        connection.flush().await
    };
    let written = tokio::time::timeout(patience, write).await.map_err(|_| late("writing"))?;
    written.map_err(|error| format!("the connection broke: {error}"))?;
    Ok((connection, is_new))
}

async fn connect(
    options: &SyslogOptions,
    tls: Option<&(TlsConnector, ServerName<'static>)>,
) -> std::io::Result<Box<dyn Connection>> {
    let stream = tcp(options).await?;
    Ok(match tls {
        Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        None => Box::new(stream),
    })
}

/// A connection without TLS, which breaks soon if the receiver's machine is gone.
async fn tcp(options: &SyslogOptions) -> std::io::Result<TcpStream> {
    let host = options.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, options.port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNCONFIRMED))?;
    // Without a limit, what a receiver without power was sent waits in this machine for a quarter of an hour.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
    Ok(stream)
}

/// Whether the receiver has not hung up. It has nothing to say, and what it says all the same is ignored.
async fn is_open(connection: &mut Box<dyn Connection>) -> bool {
    let mut bytes = [0; 512];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = poll_fn(|context| Poll::Ready(Pin::new(&mut *connection).poll_read(context, &mut buffer))).await;
        match read {
            Poll::Pending => return true,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return false,
        }
    }
}

/// TLS with the certificates that vouch for the receiver.
fn trusting(options: &SyslogOptions) -> Result<(TlsConnector, ServerName<'static>), DestinationError> {
    let config = options.authorities.client_config()?;
    let host = options.host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| DestinationError::Name(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

#[cfg(test)]
mod tests;
