//! `mcp-audit-log mcp`: the log's MCP tools on standard input and output.
//!
//! Each message goes to the endpoint that a server has at `/api/mcp`: over HTTP, or in this process for a log that no
//! server has open. So the tools, the rights and the entries about the questions are the same.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, Request, StatusCode, Uri};
use clap::Args;
use mcp_audit_log::AuditLog;
use mcp_audit_log::http::{Site, router};
use mcp_audit_log::http_client::{HttpClient, Post};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tower_service::Service;

use super::Outcome;
use super::address::{TOKEN, log_address};
use super::advice::Failure;
use super::common::{GRACE, LogOptions, ViewerOptions, note, serve_until_end, stop_signal};
use super::config::authorities;

/// The path of the endpoint.
const PATH: &str = "/api/mcp";
/// The media types that the protocol demands of a client.
const ACCEPT: &str = "application/json, text/event-stream";
/// The longest answer in bytes.
const LONGEST: usize = 1 << 20;
/// The most messages that wait to be sent.
const WAITING: usize = 16;
/// How long an answer may take: a search, and its wait for a turn.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where a message of the newest revision says which one it is.
const VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

#[derive(Args)]
pub(super) struct Mcp {
    /// Ask a running server, by the address of its log, such as https://gateway.example.com, with the token in
    /// MCP_AUDIT_LOG_TOKEN. Without it, ask the log in --data, which no server may have open.
    #[arg(long, value_name = "URL", value_parser = |text: &str| log_address(text, PATH), env = "MCP_AUDIT_LOG_URL")]
    url: Option<Uri>,
    /// The certificate authorities that this server's certificate is checked with, in PEM, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
}

