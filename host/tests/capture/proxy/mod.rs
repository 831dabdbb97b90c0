//! The proxy on real sockets: traffic, sign-in, failures and their causes, reused connections, addresses, origins,
//! OAuth.

mod addresses;
mod browsers;
mod leases;
mod oauth;
mod resend;
mod sign_in;
mod traffic;
mod transport;

use std::future::Future;
use std::net::SocketAddr;

use mcp_audit_log::capture::proxy::{ProxyOptions, SignIn, router_with};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::identity::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Log, serve};

/// A call of the tool `echo`.
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}"#;

/// Its answer.
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// A proxy with `--open` in front of `upstream`; returns the address of its path.
async fn proxy(log: &Log, upstream: Upstream, options: ProxyOptions) -> String {
    let name = upstream.name().to_owned();
    let router = router_with(log.log.clone(), vec![upstream], SignIn::Open(Identity::without_sign_in()), options);
    format!("http://{}/mcp/{name}", serve(router).await)
}

/// The same in front of a plain server, with default options.
async fn plain_proxy(log: &Log, upstream: SocketAddr) -> String {
    let upstream = Upstream::new("up", &format!("http://{upstream}/base")).expect("an upstream");
    proxy(log, upstream, ProxyOptions::default()).await
}

/// A server that runs this code on every connection.
async fn server<F, D>(with: F) -> SocketAddr
where
    F: Fn(TcpStream) -> D + Send + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    address
}

/// Reads one request with a `content-length`; `None` when the connection ends first.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut piece = vec![0; 65_536];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&piece[..length]),
        }
    }
}

/// Writes the answer to a call, and leaves the connection open.
async fn answer(stream: &mut TcpStream) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
    stream.write_all(format!("{head}{ANSWER}").as_bytes()).await.expect("written");
}

/// Host and path of an `http://` address.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("an address");
    rest.split_at(rest.find('/').expect("a path"))
}
