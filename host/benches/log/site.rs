//! The servers of the proxy's measurement: a trivial MCP server, and the proxy in front of one, with its layer and
//! without.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mcp_audit_log::AuditLog;
use mcp_audit_log::capture::proxy::{ProxyOptions, SignIn, router, unrecorded};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::identity::Identity;
use mcp_audit_log::tokens::Tokens;
use tokio::net::TcpListener;

use crate::support::Outcome;

/// A result of some 200 bytes, as a small tool gives it.
const RESULT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"The invoice INV/2026/0042 of Azure Interior over 1,250.00 EUR is posted and was paid on 2026-03-14."}],"isError":false}}"#;

/// An MCP server that answers everything at once with the same result.
pub(crate) async fn trivial_upstream() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(Bytes::from_static(RESULT)));
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The reference server from npm, if Node.js and its packages are there; ended when it is dropped.
pub(crate) struct Everything {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Everything {
    pub(crate) fn start() -> Option<Self> {
        let npm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/npm");
        let program = npm.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).ok()?;
        let mut command = Command::new("node");
        command.arg("--import").arg(npm.join("webcrypto.mjs")).arg(program.canonicalize().ok()?);
        command.arg("streamableHttp").env("PORT", address.port().to_string());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self { process, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The proxy with capture, and the same without; both are open.
pub(crate) struct Proxies {
    pub(crate) recorded: SocketAddr,
    pub(crate) unrecorded: SocketAddr,
    /// With strict recording.
    pub(crate) strict: SocketAddr,
}

impl Proxies {
    pub(crate) async fn before(upstream: SocketAddr, log: &AuditLog, folder: &Path) -> Outcome<Self> {
        let upstreams = vec![Upstream::new("it", &format!("http://{upstream}/mcp"))?];
        let sign_in = SignIn::Open(Identity::new(Tokens::open(folder)?));
        let bare = unrecorded(upstreams.clone(), sign_in.clone(), ProxyOptions::default());
        let strict: Vec<_> = upstreams.iter().map(|upstream| upstream.clone().with_strict(true)).collect();
        let strict = serve(router(log.clone(), strict, sign_in.clone())).await?;
        let recorded = serve(router(log.clone(), upstreams, sign_in)).await?;
        Ok(Self { recorded, unrecorded: serve(bare).await?, strict })
    }
}

async fn serve(router: Router) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(mcp_audit_log::http::serve(listener, router, std::future::pending()));
    Ok(address)
}
