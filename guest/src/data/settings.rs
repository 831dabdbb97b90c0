//! The settings, as they appear on the settings page.

use crate::contract::SettingField;
use crate::sdk::declare::{MAXIMUM_DAYS, number, switch};
use crate::sdk::settings::{DIGEST_BODIES, LOG_PAYLOADS, PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, USAGE_RETENTION_DAYS};

/// All settings, in the order of the page.
pub(crate) fn declared() -> Vec<SettingField> {
    vec![log_payloads(), digest_bodies(), retention_days(), payload_retention_days(), usage_retention_days()]
}

fn log_payloads() -> SettingField {
    switch(
        LOG_PAYLOADS,
        "Log request/response payloads",
        "Off: only metadata is recorded, and no argument, result or error text is stored anywhere. On: \
               requests and responses are stored as well, each up to 64 KiB. They may hold personal and confidential \
               data; known secrets are masked, and only auditors can see them. OAuth exchanges are never stored. The \
               change applies to new entries and is recorded itself.",
    )
}

// Off by default: the key's owner can guess a short body and check the guess.
fn digest_bodies() -> SettingField {
    switch(
        DIGEST_BODIES,
        "Keep keyed digests of requests and responses",
        "On: each entry has a digest of its request and of its response, also where no payload is kept. With a \
             text and the log's key, an operator can check whether it is the one that was recorded. Without the key, \
             guesses cannot be tested. OAuth exchanges have no digest. The change applies to new entries and is \
             recorded itself.",
    )
}

fn retention_days() -> SettingField {
    number(
        RETENTION_DAYS,
        "Audit log retention (days)",
        "Entries older than this are deleted by the daily cleanup, together with their payloads.",
        90,
        (1, MAXIMUM_DAYS),
    )
}

// The default is 0 because evidence that is deleted earlier than the log announces would surprise its readers.
fn payload_retention_days() -> SettingField {
    number(
        PAYLOAD_RETENTION_DAYS,
        "Payload retention (days)",
        "Payloads older than this are erased by the daily cleanup, while their entries stay. \
               0 keeps a payload as long as its entry.",
        0,
        (0, MAXIMUM_DAYS),
    )
}

// A year and a month, so that each month can be held against the same one of the year before.
fn usage_retention_days() -> SettingField {
    number(
        USAGE_RETENTION_DAYS,
        "Usage retention (days)",
        "Usage figures are kept for this long, also when the entries that they count are deleted. They name users, \
               servers, tools, connections, providers, models and API keys, and nothing else. Figures of entries that \
               are still there are kept with them.",
        400,
        (1, MAXIMUM_DAYS),
    )
}
