//! Serves a router until the process is asked to stop, and at most a few seconds longer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use mcp_audit_log_identity::ConnectionStanding;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_service::Service as _;

use super::connection_slots::ConnectionSlots;
use super::half_closed::{self, UnderWay, answer_body};
use super::http2;

/// The time that open requests have to finish. A stream that its client keeps open would never finish.
const GRACE: Duration = Duration::from_secs(3);
/// The most headers of a request. hyper's own limit of 100 would refuse requests that pass without a proxy.
const HEADERS: usize = 1_000;
/// The pause when no connection can be accepted, such as when too many files are open.
const PAUSE: Duration = Duration::from_secs(1);
/// The time that a connection has to send the head of a request, from its first byte or from the last answer on.
///
/// Servers of Node.js and nginx wait as long. A client that encodes sixteen calls of 64 MB opens its connections, and
/// is then busy for longer than 20 seconds before it sends a byte; it must not find them closed. [`ConnectionSlots`]
/// limits the connections that wait like this.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);

/// In the extensions of every request: signals that the server is stopping, for endless answers.
#[derive(Clone)]
pub(crate) struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Completes when the server stops, or is dropped.
    pub(crate) async fn begun(&mut self) {
        let _ = self.0.wait_for(|ending| *ending).await;
    }

    /// Whether it is.
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }
}

/// Serves `router` until `shutdown` completes. Live tails end then, other requests in progress have three seconds to
/// finish, and the rest is closed.
///
/// # Errors
/// None at present: errors of the listener are temporary.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_in(ConnectionSlots::default(), listener, router, shutdown).await
}

