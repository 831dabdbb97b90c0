//! The short text form for people: `outcome:error tool:search* since:7d`.
//!
//! ```text
//! query  = group { "OR" group }             OR binds less than the blank
//! group  = part { [ "AND" ] part }          a blank is AND
//! part   = [ "-" | "!" ] ( "(" query ")" | term | word )
//! term   = field ":" [ ">" | ">=" | "<" | "<=" ] value { "," value }
//!        | ( "since" | "from" | "until" | "to" ) ":" time   with 7d for 7 days ago; until a day includes it
//! value  = "none"                           the field is not set
//!        | "@me"                            the viewer's own, of user and instance
//!        | text | '"' text '"'              between quotes all characters are literal; \" is a quote
//! word   = text | '"' text '"'              free text: found in any of several fields, ignoring case
//! ```
//!
//! Texts are compared exactly. A `*` stands for any text, and then case is ignored, because a user who writes a pattern
//! does not need an exact match. Fields have the names of the JSON form and the short ones of `names.rs`; `duration`
//! takes a unit.
//!
//! If the word before a colon is not a field, the colon belongs to the word, as in `https://x` and `INV:42`. A name in
//! small letters, as in `tol:x`, is an error. Operators of other languages (`tool=x`, `or`, `not`) are errors too: a
//! search for these texts would find nothing, and the user would read that as "nothing happened". Between quotes, all
//! of them are plain words.

mod lexer;
mod names;
mod terms;

use self::lexer::{Lexeme, Word};
use super::error::Position;
use super::{Context, Domain, DomainError, DomainToken, MAX_DEPTH, MAX_TERMS, from_tokens};

/// Reads a domain from the text form, for this viewer. The empty text is true.
///
/// # Errors
/// The text is not a query; the error has the faulty word, its first character and what is allowed.
pub fn parse_text(text: &str, context: &Context<'_>) -> Result<Domain, DomainError> {
    let mut parser = Parser { lexemes: lexer::split(text)?.into_iter().peekable(), terms: 0 };
    let spelled = if parser.lexemes.peek().is_some() { parser.query(0)? } else { Vec::new() };
    let (tokens, words): (Vec<_>, Vec<_>) = spelled.into_iter().unzip();
    from_tokens(&tokens, context).map_err(|error| match error.position {
        // The position of a token is that of the word that it came from.
        Some(Position::Term(number)) => match number.checked_sub(1).and_then(|at| words.get(at)) {
            Some(word) => word.fault(error.without_place()),
            None => error.without_place(),
        },
        _ => error,
    })
}

/// Tokens, each with its word.
type Spelled<'a> = Vec<(DomainToken, Word<'a>)>;

struct Parser<'a> {
    lexemes: std::iter::Peekable<std::vec::IntoIter<Lexeme<'a>>>,
    terms: usize,
}

impl<'a> Parser<'a> {
    /// Groups with OR between them, up to the end or a closing parenthesis.
    fn query(&mut self, depth: usize) -> Result<Spelled<'a>, DomainError> {
        let mut groups = vec![self.group(depth, None)?];
        while let Some(Lexeme::Or(word)) = self.lexemes.next_if(|lexeme| matches!(lexeme, Lexeme::Or(_))) {
            groups.push(self.group(depth, Some(word))?);
        }
        Ok(join(&DomainToken::Or, groups))
    }

    /// Parts with or without AND between them; `before` is the operator that they follow.
    fn group(&mut self, depth: usize, mut before: Option<Word<'a>>) -> Result<Spelled<'a>, DomainError> {
        let mut parts = Vec::new();
        loop {
            match self.lexemes.peek().copied() {
                Some(Lexeme::Word(_) | Lexeme::Open(_)) => {
                    parts.push(self.part(depth)?);
                    before = None;
                }
                Some(Lexeme::And(word)) if before.is_none() && !parts.is_empty() => {
                    before = Some(word);
                    self.lexemes.next();
                }
                other if before.is_some() || parts.is_empty() => return Err(lonely(before, other)),
                _ => return Ok(join(&DomainToken::And, parts)),
            }
        }
    }

    fn part(&mut self, depth: usize) -> Result<Spelled<'a>, DomainError> {
        match self.lexemes.next() {
            Some(Lexeme::Open(word)) => self.parenthesis(word, depth + 1),
            Some(Lexeme::Word(word)) => self.word(word),
            _ => Err(DomainError::new("a term is missing")),
        }
    }

    fn parenthesis(&mut self, open: Word<'a>, depth: usize) -> Result<Spelled<'a>, DomainError> {
        if depth > MAX_DEPTH {
            return Err(open.fault(DomainError::new(format!("parentheses nest deeper than {MAX_DEPTH} levels"))));
        }
        let unclosed = "this parenthesis is not closed; to search for it, put it in quotes";
        if self.lexemes.peek().is_none() {
            return Err(open.fault(DomainError::new(unclosed)));
        }
        let inner = self.query(depth)?;
        match self.lexemes.next() {
            Some(Lexeme::Close(_)) => Ok(negate(open, inner)),
            _ => Err(open.fault(DomainError::new(unclosed))),
        }
    }

    fn word(&mut self, word: Word<'a>) -> Result<Spelled<'a>, DomainError> {
        let tokens = terms::tokens(word.body).map_err(|error| word.fault(error))?;
        self.terms += tokens.iter().filter(|token| matches!(token, DomainToken::Leaf { .. })).count();
        if self.terms > MAX_TERMS {
            let message = format!("too many words: at most {MAX_TERMS} terms are allowed, and a word takes several");
            return Err(word.fault(DomainError::new(message)));
        }
        Ok(negate(word, tokens.into_iter().map(|token| (token, word)).collect()))
    }
}

/// The error for an operator or parenthesis without its terms.
fn lonely(before: Option<Word<'_>>, here: Option<Lexeme<'_>>) -> DomainError {
    let error = DomainError::new("a term is missing here; to search for an operator, put it in quotes");
    match before.or(here.map(Lexeme::word)) {
        Some(word) => word.fault(error),
        None => error,
    }
}

fn negate<'a>(word: Word<'a>, mut spelled: Spelled<'a>) -> Spelled<'a> {
    if word.negated {
        spelled.insert(0, (DomainToken::Not, word));
    }
    spelled
}

fn join<'a>(operator: &DomainToken, parts: Vec<Spelled<'a>>) -> Spelled<'a> {
    let count = parts.len() - 1;
    let word = parts.iter().flatten().map(|(_, word)| *word).next();
    let operators = word.into_iter().flat_map(|word| std::iter::repeat_n((operator.clone(), word), count));
    operators.chain(parts.into_iter().flatten()).collect()
}
