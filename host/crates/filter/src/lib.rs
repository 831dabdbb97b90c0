//! The filter language: Odoo's domains, as a checked tree.
//!
//! Record rules, search facets, saved filters, the API and the command line all use it. It has two spellings: JSON
//! (`parse_json`) for programs, and a short text (`parse_text`) for people. Both are read for a `Context` (viewer and
//! time), and both become `DomainToken`s and then the same tree. A `Domain` holds only known fields and operands of the
//! right type, so a query builder needs no checks of its own.

mod comparison;
mod context;
mod error;
mod evaluate;
mod free_text;
mod json;
mod operand;
mod prefix;
mod print;
mod text;
mod times;

pub use comparison::Comparison;
pub use context::{Context, Operand, ViewerValue};
#[doc(hidden)]
pub use error::meant;
pub use error::{DomainError, Position};
pub use evaluate::{Pattern, like};
pub use json::parse_json;
pub use prefix::{DomainToken, check_tokens, from_tokens};
pub use text::parse_text;
#[doc(hidden)]
pub use times::{end_of, start_of, until};

use std::collections::BTreeSet;

use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The most terms of a domain, after days and lists are expanded.
pub const MAX_TERMS: usize = 200;
/// The most operands of `in`.
pub const MAX_OPERANDS: usize = 1_000;
/// How deep operators may nest.
pub const MAX_DEPTH: usize = 64;
/// The longest text of an operand, in bytes.
pub const MAX_OPERAND_BYTES: usize = 4_096;
/// The longest pattern, in bytes: the time to match a text grows with the product of their lengths.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A filter over entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// All must match; true if empty.
    All(Vec<Domain>),
    /// One must match; false if empty.
    Any(Vec<Domain>),
    /// Must not be true.
    Not(Box<Domain>),
    /// A single comparison.
    Term(Term),
}

/// A positive comparison of one field. The negative operators are a [`Domain::Not`] around one of these, which makes
/// them null-aware as Odoo's are: `!=` matches entries where the field is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The field.
    pub field: Field,
    /// The comparison.
    pub test: Test,
}

/// The test that a term applies to its field's value. Times are integers of microseconds, ids are texts in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is not set.
    Unset,
    /// It is one of these.
    In(Vec<Value>),
    /// It is set and less than this.
    Less(Value),
    /// It is set and at least this.
    AtLeast(Value),
    /// It matches a pattern with `%`, `_` and `\`.
    Like(Pattern),
}

impl Domain {
    /// The domain that matches everything.
    pub const TRUE: Self = Self::All(Vec::new());
    /// The domain that matches nothing.
    pub const FALSE: Self = Self::Any(Vec::new());

    /// Both must hold.
    pub fn and(self, other: Self) -> Self {
        Self::all_of([self, other])
    }

    /// This domain and `rule`. It stays unchanged if it contains `rule` already, or matches nothing.
    #[doc(hidden)]
    pub fn narrowed(self, rule: &Self) -> Self {
        let holds = match &self {
            Self::All(parts) => parts.contains(rule),
            other => other == rule || *other == Self::FALSE,
        };
        if holds { self } else { self.and(rule.clone()) }
    }

    /// All must match. A single part stays unchanged, and nested conjunctions are flattened.
    pub fn all_of(parts: impl IntoIterator<Item = Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::All(parts) => parts,
            other => vec![other],
        });
        alone(flat.collect()).unwrap_or_else(Self::All)
    }

    /// One must match; combined as in [`Domain::all_of`].
    pub fn any_of(parts: impl IntoIterator<Item = Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Any(parts) => parts,
            other => vec![other],
        });
        alone(flat.collect()).unwrap_or_else(Self::Any)
    }

    /// `field = value`.
    pub fn equals(field: Field, value: impl Into<Value>) -> Self {
        Self::term(field, Test::In(vec![value.into()]))
    }

    /// It began at this time or later.
    pub fn since(moment: Timestamp) -> Self {
        Self::term(Field::OccurredAt, Test::AtLeast(moment.as_micros().into()))
    }

    /// Its `seq` is below this.
    pub fn below(seq: u64) -> Self {
        Self::term(Field::Seq, Test::Less(i64::try_from(seq).unwrap_or(i64::MAX).into()))
    }

    /// `field` is not set.
    pub fn unset(field: Field) -> Self {
        Self::term(field, Test::Unset)
    }

    /// It must not be true.
    #[expect(clippy::should_implement_trait, reason = "the operator `!` hides the domain")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    fn term(field: Field, test: Test) -> Self {
        Self::Term(Term { field, test })
    }

    /// Adds the fields that it uses.
    #[doc(hidden)]
    pub fn fields(&self, into: &mut BTreeSet<Field>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.fields(into)),
            Self::Not(part) => part.fields(into),
            Self::Term(term) => drop(into.insert(term.field)),
        }
    }

    /// The number of its terms; a constant counts as one.
    fn size(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::size).sum::<usize>().max(1),
            Self::Not(part) => part.size(),
            Self::Term(_) => 1,
        }
    }

    /// The number of operators around its innermost term.
    fn depth(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::depth).max().map_or(0, |depth| depth + 1),
            Self::Not(part) => part.depth() + 1,
            Self::Term(_) => 0,
        }
    }
}

/// The only part, or all parts if there are several.
fn alone(mut parts: Vec<Domain>) -> Result<Domain, Vec<Domain>> {
    match (parts.len(), parts.pop()) {
        (1, Some(part)) => Ok(part),
        (_, last) => {
            parts.extend(last);
            Err(parts)
        }
    }
}

#[cfg(test)]
mod tests;
