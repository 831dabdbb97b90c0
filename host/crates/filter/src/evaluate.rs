//! Evaluates a domain in memory, with the patterns of `like`.

use std::cmp::Ordering;
use std::sync::Arc;

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;

use super::{Domain, Test};

impl Domain {
    /// Whether `entry` matches.
    pub fn matches(&self, entry: &Entry) -> bool {
        self.holds(&|field| entry.value(field))
    }

    /// Whether an object with these values matches.
    #[doc(hidden)]
    pub fn holds(&self, value: &impl Fn(Field) -> Value) -> bool {
        match self {
            Self::All(domains) => domains.iter().all(|domain| domain.holds(value)),
            Self::Any(domains) => domains.iter().any(|domain| domain.holds(value)),
            Self::Not(domain) => !domain.holds(value),
            Self::Term(term) => term.test.holds(&value(term.field)),
        }
    }
}

impl Test {
    /// Whether this value of a field matches.
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

/// Compares values of one type. A value that is not set compares with nothing.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        _ => None,
    }
}

/// Whether `text` as a whole matches `pattern`; with `fold`, upper and lower case are the same.
///
/// Takes time proportional to the product of the lengths at worst, with no recursion.
pub fn like(text: &str, pattern: &str, fold: bool) -> bool {
    Pattern::new(pattern, fold).matches(text)
}

/// A compiled pattern that is matched against many texts. Clones share the compiled form.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// How it is written.
    text: Arc<str>,
    parts: Arc<[Part]>,
    fold: bool,
    /// The text that must occur, if that is the whole pattern and it has no case outside of ASCII.
    contained: Option<Arc<str>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.fold) == (&other.text, other.fold)
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles `pattern`; with `fold`, case is ignored.
    pub fn new(pattern: &str, fold: bool) -> Self {
        let parts = compile(&if fold { pattern.to_lowercase() } else { pattern.to_owned() });
        let contained = contained(&parts).filter(|text| !fold || text.is_ascii());
        Self { text: pattern.into(), parts: parts.into(), fold, contained: contained.map(Arc::from) }
    }

    /// Its source, with `%`, `_` and `\`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether case is ignored.
    pub fn folds(&self) -> bool {
        self.fold
    }

    /// Whether the whole `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.contained {
            Some(contained) if !self.fold => text.contains(&**contained),
            // A letter outside of ASCII may have its lower case within: the Kelvin sign has.
            Some(contained) if text.is_ascii() => text.to_ascii_lowercase().contains(&**contained),
            _ => {
                let text: Vec<char> =
                    if self.fold { text.to_lowercase().chars().collect() } else { text.chars().collect() };
                matches(&text, &self.parts)
            }
        }
    }
}

/// The text in a pattern of the form `%text%`.
fn contained(parts: &[Part]) -> Option<String> {
    let [Part::Any, text @ .., Part::Any] = parts else { return None };
    let char = |part: &Part| match part {
        Part::Exactly(char) => Some(*char),
        Part::Any | Part::One => None,
    };
    text.iter().map(char).collect()
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Any,
    One,
    Exactly(char),
}

fn compile(pattern: &str) -> Vec<Part> {
    let mut chars = pattern.chars();
    let mut parts = Vec::new();
    while let Some(char) = chars.next() {
        parts.push(match char {
            // Several are one, and would only have the walk go back more often.
            '%' if matches!(parts.last(), Some(Part::Any)) => continue,
            '%' => Part::Any,
            '_' => Part::One,
            // A backslash at the very end is literal.
            '\\' => Part::Exactly(chars.next().unwrap_or('\\')),
            other => Part::Exactly(other),
        });
    }
    parts
}

/// The classic matcher with one backtrack point: after a `%`, a mismatch lets it consume one more character.
fn matches(text: &[char], parts: &[Part]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut fallback = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                fallback = Some((part, at));
                part += 1;
            }
            Some(Part::One) => (at, part) = (at + 1, part + 1),
            Some(Part::Exactly(char)) if *char == text[at] => (at, part) = (at + 1, part + 1),
            _ => {
                let Some((star, from)) = fallback else { return false };
                fallback = Some((star, from + 1));
                (at, part) = (from + 1, star + 1);
            }
        }
    }
    parts[part..].iter().all(|part| matches!(part, Part::Any))
}
