//! Each transport failure names the failing party and the reason, and the call is recorded with its tool.

use std::time::Duration;

use http_body_util::BodyExt;
use mcp_audit_log::capture::proxy::{ProxyOptions, Timeouts};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::{CALL, answer, parts, plain_proxy, proxy, request, server};
use crate::support::{Log, client, exchange, line, post, serve_bytes};

/// The time limit of a test if something is wrong.
const WATCHDOG: Duration = Duration::from_secs(30);
/// A short limit, for an event that never happens.
const SOON: Option<Duration> = Some(Duration::from_millis(300));

fn told(entry: &Entry) -> (String, Option<&str>) {
    (line(entry), entry.text(Field::ErrorType))
}

/// One call to `url`: the status, and the entry about it.
async fn call(url: &str, timeouts: Timeouts) -> (u16, Entry, String) {
    let log = Log::open();
    let upstream = Upstream::new("up", url).expect("an upstream");
    let url = proxy(&log, upstream, ProxyOptions { timeouts, ..ProxyOptions::default() }).await;
    let answered = tokio::time::timeout(WATCHDOG, exchange(post(&url, &[], CALL))).await;
    let (status, body) = answered.expect("an answer in time");
    (status, log.wait_for(1).await.remove(0), body)
}

async fn fails(url: &str, timeouts: Timeouts, status: u16, why: &str) {
    let (found, entry, body) = call(url, timeouts).await;
    let expected = (format!("request tools/call echo transport-error {status}"), Some(why));
    assert_eq!((found, told(&entry)), (status, expected), "{body}");
    // Callers do not learn where the upstream is.
    let (_, address) = url.split_once("://").expect("an address");
    assert!(body.contains("the MCP server \\\"up\\\"") && !body.contains(address), "{body}");
}

