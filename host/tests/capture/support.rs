//! Shared by the tests of capture: a log in a temporary folder, servers on real sockets, a simple client.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Channel, Kind, OutcomeDetail};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::{AuditLog, Event, Grant, Options, Viewer};
use tokio::sync::mpsc;

/// A log and its folder.
pub(crate) struct Log {
    pub(crate) log: AuditLog,
    pub(crate) folder: tempfile::TempDir,
}

impl Log {
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { log: Options::new(folder.path()).open().expect("a log"), folder }
    }

    pub(crate) fn access(&self) -> Grant {
        let groups = ["admin", "auditor"].map(str::to_owned).to_vec();
        self.log.view().access(&Viewer { user: "root".into(), groups, instance: None })
    }

    /// Sets the payload switch.
    pub(crate) async fn keep_payloads(&self, on: bool) {
        let (log, access) = (self.log.clone(), self.access());
        let name = self
            .log
            .view()
            .manifest()
            .settings
            .iter()
            .find(|setting| setting.key.contains("payload"))
            .expect("a setting")
            .key
            .clone();
        let wanted = serde_json::json!({ name: on }).as_object().expect("an object").clone();
        tokio::task::spawn_blocking(move || log.change_settings(&access, &wanted).map(drop))
            .await
            .unwrap()
            .expect("changed");
    }

    /// The entries of captured traffic so far, oldest first.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        let marker = Event::new(self.log.view().now(), Channel::System, Kind::System, OutcomeDetail::Ok);
        self.log.record_durably(marker).await.expect("stored");
        let access = self.access();
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.log.view().reader(&access).page(Domain::TRUE, before, 500).expect("a page").entries;
            let Some(last) = page.last() else { break };
            before = Some(last.seq);
            found.extend(page.into_iter().filter(|entry| entry.text(Field::Channel) != Some("system")));
        }
        found.reverse();
        found
    }

    /// Waits until capture has recorded `count` entries, and checks that there are no more.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Entry> {
        for _ in 0..200 {
            let entries = self.entries().await;
            if entries.len() >= count {
                assert_eq!(entries.len(), count, "{}", lines(&entries).join("\n"));
                return entries;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("only these were recorded: {}", lines(&self.entries().await).join("\n"));
    }

    /// The content of all of the log's files.
    pub(crate) fn files(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        files.flat_map(|file| std::fs::read(file.expect("a file").path()).unwrap_or_default()).collect()
    }
}

/// An entry in one line: kind, method, target, detail, status.
pub(crate) fn line(entry: &Entry) -> String {
    let text = |field| entry.text(field).unwrap_or("-").to_owned();
    let target =
        [Field::Tool, Field::Prompt, Field::ResourceUri].into_iter().find_map(|field| entry.text(field)).unwrap_or("-");
    let status = entry.status_code.map_or("-".to_owned(), |status| status.to_string());
    [text(Field::Kind), text(Field::Method), target.to_owned(), text(Field::OutcomeDetail), status].join(" ")
}

pub(crate) fn lines(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(line).collect()
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Serves on a free port.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A server that answers every connection's first request with these bytes, and closes.
pub(crate) async fn serve_bytes(answer: &'static [u8]) -> SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        }
    });
    address
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http()
}

/// A POST as an MCP client makes it.
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("user-agent", "test/1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).expect("a request")
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> Response<Incoming> {
    client().request(request).await.expect("an answer")
}

/// Status and body.
pub(crate) async fn exchange(request: Request<Full<Bytes>>) -> (u16, String) {
    let response = send(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The next piece of a streamed body.
pub(crate) async fn next(body: &mut Incoming) -> String {
    let frame = body.frame().await.expect("a frame").expect("a good one");
    String::from_utf8_lossy(&frame.into_data().expect("data")).into_owned()
}

/// A body that is sent piece by piece through a channel.
pub(crate) fn stream() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel(8);
    (sender, Body::new(Pieces(receiver)))
}

struct Pieces(mpsc::Receiver<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let frame = |piece: &'static str| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())));
        self.0.poll_recv(context).map(|piece| piece.map(frame))
    }
}

/// A server whose first answer consists of everything that is sent into the channel. It answers no further request.
pub(crate) async fn streaming(content_type: &'static str) -> (SocketAddr, mpsc::Sender<&'static str>) {
    let (sender, body) = stream();
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = move || {
        let first = body.lock().unwrap().take();
        async move {
            match first {
                Some(body) => ([(CONTENT_TYPE, content_type)], body).into_response(),
                None => std::future::pending().await,
            }
        }
    };
    (serve(Router::new().fallback(any(handler))).await, sender)
}
