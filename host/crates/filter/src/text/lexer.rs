//! Splits a text into words, operators and parentheses. Quotes keep blanks inside a word.

use crate::DomainError;
use crate::error::Position;

/// A word with its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// As it was given.
    text: &'a str,
    /// Without the sign of negation.
    pub(super) body: &'a str,
    pub(super) negated: bool,
    /// The position of its first character, counted from 1.
    column: usize,
}

/// The parts of a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lexeme<'a> {
    Open(Word<'a>),
    Close(Word<'a>),
    Or(Word<'a>),
    And(Word<'a>),
    Word(Word<'a>),
}

impl<'a> Lexeme<'a> {
    pub(super) fn word(self) -> Word<'a> {
        match self {
            Self::Open(word) | Self::Close(word) | Self::Or(word) | Self::And(word) | Self::Word(word) => word,
        }
    }
}

impl<'a> Word<'a> {
    fn new(text: &'a str, column: usize) -> Self {
        let body = text.strip_prefix(['-', '!']).filter(|body| !body.is_empty());
        Self { text, body: body.unwrap_or(text), negated: body.is_some(), column }
    }

    /// The error with the position of this word.
    pub(super) fn fault(self, error: DomainError) -> DomainError {
        error.at(Position::Character(self.column), self.text)
    }
}

/// Splits a text into lexemes. An opening parenthesis counts only at the beginning of a word, a closing one only if one
/// is open, so that `f(x)` and `:)` are words.
///
/// # Errors
/// A quote that is not closed.
pub(super) fn split(text: &str) -> Result<Vec<Lexeme<'_>>, DomainError> {
    let mut splitter = Splitter { rest: text, column: 1, open: 0 };
    let mut lexemes = Vec::new();
    while splitter.pass_blanks() {
        lexemes.push(splitter.lexeme()?);
    }
    Ok(lexemes)
}

struct Splitter<'a> {
    rest: &'a str,
    column: usize,
    /// How many parentheses are open.
    open: usize,
}

impl<'a> Splitter<'a> {
    /// Whether anything is left.
    fn pass_blanks(&mut self) -> bool {
        self.take(self.rest.len() - self.rest.trim_start().len());
        !self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.column += taken.chars().count();
        taken
    }

    fn lexeme(&mut self) -> Result<Lexeme<'a>, DomainError> {
        let column = self.column;
        let length = self.length()?;
        let word = Word::new(self.take(length), column);
        Ok(match word.body {
            "(" => {
                self.open += 1;
                Lexeme::Open(word)
            }
            ")" if self.open > 0 => {
                self.open -= 1;
                Lexeme::Close(word)
            }
            "OR" if !word.negated => Lexeme::Or(word),
            "AND" if !word.negated => Lexeme::And(word),
            _ => Lexeme::Word(word),
        })
    }

    /// The length in bytes of the word that begins here.
    fn length(&self) -> Result<usize, DomainError> {
        let sign = usize::from(self.rest.starts_with(['-', '!']));
        if self.rest[sign..].starts_with('(') {
            return Ok(sign + 1);
        }
        if self.rest.starts_with(')') && self.open > 0 {
            return Ok(1);
        }
        let end = end(&self.rest[sign..], self.open > 0).ok_or_else(|| {
            let message = "this quote is not closed; write \\\" for a quote inside quotes";
            let begin = self.rest.split_whitespace().next().unwrap_or_default();
            DomainError::new(message).at(Position::Character(self.column), begin)
        })?;
        Ok(sign + end)
    }
}

/// The end of the word, unless an open quote has no end.
fn end(word: &str, in_parentheses: bool) -> Option<usize> {
    let (mut quoted, mut valued, mut before) = (false, false, ' ');
    let mut chars = word.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if quoted => drop(chars.next()),
            '"' if quoted => quoted = false,
            _ if quoted => {}
            // Inside a word or value a quote is an ordinary character.
            '"' if at == 0 || (valued && ":,<>=".contains(before)) => quoted = true,
            ')' if in_parentheses => return Some(at),
            _ if char.is_whitespace() => return Some(at),
            _ => {}
        }
        valued |= char == ':';
        before = char;
    }
    (!quoted).then_some(word.len())
}
