//! The meaning of a domain, written as plainly as possible: what the store's queries are held against in tests, and
//! what every entry of a page is checked with before it is shown.

use std::cmp::Ordering;

use super::{Domain, Term, Test};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::value::Value;

impl Domain {
    /// Whether `entry` matches.
    pub fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::All(domains) => domains.iter().all(|domain| domain.matches(entry)),
            Self::Any(domains) => domains.iter().any(|domain| domain.matches(entry)),
            Self::Not(domain) => !domain.matches(entry),
            Self::Term(term) => term.matches(entry),
        }
    }
}

impl Term {
    fn matches(&self, entry: &Entry) -> bool {
        self.test.holds(&entry.value(self.field))
    }
}

impl Test {
    /// Whether a field with this value passes.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Unset => *value == Value::Unset,
            Self::In(values) => values.contains(value),
            Self::Less(limit) => compare(value, limit) == Some(Ordering::Less),
            Self::AtLeast(limit) => compare(value, limit).is_some_and(Ordering::is_ge),
            Self::Like(pattern) => matches!(value, Value::Text(text) if pattern.matches(text)),
        }
    }

    /// The same for a field whose value is this text.
    #[doc(hidden)]
    pub fn holds_text(&self, text: &str) -> bool {
        match self {
            Self::Unset => false,
            Self::In(values) => values.iter().any(|value| matches!(value, Value::Text(other) if other == text)),
            Self::Less(Value::Text(limit)) => text.as_bytes() < limit.as_bytes(),
            Self::AtLeast(Value::Text(limit)) => text.as_bytes() >= limit.as_bytes(),
            Self::Less(_) | Self::AtLeast(_) => false,
            Self::Like(pattern) => pattern.matches(text),
        }
    }
}

/// Values of one type have an order; what is not set has none with anything.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        _ => None,
    }
}
