//! Moments as people type them: RFC 3339, or a date in UTC.

use super::problem::Problem;
use crate::time::Timestamp;

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
