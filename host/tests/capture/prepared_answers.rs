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

use crate::support::{Log, post, serve};

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream";

/// One answer of the server.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
}

pub(crate) fn answer(status: u16, content_type: &'static str, body: impl Into<Body>) -> Answer {
    Answer { status, headers: vec![("content-type", content_type)], body: body.into() }
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The header that names the caller.
pub(crate) const CALLER: &str = "x-caller";

/// An audited server with these answers, in order; the caller is Anna, or the one in the header.
pub(crate) async fn server(log: &Log, answers: Vec<Answer>) -> String {
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

pub(crate) const SESSION: (&str, &str) = ("mcp-session-id", "5e55-0123456789abcdef");

pub(crate) fn call(id: &str, tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

pub(crate) fn get(url: &str, headers: &[(&str, &str)]) -> hyper::Request<Full<Bytes>> {
    with_method("GET", url, headers)
}

pub(crate) fn with_method(method: &str, url: &str, headers: &[(&str, &str)]) -> hyper::Request<Full<Bytes>> {
    let mut request = post(url, headers, "");
    *request.method_mut() = method.parse().expect("a method");
    request
}
