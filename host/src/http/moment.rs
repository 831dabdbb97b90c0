//! Moments as people type them: RFC 3339, or a date in UTC.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::Problem;
use crate::time::Timestamp;

/// How the document describes one.
pub(super) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let forms = ["date-time", "date"].map(|format| json_schema!({ "type": "string", "format": format }));
        json_schema!({ "anyOf": forms })
    }
}

/// The moment that `text` is.
pub(super) fn required(name: &str, text: &str) -> Result<Timestamp, Problem> {
    optional(name, Some(text))?.ok_or_else(|| unreadable(name))
}

/// The moment that `text` is, if it is not empty.
pub(super) fn optional(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Timestamp::parse(text).map(Some).ok_or_else(|| unreadable(name)),
        None => Ok(None),
    }
}

fn unreadable(name: &str) -> Problem {
    Problem::invalid(format!("{name}: give a date such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z."))
}
