//! Prints a domain in its JSON form, so that it can be shown, stored and sent. Reading it gives the same domain again.

use std::fmt;

use serde_json::{Value as Json, json};

use super::{Comparison, Domain, DomainToken, Operand, Term, Test, operand};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

impl Domain {
    /// The domain in prefix notation. Relative times are exact here.
    pub fn tokens(&self) -> Vec<DomainToken> {
        match self {
            Self::All(parts) if parts.len() > 1 => parts.iter().flat_map(Self::one).collect(),
            _ => self.one(),
        }
    }

    /// The domain as one operand of an operator.
    fn one(&self) -> Vec<DomainToken> {
        match self {
            Self::All(parts) if parts.is_empty() => vec![DomainToken::Constant(true)],
            Self::Any(parts) if parts.is_empty() => vec![DomainToken::Constant(false)],
            Self::All(parts) => join(&DomainToken::And, parts),
            Self::Any(parts) => join(&DomainToken::Or, parts),
            Self::Not(part) => std::iter::once(DomainToken::Not).chain(part.one()).collect(),
            Self::Term(term) => vec![term.token()],
        }
    }
}

fn join(operator: &DomainToken, parts: &[Domain]) -> Vec<DomainToken> {
    std::iter::repeat_n(operator.clone(), parts.len() - 1).chain(parts.iter().flat_map(Domain::one)).collect()
}

impl Term {
    fn token(&self) -> DomainToken {
        let (comparison, values) = match &self.test {
            Test::Unset => (Comparison::Equal, vec![Value::Unset]),
            Test::In(values) if values.len() == 1 => (Comparison::Equal, values.clone()),
            Test::In(values) => (Comparison::In, values.clone()),
            Test::Less(limit) => limited(self.field, limit, Comparison::Less, Comparison::LessOrEqual),
            Test::AtLeast(limit) => limited(self.field, limit, Comparison::GreaterOrEqual, Comparison::Greater),
            Test::Like(pattern) => like(pattern.as_str(), pattern.folds()),
        };
        let operands = values.into_iter().map(|value| Operand::Value(written(self.field, value))).collect();
        DomainToken::Leaf { field: self.field.name().to_owned(), comparison, operands }
    }
}

/// A text followed by a NUL sorts directly after that text, and may exceed the length of an operand.
fn limited(field: Field, limit: &Value, plain: Comparison, next: Comparison) -> (Comparison, Vec<Value>) {
    match limit {
        Value::Text(text) if field.kind() == FieldType::Text && text.ends_with('\0') => {
            (next, vec![text[..text.len() - 1].into()])
        }
        _ => (plain, vec![limit.clone()]),
    }
}

/// The operator "contains", if the pattern has its form.
fn like(pattern: &str, fold: bool) -> (Comparison, Vec<Value>) {
    let inner = pattern.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).filter(|inner| !inner.is_empty());
    let comparison = match (inner.filter(|inner| operand::containing(inner) == pattern), fold) {
        (Some(inner), false) => return (Comparison::Like, vec![inner.into()]),
        (Some(inner), true) => return (Comparison::Ilike, vec![inner.into()]),
        (None, false) => Comparison::EqualLike,
        (None, true) => Comparison::EqualIlike,
    };
    (comparison, vec![pattern.into()])
}

fn written(field: Field, value: Value) -> Value {
    match (field.kind(), value) {
        (FieldType::Time, Value::Integer(micros)) => Timestamp::from_micros(micros).to_string().into(),
        (_, value) => value,
    }
}

impl DomainToken {
    fn to_json(&self) -> Json {
        match self {
            Self::And => "&".into(),
            Self::Or => "|".into(),
            Self::Not => "!".into(),
            Self::Constant(value) => json!([i64::from(*value), "=", 1]),
            Self::Leaf { field, comparison, operands } => match operands.as_slice() {
                [one] if !matches!(comparison, Comparison::In | Comparison::NotIn) => {
                    json!([field, comparison.as_str(), one.to_json()])
                }
                list => json!([field, comparison.as_str(), list.iter().map(Operand::to_json).collect::<Vec<_>>()]),
            },
        }
    }
}

impl Operand {
    fn to_json(&self) -> Json {
        match self {
            Self::Value(value) => value.to_json(),
            Self::Viewer(own) => json!({ "viewer": own.as_str() }),
        }
    }
}

impl fmt::Display for DomainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

/// The JSON form.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Json::Array(self.tokens().iter().map(DomainToken::to_json).collect()))
    }
}