async fn serve_in(
    room: ConnectionSlots,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // As axum::serve, which has no limits on headers.
    let open = GracefulShutdown::new();
    let end = watch::Sender::new(false);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        // Without a free slot, new connections wait in the system's queue.
        let one_of_all = tokio::select! {
            one = room.wait() => one,
            () = &mut shutdown => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let mut place = room.enter(one_of_all);
                let known = (Ending(end.subscribe()), place.standing());
                let under_way = UnderWay::default();
                let connection = open.watch(connection(stream, address, known, under_way.clone(), router.clone()));
                tokio::spawn(async move {
                    tokio::select! {
                        // A client that hangs up or sends no HTTP is no concern of the server.
                        _ = connection => {}
                        () = place.is_taken() => {}
                        // HTTP/2 has no limit of its own, and until the first request it is not known which HTTP it is.
                        () = under_way.is_idle(HEAD_PATIENCE) => {}
                    }
                });
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "new connections cannot be accepted now");
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

fn connection(
    stream: TcpStream,
    address: SocketAddr,
    (ending, standing): (Ending, ConnectionStanding),
    under_way: UnderWay,
    router: Router,
) -> impl GracefulConnection + Send {
    // Answers are small; waiting for more of them only makes them late.
    let _ = stream.set_nodelay(true);
    let stream = half_closed::Connection::new(stream, under_way.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        http2::as_http1(&mut request);
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(ending.clone());
        request.extensions_mut().insert(standing.clone());
        let (under_way, answering) = (under_way.begin(), router.clone().call(request));
        async move { answering.await.map(|response| response.map(|body| answer_body(body, under_way))) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_headers(HEADERS).timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    http2::limit(&mut builder);
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Semaphore;

    use super::*;

    /// The time limit of a test if something is wrong.
    const WATCHDOG: Duration = Duration::from_secs(30);

    async fn send(stream: &mut TcpStream, text: &str) {
        stream.write_all(text.as_bytes()).await.expect("sent");
    }

    async fn status(stream: &mut TcpStream) -> String {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.expect("an answer");
        String::from_utf8_lossy(&head[9..]).into_owned()
    }

    /// Eight slots, two of them for unauthenticated connections: authenticated ones stay, and new ones are accepted.
    #[tokio::test]
    async fn half_sent_forms_do_not_lock_out_users() {
        let (begun, known) = (std::sync::Arc::new(Semaphore::new(0)), "GET /known HTTP/1.1\r\nhost: x\r\n\r\n");
        let form = {
            let begun = std::sync::Arc::clone(&begun);
            async move |request: Request| {
                begun.add_permits(1);
                drop(axum::body::to_bytes(request.into_body(), 100).await);
            }
        };
        let stays = async |request: Request| ConnectionStanding::is_known_by(request.extensions());
        let router = Router::new().route("/form", post(form)).route("/known", get(stays));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve_in(ConnectionSlots::of(8), listener, router, std::future::pending()));
        let connect = async || TcpStream::connect(address).await.expect("connected");
        let mut friends = Vec::new();
        for _ in 0..3 {
            let mut friend = connect().await;
            send(&mut friend, known).await;
            assert_eq!(status(&mut friend).await, "200");
            friends.push(friend);
        }
        let mut halves = Vec::new();
        for _ in 0..40 {
            let mut half = connect().await;
            send(&mut half, "POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\ntoken").await;
            begun.acquire().await.expect("it has begun").forget();
            halves.push(half);
        }
        // All but the two youngest had to make room.
        for half in &mut halves[..38] {
            let mut rest = [0; 9];
            let ended = tokio::time::timeout(WATCHDOG, half.read(&mut rest)).await.expect("it makes room");
            assert!(matches!(ended, Ok(0) | Err(_)));
        }
        for friend in &mut friends {
            let mut rest = [0; 1_000];
            let _ = friend.read(&mut rest).await.expect("the rest");
            send(friend, known).await;
            assert_eq!(status(friend).await, "200", "whoever is known stays");
        }
        let mut late = connect().await;
        send(&mut late, known).await;
        assert_eq!(status(&mut late).await, "200");
    }

    /// A client such as `nc -N` closes its sending side. The answer takes a while, and still arrives.
    #[tokio::test]
    async fn a_client_that_closes_its_side_gets_its_answer() {
        let slow = async |body: axum::body::Bytes| {
            // The connection looks for the end of the client meanwhile.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            body
        };
        let router = Router::new().route("/echo", post(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        send(&mut client, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
        client.shutdown().await.expect("its side is closed");
        tokio::spawn(serve(listener, router, std::future::pending()));
        let mut answer = String::new();
        let reading = tokio::time::timeout(WATCHDOG, client.read_to_string(&mut answer)).await;
        reading.expect("the connection ends behind the answer").expect("text");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    }

    /// A disconnected client is detected even if nothing is written to it.
    #[tokio::test]
    async fn a_response_to_a_disconnected_client_ends() {
        let (given_up, gives_up) = tokio::sync::oneshot::channel::<()>();
        let given_up = std::sync::Arc::new(std::sync::Mutex::new(Some(given_up)));
        let never = async move || {
            let _given_up = given_up.lock().expect("not poisoned").take();
            std::future::pending::<()>().await;
        };
        let router = Router::new().route("/never", get(never));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        tokio::spawn(serve(listener, router, std::future::pending()));
        send(&mut client, "GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
        drop(client);
        let given_up = tokio::time::timeout(WATCHDOG, gives_up).await.expect("it is given up");
        assert!(given_up.is_err(), "the handler is gone");
    }

    /// When authenticated connections have nearly all slots, an unauthenticated one is closed for the next.
    #[tokio::test]
    async fn an_unauthenticated_connection_is_closed_to_free_its_slot() {
        let room = ConnectionSlots::of(8);
        let mut places = Vec::new();
        for _ in 0..7 {
            let place = room.enter(room.wait().await);
            let mut extensions = hyper::http::Extensions::new();
            extensions.insert(place.standing());
            ConnectionStanding::is_known_by(&extensions);
            places.push(place);
        }
        let mut stranger = room.enter(room.wait().await);
        let mut next = Box::pin(room.wait());
        assert!(futures_util::poll!(&mut next).is_pending());
        tokio::time::timeout(WATCHDOG, stranger.is_taken()).await.expect("the stranger makes room");
        drop(stranger);
        assert!(next.await.is_some());
    }
}
