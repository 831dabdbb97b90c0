//! The meaning of a domain, written as plainly as possible: what the store's queries are held against in tests, and what
//! every entry of a page is checked with before it is shown.

use std::cmp::Ordering;

use super::{Domain, Term, Test, like};
use crate::entry::Entry;
use crate::value::Value;

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
        let value = entry.value(self.field);
        match &self.test {
            Test::Unset => value == Value::Unset,
            Test::In(values) => values.contains(&value),
            Test::Less(limit) => compare(&value, limit) == Some(Ordering::Less),
            Test::AtLeast(limit) => compare(&value, limit).is_some_and(Ordering::is_ge),
            Test::Like { pattern, fold } => matches!(&value, Value::Text(text) if like(text, pattern, *fold)),
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
