//! The settings, as they appear on the settings page.

use crate::contract::{SettingField, SettingType, Value};

/// The master switch for payloads.
pub(crate) const LOG_PAYLOADS: &str = "log_payloads";
/// Whether each entry has digests of its bodies. The host computes them.
const DIGEST_BODIES: &str = "digest_bodies";
/// How long an entry is kept.
pub(crate) const RETENTION_DAYS: &str = "retention_days";
/// How long a payload is kept.
pub(crate) const PAYLOAD_RETENTION_DAYS: &str = "payload_retention_days";

/// How long the figures of usage are kept.
pub(crate) const USAGE_RETENTION_DAYS: &str = "usage_retention_days";

/// A hundred years: long enough for any law, short enough to be a date.
const MAXIMUM_DAYS: i64 = 36_500;

/// All settings, in the order of the page.
pub(crate) fn declared() -> Vec<SettingField> {
    vec![log_payloads(), digest_bodies(), retention_days(), payload_retention_days(), usage_retention_days()]
}

fn log_payloads() -> SettingField {
    SettingField {
        key: LOG_PAYLOADS.to_owned(),
        label: "Log request/response payloads".to_owned(),
        help: "Off: only metadata is recorded, and no argument, result or error text is stored anywhere. On: \
               requests and responses are stored as well, each up to 64 KiB. They may hold personal and confidential \
               data; known secrets are masked, and only auditors can see them. OAuth exchanges are never stored. The \
               change applies to new entries and is recorded itself."
            .to_owned(),
        kind: SettingType::Boolean,
        default: Value::Boolean(false),
        minimum: None,
        maximum: None,
    }
}

// Off by default: the key's owner can guess a short body and check the guess.
fn digest_bodies() -> SettingField {
    SettingField {
        key: DIGEST_BODIES.to_owned(),
        label: "Keep keyed digests of requests and responses".to_owned(),
        help: "On: each entry has a digest of its request and of its response, also where no payload is kept. With a \
             text and the log's key, an operator can check whether it is the one that was recorded. Without the key, \
             guesses cannot be tested. OAuth exchanges have no digest. The change applies to new entries and is \
             recorded itself."
            .to_owned(),
        kind: SettingType::Boolean,
        default: Value::Boolean(false),
        minimum: None,
        maximum: None,
    }
}

fn retention_days() -> SettingField {
    SettingField {
        key: RETENTION_DAYS.to_owned(),
        label: "Audit log retention (days)".to_owned(),
        help: "Entries older than this are deleted by the daily cleanup, together with their payloads.".to_owned(),
        kind: SettingType::Integer,
        default: Value::Integer(90),
        minimum: Some(1),
        maximum: Some(MAXIMUM_DAYS),
    }
}

// The default is 0 because evidence that is deleted earlier than the log announces would surprise its readers.
fn payload_retention_days() -> SettingField {
    SettingField {
        key: PAYLOAD_RETENTION_DAYS.to_owned(),
        label: "Payload retention (days)".to_owned(),
        help: "Payloads older than this are erased by the daily cleanup, while their entries stay. \
               0 keeps a payload as long as its entry."
            .to_owned(),
        kind: SettingType::Integer,
        default: Value::Integer(0),
        minimum: Some(0),
        maximum: Some(MAXIMUM_DAYS),
    }
}

// A year and a month, so that each month can be held against the same one of the year before.
fn usage_retention_days() -> SettingField {
    SettingField {
        key: USAGE_RETENTION_DAYS.to_owned(),
        label: "Usage retention (days)".to_owned(),
        help:
            "Usage figures are kept for this long, also when the entries that they count are deleted. They name users, \
               servers, tools, connections, providers, models and API keys, and nothing else. Figures of entries that \
               are still there are kept with them."
                .to_owned(),
        kind: SettingType::Integer,
        default: Value::Integer(400),
        minimum: Some(1),
        maximum: Some(MAXIMUM_DAYS),
    }
}
