//! Serving a router until the process is told to stop, and no longer than a few seconds after.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower_service::Service as _;

/// How long open requests have to finish. A stream that a client keeps open would never.
const GRACE: Duration = Duration::from_secs(3);
/// How many headers a request may have; hyper's own limit of 100 would refuse what passes without a proxy.
const HEADERS: usize = 1_000;
/// How long to wait when no connection can be taken on, as when there are too many open files.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the head of a request may take; half a request costs its sender nothing, and a connection here.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// The most connections at once. Where the process may open fewer files, half of those: the log needs some as well.
const CONNECTIONS: usize = 8_192;

/// In the extensions of every request: whether the server is to end, for answers that would go on for ever.
#[derive(Clone)]
pub(super) struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Completes when the server is to end, or is gone.
    pub(super) async fn begun(&mut self) {
        let _ = self.0.wait_for(|ending| *ending).await;
    }

    /// Whether it is.
    pub(super) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }
}

/// Serves `router` until `shutdown` is done. Live tails end then, and other requests that are under way have
/// three seconds to finish; what is still open after that is cut.
///
/// # Errors
/// None so far: what a listener reports passes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // What axum::serve does, which leaves no say about headers.
    let open = GracefulShutdown::new();
    let end = watch::Sender::new(false);
    let mut shutdown = std::pin::pin!(shutdown);
    let room = Arc::new(Semaphore::new(connections()));
    loop {
        // Who comes when there is no room waits in the system's own queue.
        let place = tokio::select! {
            place = Arc::clone(&room).acquire_owned() => place,
            () = &mut shutdown => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let connection = open.watch(connection(stream, address, Ending(end.subscribe()), router.clone()));
                // A client that hangs up or sends no HTTP is no concern of the server.
                tokio::spawn(async move {
                    drop(connection.await);
                    drop(place);
                });
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken on at present");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = &mut shutdown => break,
                }
            }
        }
    }
    drop(listener);
    end.send_replace(true);
    let _ = tokio::time::timeout(GRACE, open.shutdown()).await;
    Ok(())
}

#[cfg(unix)]
fn connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = files.and_then(|files| usize::try_from(files / 2).ok());
    half.map_or(CONNECTIONS, |half| half.clamp(1, CONNECTIONS))
}

#[cfg(not(unix))]
fn connections() -> usize {
    CONNECTIONS
}

fn connection(
    stream: TcpStream,
    address: SocketAddr,
    ending: Ending,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    // Answers are small; waiting for more of them only makes them late.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(ending.clone());
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS).timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    builder.serve_connection(TokioIo::new(stream), service)
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
