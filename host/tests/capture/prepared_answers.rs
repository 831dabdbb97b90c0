//! A server with prepared answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use mcp_audit_log::capture::{AuditLayer, CallerSlot};
use mcp_audit_log::event::Caller;
use tokio::sync::mpsc;

use super::{Log, post, serve};

pub const JSON: &str = "application/json";
pub const EVENTS: &str = "text/event-stream";

/// One answer of the server.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
}

pub fn answer(status: u16, content_type: &'static str, body: impl Into<Body>) -> Answer {
    Answer { status, headers: vec![("content-type", content_type)], body: body.into() }
}

impl Answer {
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A body that is sent piece by piece through a channel.
pub fn stream() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel(8);
    (sender, Body::new(Pieces(receiver)))
}

struct Pieces(mpsc::Receiver<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let frame = |piece: &'static str| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())));
        self.0.poll_recv(context).map(|piece| piece.map(frame))
    }
}

/// The header that names the caller.
pub const CALLER: &str = "x-caller";

/// An audited server with these answers, in order; the caller is Anna, or the one in the header.
pub async fn server(log: &Log, answers: Vec<Answer>) -> String {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let handler = move |request: Request| {
        let answers = Arc::clone(&answers);
        async move {
            let caller = request.headers().get(CALLER).and_then(|name| name.to_str().ok()).unwrap_or("anna");
            let caller = Caller { user: Some(caller.into()), ..Caller::default() };
            request.extensions().get::<CallerSlot>().expect("a slot").set(caller);
            request.into_body().collect().await.expect("a body");
            let answer = answers.lock().unwrap().pop_front().expect("another answer");
            let mut response = Response::builder().status(answer.status);
            for (name, value) in answer.headers {
                response = response.header(name, value);
            }
            response.body(answer.body).expect("a response")
        }
    };
    let router = Router::new().fallback(handler).layer(AuditLayer::new(log.log.clone(), "s"));
    format!("http://{}/mcp", serve(router).await)
}

pub const SESSION: (&str, &str) = ("mcp-session-id", "5e55-0123456789abcdef");

pub fn call(id: &str, tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

pub fn get(url: &str, headers: &[(&str, &str)]) -> hyper::Request<Full<Bytes>> {
    with_method("GET", url, headers)
}

pub fn with_method(method: &str, url: &str, headers: &[(&str, &str)]) -> hyper::Request<Full<Bytes>> {
    let mut request = post(url, headers, "");
    *request.method_mut() = method.parse().expect("a method");
    request
}
