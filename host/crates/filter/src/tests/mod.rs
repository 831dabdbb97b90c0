//! Tests of the filter language: a table of its meaning, its refusals, and hostile input.

mod hostile;
mod operators;
mod print;
mod refusals;
mod text;
mod viewer;

use uuid::Uuid;

use super::*;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").expect("a valid time")
}

/// The viewer Anna of the tenant "eu", at noon.
fn context() -> Context<'static> {
    Context::new(now(), Some("anna"), Some("eu"))
}

/// An entry of an hour ago in which nothing is set.
fn entry() -> Entry {
    Entry::new(Uuid::nil(), now().plus(-3_600_000_000), now())
}

fn with(texts: &[(Field, &str)]) -> Entry {
    let mut entry = entry();
    for (field, text) in texts {
        entry.set_text(*field, Some(text));
    }
    entry
}

fn json(text: &str) -> Domain {
    parse_json(text, &context()).unwrap_or_else(|error| panic!("{text}: {error}"))
}
