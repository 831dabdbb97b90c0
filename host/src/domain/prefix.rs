//! From Odoo's prefix notation to a tree. The JSON form and the policy's tokens both end here.

use super::{Comparison, Domain, DomainError, MAX_DEPTH, MAX_TERMS, operand};
use crate::field::Field;
use crate::time::Timestamp;
use crate::value::Value;

/// One token of the prefix notation.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// `&`: the next two must hold.
    And,
    /// `|`: one of the next two must hold.
    Or,
    /// `!`: the next must not be true.
    Not,
    /// A constant: `(1,'=',1)` or `(0,'=',1)`.
    Constant(bool),
    /// `(field, comparison, operands)`.
    Leaf {
        /// The field's name, not yet checked.
        field: String,
        /// The comparison.
        comparison: Comparison,
        /// What to compare with.
        operands: Vec<Value>,
    },
}

/// Builds the tree. Operands left over are ANDed and the empty list is true; relative times count from `now`.
///
/// # Errors
/// Unknown fields, operands of the wrong type, operators without operands, more than [`MAX_TERMS`] tokens or more than
/// [`MAX_DEPTH`] levels.
pub fn from_tokens(tokens: &[Token], now: Timestamp) -> Result<Domain, DomainError> {
    if tokens.len() > 2 * MAX_TERMS {
        return Err(DomainError::new(format!("too many terms: {MAX_TERMS} are allowed")));
    }
    let mut rest = tokens.iter();
    let mut all = Vec::new();
    while !rest.as_slice().is_empty() {
        all.push(next(&mut rest, now, 0)?);
    }
    Ok(match all.len() {
        1 => all.remove(0),
        _ => Domain::All(all),
    })
}

fn next(rest: &mut std::slice::Iter<'_, Token>, now: Timestamp, depth: usize) -> Result<Domain, DomainError> {
    if depth > MAX_DEPTH {
        return Err(DomainError::new(format!("operators nest deeper than {MAX_DEPTH} levels")));
    }
    let token = rest
        .next()
        .ok_or_else(|| DomainError::new("an operator lacks its operand: '&' and '|' take two terms, '!' takes one"))?;
    let mut operand = || next(rest, now, depth + 1);
    match token {
        Token::And => Ok(Domain::All(vec![operand()?, operand()?])),
        Token::Or => Ok(Domain::Any(vec![operand()?, operand()?])),
        Token::Not => Ok(Domain::Not(Box::new(operand()?))),
        Token::Constant(true) => Ok(Domain::TRUE),
        Token::Constant(false) => Ok(Domain::FALSE),
        Token::Leaf { field, comparison, operands } => leaf(field, *comparison, operands, now),
    }
}

fn leaf(name: &str, comparison: Comparison, operands: &[Value], now: Timestamp) -> Result<Domain, DomainError> {
    let shown = || format!("({name:?}, {:?}, {})", comparison.as_str(), operand::show(operands));
    let field = Field::parse(name).ok_or_else(|| DomainError::new(format!("unknown field {name:?}")).at(&shown()))?;
    match comparison.negates() {
        Some(positive) => operand::term(field, positive, operands, now).map(|term| Domain::Not(Box::new(term))),
        None => operand::term(field, comparison, operands, now),
    }
    .map_err(|error| error.at(&shown()))
}
