//! Destinations of entries outside of the log. Each is a [`mcp_audit_log_core::sink::Sink`] of batches of entries; which
//! entries, in which order and how often is not their business.

mod http;
mod json;
mod ocsf;
mod otlp;
mod protobuf;
mod syslog;
mod syslog_message;
mod webhook;

pub use http::DestinationError;
pub use otlp::{Otlp, OtlpOptions};
pub use syslog::{Syslog, SyslogOptions};
pub use webhook::{SigningSecret, Webhook, WebhookOptions};
