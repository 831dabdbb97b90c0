//! A step of OAuth as an entry. Only a few members of requests and answers are read. Codes, verifiers, secrets and
//! tokens never get into an event.

use std::time::Instant;

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_audit_log_model::event::{Channel, Client, Event, Failure, Kind, OutcomeDetail};
use mcp_audit_log_service::AuditLog;
use serde_json::Value;

use super::endpoints::is_form;
use crate::mcp::context::micros;
use crate::mcp::facts::clean;
use crate::tap::transport::Transport;

/// The members of a request that are read, by their names in forms and queries.
const READ: [&str; 4] = ["grant_type", "client_id", "scope", "resource"];
/// The errors of RFC 6749, RFC 7591, RFC 7009 and RFC 8707. Any other value is the server's own, and is not recorded.
const ERRORS: [&str; 15] = [
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_client",
    "invalid_client_metadata",
    "invalid_grant",
    "invalid_redirect_uri",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];
/// Longest value, in characters.
const LONGEST: usize = 256;

/// One step. It is recorded when it ends, and when it is dropped before.
pub(crate) struct Step {
    log: AuditLog,
    event: Option<Event>,
    begun: Instant,
    error: Option<&'static str>,
}

impl Step {
    pub(crate) fn begin<B>(log: &AuditLog, request: &Request<B>, server: &str, action: &str) -> Self {
        let peer = request.extensions().get::<ConnectInfo<std::net::SocketAddr>>();
        let agent = request.headers().get(header::USER_AGENT);
        let client = Client {
            ip: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical().to_string()),
            user_agent: agent.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            ..Client::default()
        };
        let event = Event {
            method: Some(action.to_owned()),
            server: Some(server.to_owned()),
            path: Some(super::path(request).to_owned()),
            client,
            ..Event::new(log.view().now(), Channel::Oauth, Kind::Request, OutcomeDetail::Ok)
        };
        let event = event.fact("http_method", request.method().as_str());
        Self { log: log.clone(), event: Some(event), begun: Instant::now(), error: None }
    }

    /// Reads the request: from the query, a form, or the JSON of a registration.
    pub(crate) fn asked(&mut self, headers: &HeaderMap, query: Option<&str>, body: &[u8]) {
        let form = if is_form(headers) { body } else { &[] };
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).chain(form_urlencoded::parse(form));
        for (name, value) in pairs {
            self.fact(&name, &value);
        }
        if let Ok(Value::Object(registration)) = serde_json::from_slice(body) {
            registration.get("scope").and_then(Value::as_str).into_iter().for_each(|scope| self.fact("scope", scope));
        }
        if let Some(client) = basic(headers) {
            self.fact("client_id", &client);
        }
    }

    /// The result: the id of a registered client, or an error.
    pub(crate) fn answered(&mut self, status: StatusCode, body: &[u8]) {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return };
        if status.is_success()
            && self.event.as_ref().is_some_and(|event| event.method.as_deref() == Some("oauth.register"))
        {
            answer["client_id"].as_str().into_iter().for_each(|client| self.fact("client_id", client));
        }
        self.error = self.error.or_else(|| answer["error"].as_str().and_then(known));
    }

    /// A redirect that carries an error back to the client.
    pub(crate) fn redirected(&mut self, headers: &HeaderMap) {
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query = location.split_once('?').map_or("", |(_, query)| query);
        let error = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "error");
        self.error = self.error.or_else(|| error.and_then(|(_, error)| known(&error)));
    }

    /// Records the end of the step.
    pub(crate) fn end(&mut self, status: StatusCode) {
        let Some(mut event) = self.event.take() else { return };
        let status = status.as_u16();
        event.status_code = Some(status);
        event.detail = match self.error {
            Some("access_denied" | "invalid_client" | "unauthorized_client") => OutcomeDetail::Denied,
            Some(_) => OutcomeDetail::Rejected,
            None => OutcomeDetail::of_status(status),
        };
        event.failure = match self.error {
            Some(error) => Some(Failure::new(error, format!("The authorization server returned {error}"))),
            None => Failure::of_status(status),
        };
        self.record(event);
    }

    fn record(&self, event: Event) {
        let event = Event { duration_us: Some(micros(self.begun, Instant::now())), ..event };
        // A full queue counts what it drops and reports it later.
        if let Err(error) = self.log.record(event) {
            tracing::warn!(%error, "an OAuth step was not recorded");
        }
    }

    fn fact(&mut self, name: &str, value: &str) {
        let Some(name) = READ.iter().find(|read| **read == name) else { return };
        let value = if *name == "resource" { clean(value) } else { value.to_owned() };
        let is_plain = value.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
        let Some(event) = self.event.as_mut().filter(|_| is_plain && value.len() <= LONGEST && !value.is_empty())
        else {
            return;
        };
        if event.facts.iter().all(|(known, _)| known != name) {
            event.facts.push(((*name).to_owned(), value.into()));
        }
    }
}

impl Drop for Step {
    /// The client did not wait for the end.
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            let failed = Transport::ClientClosed;
            let failure = Some(Failure::new(failed.as_str(), failed.sentence()));
            self.record(Event { detail: OutcomeDetail::ClientClosed, failure, ..event });
        }
    }
}

fn known(error: &str) -> Option<&'static str> {
    ERRORS.iter().find(|known| **known == error).copied()
}

/// The client's id where it authenticates by HTTP Basic. The part after the colon is its secret.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    let (client, _) = pair.split_once(':')?;
    form_urlencoded::parse(format!("id={client}").as_bytes()).next().map(|(_, id)| id.into_owned())
}