/// A self-signed certificate, and a server that uses it.
async fn behind_tls() -> std::net::SocketAddr {
    use tokio_rustls::rustls::{ServerConfig, crypto::ring::default_provider, pki_types::PrivateKeyDer};
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    server(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_upstreams_have_a_reason() {
    let none = Timeouts::default();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    fails(&format!("http://{closed}/mcp"), none, 502, "upstream_refused").await;
    fails("http://no-such-host.invalid/mcp", none, 502, "upstream_name").await;
    fails("http://255.255.255.255:9/mcp", none, 502, "upstream_unreachable").await;
    let plain = server(async |mut stream: TcpStream| drop(stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await)).await;
    fails(&format!("https://{plain}/mcp"), none, 502, "upstream_tls").await;
    fails(&format!("https://{}/mcp", behind_tls().await), none, 502, "upstream_certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_name_the_slow_step() {
    // It accepts and never answers.
    let mute = server(async |mut stream: TcpStream| drop(stream.read_to_end(&mut Vec::new()).await)).await;
    let connect = Timeouts { connect: SOON, ..Timeouts::default() };
    fails(&format!("https://{mute}/mcp"), connect, 504, "upstream_tls_timeout").await;
    let tls = Timeouts { tls: SOON, connect: Some(Duration::ZERO), ..Timeouts::default() };
    fails(&format!("https://{mute}/mcp"), tls, 504, "upstream_tls_timeout").await;
    let first_byte = Timeouts { first_byte: SOON, ..Timeouts::default() };
    fails(&format!("http://{mute}/mcp"), first_byte, 504, "upstream_first_byte_timeout").await;

    // Once its queue is full, the system takes no more connections.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    fails(&format!("http://{address}/mcp"), connect, 504, "upstream_connect_timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_answers_are_named() {
    let none = Timeouts::default();
    for (bytes, why) in [
        (&b""[..], "upstream_closed"),
        (b"HTTP/1.1 200", "upstream_closed"),
        (b"SSH-2.0-x\r\n\r\n", "upstream_no_http"),
    ] {
        let upstream = serve_bytes(bytes).await;
        fails(&format!("http://{upstream}/mcp"), none, 502, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_answers_are_named() {
    let idle = Timeouts { idle: SOON, ..Timeouts::default() };
    let whole_and_short = "content-length: 99\r\n\r\n{\"id\":1,\"result\":{}}";
    let whole_and_no_end = "transfer-encoding: chunked\r\n\r\n16\r\n{\"id\":1,\"result\":{}}  \r\n";
    for (piece, holds, timeouts, why) in [
        ("content-length: 99\r\n\r\n{\"result\":", false, Timeouts::default(), "upstream_cut_off"),
        ("transfer-encoding: chunked\r\n\r\n5\r\n{\"res", false, Timeouts::default(), "upstream_cut_off"),
        ("transfer-encoding: chunked\r\n\r\nZZ\r\n{\"res", true, Timeouts::default(), "upstream_broken_chunk"),
        ("content-length: 99\r\n\r\n{\"result\":", true, idle, "upstream_idle_timeout"),
        // All of the JSON, and less than was announced.
        (whole_and_short, false, Timeouts::default(), "upstream_cut_off"),
        (whole_and_no_end, false, Timeouts::default(), "upstream_cut_off"),
    ] {
        let upstream = server(move |mut stream: TcpStream| async move {
            request(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{piece}");
            stream.write_all(head.as_bytes()).await.unwrap();
            if holds {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let log = Log::open();
        let upstream = Upstream::new("up", &format!("http://{}/mcp", upstream.await)).expect("an upstream");
        let url = proxy(&log, upstream, ProxyOptions { timeouts, ..ProxyOptions::default() }).await;
        // What breaks at once may take the head along.
        let answered = client().request(post(&url, &[], CALL)).await;
        assert!(match answered {
            Ok(answer) => answer.into_body().collect().await.is_err(),
            Err(_) => true,
        });
        let entry = log.wait_for(1).await.remove(0);
        assert_eq!(told(&entry), ("request tools/call echo incomplete 200".to_owned(), Some(why)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_not_a_silent_server() {
    let upstream = server(async |mut stream: TcpStream| {
        request(&mut stream).await;
        answer(&mut stream).await;
    });
    let log = Log::open();
    let upstream = Upstream::new("up", &format!("http://{}/mcp", upstream.await)).expect("an upstream");
    let timeouts = Timeouts { first_byte: Some(Duration::from_secs(2)), ..Timeouts::default() };
    let url = proxy(&log, upstream, ProxyOptions { timeouts, ..ProxyOptions::default() }).await;
    let mut client = begun(&url, &format!("content-length: {}\r\n", CALL.len())).await;
    for piece in CALL.as_bytes().chunks(CALL.len() / 4) {
        // Together they take longer than the server may.
        tokio::time::sleep(Duration::from_millis(700)).await;
        client.write_all(piece).await.unwrap();
    }
    let mut head = [0; 12];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
}

/// A connection to the proxy on which the head of a POST was sent.
async fn begun(url: &str, headers: &str) -> TcpStream {
    let (host, path) = parts(url);
    let mut client = TcpStream::connect(host).await.expect("a connection");
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{headers}\r\n");
    client.write_all(head.as_bytes()).await.expect("written");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_inside_its_request_is_not_the_servers_fault() {
    let (arrived, mut arrivals) = mpsc::channel(1);
    let upstream = server(move |mut stream: TcpStream| {
        let arrived = arrived.clone();
        async move {
            let mut piece = [0; 1];
            let _ = stream.read(&mut piece).await;
            arrived.send(()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let log = Log::open();
    let url = plain_proxy(&log, upstream.await).await;
    let mut client = begun(&url, "content-length: 1000\r\n").await;
    client.write_all(CALL.as_bytes()).await.unwrap();
    arrivals.recv().await.unwrap();
    drop(client);
    let entry = log.wait_for(1).await.remove(0);
    let (line, why) = told(&entry);
    assert!(line.starts_with("request tools/call echo client-closed"), "{line}");
    assert_eq!(why, Some("client_closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_chunk_of_the_client_is_not_the_servers_fault() {
    let upstream = server(async |mut stream: TcpStream| drop(stream.read_to_end(&mut Vec::new()).await)).await;
    let log = Log::open();
    let mut client = begun(&plain_proxy(&log, upstream).await, "transfer-encoding: chunked\r\n").await;
    let chunk = format!("{:x}\r\n{CALL}\r\nZZ\r\n", CALL.len());
    client.write_all(chunk.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 400");
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!(told(&entry), ("request tools/call echo rejected 400".to_owned(), Some("client_broken_body")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_wait_for_the_connection_is_recorded_with_its_tool() {
    let (arrived, mut arrivals) = mpsc::channel(1);
    let mute = server(move |mut stream: TcpStream| {
        let arrived = arrived.clone();
        async move {
            // When TLS begins, the proxy has already read the chunks that had arrived.
            let _ = stream.read(&mut [0; 1]).await;
            arrived.send(()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let log = Log::open();
    let upstream = Upstream::new("up", &format!("https://{}/mcp", mute.await)).expect("an upstream");
    let timeouts = Timeouts { connect: Some(Duration::ZERO), ..Timeouts::default() };
    let url = proxy(&log, upstream, ProxyOptions { timeouts, ..ProxyOptions::default() }).await;
    let (host, path) = parts(&url);
    let mut client = TcpStream::connect(host).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", CALL.len());
    client.write_all(format!("{head}{CALL}").as_bytes()).await.unwrap();
    arrivals.recv().await.unwrap();
    drop(client);
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!(told(&entry), ("request tools/call echo client-closed -".to_owned(), Some("client_closed")));
}

/// If an upstream interpreted `CONNECT` as a request, it could be reached without a recording.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_refused_and_recorded() {
    let (arrived, arrivals) = mpsc::channel(1);
    let upstream = server(move |stream: TcpStream| {
        let arrived = arrived.clone();
        async move { arrived.send(stream).await.unwrap() }
    });
    let log = Log::open();
    let (host, path) = (plain_proxy(&log, upstream.await).await, "/mcp/up");
    let (host, _) = parts(&host);
    let mut client = TcpStream::connect(host).await.unwrap();
    let head = format!("CONNECT {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(WATCHDOG, client.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("CONNECT is not supported"), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nallow: get, post, delete\r\n"), "{answer}");
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!((line(&entry).as_str(), arrivals.is_empty()), ("http CONNECT - rejected 405", true));
}
