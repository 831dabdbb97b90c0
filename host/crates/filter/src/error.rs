//! Why a text is no domain, and where in it.

use std::fmt;

/// Longest part of what was given that an error repeats, in characters.
const SHOWN: usize = 120;

/// Why something is no domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DomainError {
    /// What is wrong and what is allowed.
    pub message: String,
    /// The faulty term or word as it was given, truncated to a readable length.
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
            None => Self { term: Some(cut(&term.to_string(), SHOWN)), position: Some(position), ..self },
        }
    }

    /// The error alone, for where the term is none that was sent.
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

/// A text from outside as a message quotes it: short, on one line.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(cut(text, SHOWN / 2)).to_string()
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
