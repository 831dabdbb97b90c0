//! (short: shared by rules and retention) Settings that the host reads, and how a function reads settings in force. What is absent or of the wrong type is
//! `None`, and each caller picks the safe side.

use crate::contract::{Setting, Value};

/// The master switch for payloads. Every policy declares it.
pub const LOG_PAYLOADS: &str = "log_payloads";
/// How long an entry is kept, in days. Every policy declares it.
pub const RETENTION_DAYS: &str = "retention_days";
/// How long a payload is kept, in days; 0 keeps it as long as its entry.
pub const PAYLOAD_RETENTION_DAYS: &str = "payload_retention_days";
/// How long the figures of usage are kept, in days.
pub const USAGE_RETENTION_DAYS: &str = "usage_retention_days";
/// Whether each entry has digests of its bodies. The host computes them.
pub const DIGEST_BODIES: &str = "digest_bodies";

/// The value of an integer setting.
pub fn integer(settings: &[Setting], key: &str) -> Option<i64> {
    match find(settings, key)? {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

/// Whether a boolean setting is on.
pub fn is_on(settings: &[Setting], key: &str) -> bool {
    matches!(find(settings, key), Some(Value::Boolean(true)))
}

fn find<'a>(settings: &'a [Setting], key: &str) -> Option<&'a Value> {
    settings.iter().find(|setting| setting.key == key).map(|setting| &setting.value)
}
