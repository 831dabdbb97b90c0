//! The filter language: Odoo's domains, as a checked tree.
//!
//! Record rules, search facets, saved filters, the API and the command line all speak it. A [`Domain`] can only hold
//! known fields and operands of the right type, so whatever turns it into a query needs no checks of its own.

mod evaluate;
mod like;
mod operand;
mod parse;
mod prefix;

pub use like::like;
pub use parse::parse_json;
pub use prefix::{Token, from_tokens};

use crate::field::Field;
use crate::value::Value;

/// How many terms a domain may have.
pub const MAX_TERMS: usize = 200;
/// How many operands `in` may have.
pub const MAX_OPERANDS: usize = 1_000;
/// How deep operators may nest.
pub const MAX_DEPTH: usize = 64;
/// How long an operand's text may be, in bytes.
pub const MAX_OPERAND_BYTES: usize = 4_096;

/// A filter over entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// All must hold; true when empty.
    All(Vec<Domain>),
    /// One must hold; false when empty.
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

/// What a term asks of its field's value. Times are integers of microseconds, ids are texts in lower case.
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
    /// It matches a pattern of `%`, `_` and `\`.
    Like {
        /// The pattern.
        pattern: String,
        /// Whether upper and lower case are the same.
        fold: bool,
    },
}

impl Domain {
    /// The domain that everything matches.
    pub const TRUE: Self = Self::All(Vec::new());
    /// The domain that nothing matches.
    pub const FALSE: Self = Self::Any(Vec::new());

    /// Both must hold.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(mut left), Self::All(right)) => {
                left.extend(right);
                Self::All(left)
            }
            (Self::All(mut all), one) | (one, Self::All(mut all)) => {
                all.push(one);
                Self::All(all)
            }
            (left, right) => Self::All(vec![left, right]),
        }
    }

    /// `field = value`.
    pub fn equals(field: Field, value: impl Into<Value>) -> Self {
        Self::term(field, Test::In(vec![value.into()]))
    }

    fn term(field: Field, test: Test) -> Self {
        Self::Term(Term { field, test })
    }
}

/// Odoo's spelling of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `like`: contains, case matters.
    Like,
    /// `not like`
    NotLike,
    /// `ilike`: contains, case does not matter.
    Ilike,
    /// `not ilike`
    NotIlike,
    /// `=like`: matches the pattern as a whole.
    EqualLike,
    /// `not =like`
    NotEqualLike,
    /// `=ilike`
    EqualIlike,
    /// `not =ilike`
    NotEqualIlike,
    /// `=?`: true when the operand is not set, else `=`.
    EqualIfSet,
}

impl Comparison {
    const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("in", Self::In),
        ("not in", Self::NotIn),
        ("like", Self::Like),
        ("not like", Self::NotLike),
        ("ilike", Self::Ilike),
        ("not ilike", Self::NotIlike),
        ("=like", Self::EqualLike),
        ("not =like", Self::NotEqualLike),
        ("=ilike", Self::EqualIlike),
        ("not =ilike", Self::NotEqualIlike),
        ("=?", Self::EqualIfSet),
    ];

    /// The comparison that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::SPELLINGS.iter().find(|(spelling, _)| *spelling == text).map(|(_, comparison)| *comparison)
    }

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        Self::SPELLINGS.iter().find(|(_, comparison)| *comparison == self).map_or("=", |(spelling, _)| spelling)
    }

    /// The positive comparison that this one negates.
    fn negates(self) -> Option<Self> {
        Some(match self {
            Self::NotEqual => Self::Equal,
            Self::NotIn => Self::In,
            Self::NotLike => Self::Like,
            Self::NotIlike => Self::Ilike,
            Self::NotEqualLike => Self::EqualLike,
            Self::NotEqualIlike => Self::EqualIlike,
            _ => return None,
        })
    }
}

/// Why a text is no domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .term.as_ref().map(|term| format!(" in {term}")).unwrap_or_default())]
pub struct DomainError {
    /// What is wrong and what is allowed.
    pub message: String,
    /// The offending term as it was given, cut to a readable length.
    pub term: Option<String>,
}

impl DomainError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), term: None }
    }

    fn at(mut self, term: &impl ToString) -> Self {
        self.term.get_or_insert_with(|| term.to_string().chars().take(120).collect());
        self
    }
}

#[cfg(test)]
mod tests;
