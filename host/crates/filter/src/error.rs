//! Errors of the filter language, with suggestions for names that are not fields.

use std::fmt;

use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::cut;

/// The length up to which an error quotes the input, in characters.
const SHOWN: usize = 120;

/// Why something is no domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct DomainError {
    /// The mistake, and what is allowed.
    pub message: String,
    /// The faulty term or word of the input, truncated to a readable length.
    pub term: Option<String>,
    /// The position of the fault.
    pub position: Option<Position>,
}

/// A position in a domain, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In the list: operators and terms count alike.
    Term(usize),
    /// In the text: the first character of the word.
    Character(usize),
}

impl Position {
    /// The number alone.
    pub fn number(self) -> usize {
        match self {
            Self::Term(number) | Self::Character(number) => number,
        }
    }
}

impl DomainError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), term: None, position: None }
    }

    /// Adds the position, unless the error already has one.
    pub(super) fn at(self, position: Position, term: impl fmt::Display) -> Self {
        match self.position {
            Some(_) => self,
            None => Self { term: Some(cut(&term.to_string(), SHOWN).into_owned()), position: Some(position), ..self },
        }
    }

    /// The error without a position, if the term was not part of the input.
    pub fn without_place(self) -> Self {
        Self::new(self.message)
    }
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (&self.term, self.position) {
            (Some(term), Some(Position::Term(number))) => write!(f, " (term {number}: {term})"),
            (Some(term), Some(Position::Character(number))) => write!(f, " (at character {number}: {term})"),
            _ => Ok(()),
        }
    }
}

/// A text from outside, shortened to one line for a message.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(cut(text, SHOWN / 2)).to_string()
}

/// The names that people use for the parts of a payload.
const PAYLOAD: &[&str] = &["payload", "request", "response", "body", "arguments", "params", "result", "details"];

/// The error for a name that is not a field.
pub(super) fn field(name: &str) -> DomainError {
    if let Some(error) = payload(name) {
        return error;
    }
    let advice = match meant(name, Field::ALL.iter().map(|field| field.name())) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            format!("use one of: at, {}", Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", "))
        }
    };
    DomainError::new(format!("unknown field {}; {advice}", quoted(name)))
}

/// The error for a name whose content is kept but cannot be searched.
pub(super) fn payload(name: &str) -> Option<DomainError> {
    let message = "unknown field {}; payloads and details are shown with their entry and cannot be searched";
    PAYLOAD.contains(&name).then(|| DomainError::new(message.replace("{}", &quoted(name))))
}

/// The first of `names` that differs by one slip: a missing, additional or wrong character, or two swapped ones.
pub fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The shortest names are one slip away from too much.
    names.into_iter().find(|known| known.len() > 3 && one_slip(name.as_bytes(), known.as_bytes()))
}

fn one_slip(left: &[u8], right: &[u8]) -> bool {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[same..], &right[same..]);
    let swapped = |left: &[u8], right: &[u8]| {
        left.len() > 1 && right.len() > 1 && left[0] == right[1] && left[1] == right[0] && left[2..] == right[2..]
    };
    let (shorter_left, shorter_right) = (left.get(1..), right.get(1..));
    shorter_left == Some(right)
        || shorter_right == Some(left)
        || (shorter_left.is_some() && shorter_left == shorter_right)
        || swapped(left, right)
}
