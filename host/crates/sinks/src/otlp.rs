//! OpenTelemetry logs over HTTP with Protocol Buffers: each entry is a log record with a sentence as its body and an OCSF
//! event as its attribute `ocsf`.

use std::time::Duration;

use hyper::Uri;
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::Post;
use mcp_audit_log_core::sink::{EntryBatch, Sink, SinkError};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;

use crate::http::{DestinationError, HttpDestination};
use crate::ocsf;
use crate::protobuf::{Message, any_value, field, key_value};

/// The severities INFO and WARN.
const INFO: (i64, &str) = (9, "INFO");
const WARN: (i64, &str) = (13, "WARN");

/// Where a receiver of OpenTelemetry logs is.
#[derive(Clone, Debug)]
pub struct OtlpOptions {
    /// The whole URL, such as `https://collector.example.com:4318/v1/logs`: https, except on this machine.
    pub url: Uri,
    /// The token that is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// Whose certificates vouch for the receiver.
    pub authorities: Authorities,
    /// How long the receiver may take to answer.
    pub patience: Duration,
}

/// A receiver of OpenTelemetry logs.
pub struct Otlp {
    destination: HttpDestination,
    token: Option<String>,
}

impl Otlp {
    /// A receiver with these options.
    ///
    /// # Errors
    /// The URL is not allowed, or the system has no certificates to trust.
    pub fn new(options: OtlpOptions) -> Result<Self, DestinationError> {
        let OtlpOptions { url, token, authorities, patience } = options;
        Ok(Self { destination: HttpDestination::new(&url, &authorities, patience)?, token })
    }
}

impl Sink<EntryBatch> for Otlp {
    fn put(&mut self, batch: &EntryBatch) -> Result<(), SinkError> {
        let post = Post::new("application/x-protobuf", request(batch));
        let answer = self.destination.post(Post { token: self.token.clone(), ..post })?;
        // An answer that cannot be read is a success without details.
        match rejected(answer.body.as_deref().unwrap_or_default()) {
            0 => Ok(()),
            rejected => {
                let rejected = rejected.min(batch.entries.len() as u64);
                Err(SinkError::Partly("the server rejected a part of the log records".to_owned(), rejected))
            }
        }
    }
}

/// `ExportLogsServiceRequest`.
fn request(batch: &EntryBatch) -> Vec<u8> {
    let resource = Message::default()
        .message(1, key_value("service.name", &"mcp-audit-log".into()))
        .message(1, key_value("service.instance.id", &(*batch.origin).into()));
    let scope = Message::default().text(1, "mcp-audit-log").text(2, env!("CARGO_PKG_VERSION"));
    let records = |scope: Message, entry: &Entry| scope.message(2, record(&batch.origin, entry));
    let scope_logs = batch.entries.iter().fold(Message::default().message(1, scope), records);
    let resource_logs = Message::default().message(1, resource).message(2, scope_logs);
    Message::default().message(1, resource_logs).done()
}

/// `LogRecord`.
fn record(origin: &str, entry: &Entry) -> Message {
    let (number, name) = if Outcome::FAILED.contains(&entry.outcome()) { WARN } else { INFO };
    let nanos = |micros: i64| u64::try_from(micros).unwrap_or(0).saturating_mul(1_000);
    let record = Message::default()
        .fixed64(1, nanos(entry.occurred_at.as_micros()))
        .fixed64(11, nanos(entry.recorded_at.as_micros()))
        .integer(2, number)
        .text(3, name)
        .message(5, any_value(&ocsf::sentence(entry).into()))
        .message(6, key_value("log.record.uid", &entry.id.to_string().into()))
        .message(6, key_value("ocsf", &ocsf::event(origin, entry)));
    let record = match entry.text(Field::TraceId).and_then(trace_id) {
        Some(trace) => record.bytes(9, &trace),
        None => record,
    };
    match entry.text(Field::Action) {
        Some(action) => record.text(12, action),
        None => record,
    }
}

/// The sixteen bytes of a trace id in hexadecimal.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|id| is_id && *id != 0).map(u128::to_be_bytes)
}

/// How many records a receiver rejected, by its `ExportLogsServiceResponse`. It does not say which, and OpenTelemetry
/// forbids to send any of them again.
fn rejected(answer: &[u8]) -> u64 {
    let partial = field(answer, 1).and_then(|(_, partial)| field(partial, 1));
    // A negative number is none.
    partial.and_then(|(rejected, _)| u64::try_from(rejected.cast_signed()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_counts_what_was_rejected_and_anything_else_is_a_success() {
        let partial = |rejected| Message::default().integer(1, rejected).text(2, "a text that is not repeated");
        let answer = Message::default().message(1, partial(3)).done();
        assert_eq!(rejected(&answer), 3);
        let warning = Message::default().message(1, Message::default().text(2, "a warning")).done();
        assert_eq!((rejected(&warning), rejected(b""), rejected(b"{}")), (0, 0, 0));
    }

    #[test]
    fn only_a_trace_id_of_sixteen_bytes_is_one() {
        assert_eq!(trace_id("0000000000000000000000000000000a").map(|id| id[15]), Some(10));
        for text in ["", "a", "00000000000000000000000000000000", "+000000000000000000000000000000a"] {
            assert_eq!(trace_id(text), None, "{text}");
        }
    }
}