impl Mcp {
    pub(super) fn run(self) -> Outcome {
        serve_until_end(GRACE, async |opened| {
            let endpoint = self.endpoint(opened)?;
            tokio::select! { served = serve(endpoint) => Ok(served?), () = stop_signal()? => Ok(()) }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn endpoint(&self, opened: &OnceLock<AuditLog>) -> Result<Endpoint, Failure> {
        if let Some(url) = &self.url {
            let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
            if token.is_none() {
                note(format_args!("{TOKEN} is not set, so the server will refuse each request"));
            }
            return Ok(Endpoint::Server {
                client: Box::new(HttpClient::keeping(url, &authorities(self.ca.as_deref())?)?),
                url: url.clone(),
                token,
            });
        }
        let log = self.log.options()?.for_a_moment().open().map_err(|error| {
            format!("{error}; if a server has it open, ask the server: --url, with a token in {TOKEN}")
        })?;
        let log = opened.get_or_init(|| log).clone();
        let viewer = self.viewer.viewer();
        let site = Site::embedded(log, move |_| std::future::ready(Some(viewer.clone())));
        Ok(Endpoint::Folder(router(site)))
    }
}

/// Where the messages go.
enum Endpoint {
    Server { client: Box<HttpClient>, url: Uri, token: Option<String> },
    Folder(Router),
}

/// Answers each line of the input with a line, until the input ends. Answers may overtake each other.
async fn serve(endpoint: Endpoint) -> io::Result<()> {
    let (endpoint, output) = (Arc::new(endpoint), Arc::new(tokio::sync::Mutex::new(tokio::io::stdout())));
    let negotiated = Arc::new(Mutex::new(None));
    let mut lines = lines();
    let mut running = JoinSet::new();
    while let Some(line) = lines.recv().await {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (endpoint, output, negotiated) = (Arc::clone(&endpoint), Arc::clone(&output), Arc::clone(&negotiated));
        running.spawn(async move {
            let Some(answer) = answer(&endpoint, &negotiated, line).await else { return Ok(()) };
            let mut output = output.lock().await;
            output.write_all(format!("{answer}\n").as_bytes()).await?;
            output.flush().await
        });
        while let Some(ended) = running.try_join_next() {
            ended.map_err(io::Error::other)??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// The lines of the input. A thread of its own reads them: the runtime would wait for one of its own at the end of the
/// process, until the client sends something.
fn lines() -> Receiver<io::Result<String>> {
    let (sender, receiver) = channel(WAITING);
    std::thread::spawn(move || io::stdin().lines().try_for_each(|line| sender.blocking_send(line)));
    receiver
}

/// The answer to a message; none to a notification.
async fn answer(endpoint: &Endpoint, negotiated: &Mutex<Option<String>>, line: String) -> Option<Value> {
    let Ok(message) = serde_json::from_str::<Value>(&line) else {
        return Some(failed(&Value::Null, -32700, "This line is not JSON."));
    };
    let id = message["id"].clone();
    let known = || negotiated.lock().unwrap_or_else(PoisonError::into_inner);
    let headers = headers(&message, known().clone());
    let answer = match endpoint.send(headers, line).await {
        Ok((StatusCode::ACCEPTED, _)) => return None,
        Ok((status, body)) => read(status, &body).unwrap_or_else(|reason| failed(&id, -32000, &reason)),
        Err(reason) => failed(&id, -32000, &reason),
    };
    if let Some(version) = answer.pointer("/result/protocolVersion").and_then(Value::as_str) {
        *known() = Some(version.to_owned());
    }
    // A notification has no answer, not even an error.
    (!id.is_null() || message.get("method").is_none()).then_some(answer)
}

/// The headers that the protocol has besides a message.
fn headers(message: &Value, negotiated: Option<String>) -> Vec<(HeaderName, String)> {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let is_first = text("/method").is_some_and(|method| method == "initialize");
    let version = text(VERSION).or(negotiated.filter(|_| !is_first));
    let headers = [
        ("accept", Some(ACCEPT.to_owned())),
        ("mcp-protocol-version", version),
        ("mcp-method", text("/method")),
        ("mcp-name", text("/params/name")),
    ];
    let fits = |value: &String| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let header = |(name, value): (_, Option<String>)| Some((HeaderName::from_static(name), value.filter(fits)?));
    headers.into_iter().filter_map(header).collect()
}

/// The message in an answer, or the reason why there is none.
fn read(status: StatusCode, body: &[u8]) -> Result<Value, String> {
    let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
    if json.get("jsonrpc").is_some() {
        return Ok(json);
    }
    let detail = json["detail"].as_str().unwrap_or("This is not the answer of an audit log; check --url.");
    Err(format!("The server returned {}. {detail}", status.as_u16()))
}

fn failed(id: &Value, code: i32, reason: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": reason } })
}

impl Endpoint {
    /// The status and the body of the answer.
    async fn send(&self, headers: Vec<(HeaderName, String)>, line: String) -> Result<(StatusCode, Vec<u8>), String> {
        match self {
            Self::Server { client, url, token } => {
                let post =
                    Post { token: token.clone(), headers, patience: PATIENCE, ..Post::new("application/json", line) };
                let answer = client.post(url, post).await;
                let answer =
                    answer.map_err(|reason| format!("The server cannot be asked: {reason}. Is it running?"))?;
                Ok((answer.status, answer.body?.to_vec()))
            }
            Self::Folder(router) => {
                let mut request = Request::post(PATH).header("content-type", "application/json");
                // This process sends it, and no page of another site.
                request = request.header("host", "localhost").header("sec-fetch-site", "none");
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let request = request.body(Body::from(line)).map_err(|error| error.to_string())?;
                let Ok(answer) = router.clone().call(request).await;
                let (parts, body) = answer.into_parts();
                let body = to_bytes(body, LONGEST).await.map_err(|error| error.to_string())?;
                Ok((parts.status, body.to_vec()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_headers_of_its_revision() {
        let told = |message: &Value| {
            let headers = headers(message, Some("2025-11-25".into())).into_iter().skip(1);
            headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        let call = json!({ "method": "tools/call", "params": { "name": "get_entry" } });
        assert_eq!(told(&call), ["mcp-protocol-version: 2025-11-25", "mcp-method: tools/call", "mcp-name: get_entry"]);
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
        let newer = json!({ "method": "ä", "params": { "_meta": meta } });
        assert_eq!(told(&newer), ["mcp-protocol-version: 2026-07-28"]);
        assert_eq!(told(&json!({ "method": "initialize" })), ["mcp-method: initialize"]);
    }

    #[test]
    fn a_refusal_is_an_error_with_the_servers_sentence() {
        assert_eq!(
            read(StatusCode::UNAUTHORIZED, br#"{"detail":"Send a token."}"#),
            Err("The server returned 401. Send a token.".to_owned())
        );
        assert!(read(StatusCode::OK, b"<html>").is_err_and(|reason| reason.contains("--url")));
    }
}
