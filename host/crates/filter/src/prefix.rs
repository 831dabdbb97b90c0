//! Builds a tree from Odoo's prefix notation. The JSON form, the text form and the policy's tokens all use it.

use super::error::Position;
use super::{Comparison, Context, Domain, DomainError, MAX_DEPTH, MAX_TERMS, Operand, error, operand};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// One token of the prefix notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainToken {
    /// `&`: the next two must hold.
    And,
    /// `|`: one of the next two must match.
    Or,
    /// `!`: the next must not match.
    Not,
    /// A constant: `(1,'=',1)` or `(0,'=',1)`.
    Constant(bool),
    /// `(field, comparison, operands)`.
    Leaf {
        /// The field's name, not yet checked.
        field: String,
        /// The comparison.
        comparison: Comparison,
        /// The values to compare with.
        operands: Vec<Operand>,
    },
}

/// Builds the tree for this viewer. Terms left over are ANDed and the empty list is true.
///
/// # Errors
/// Unknown fields, operands of the wrong type, operators without operands, more than [`MAX_TERMS`] terms or more than
/// [`MAX_DEPTH`] levels; and a value of the viewer that the viewer lacks. A caller that replaces a failed domain must
/// match nothing.
pub fn from_tokens(tokens: &[DomainToken], context: &Context<'_>) -> Result<Domain, DomainError> {
    let leaves = leaves(tokens, context)?;
    let mut stack = Vec::new();
    // From the end, so that an operator finds its operands done, and no depth of nesting takes the machine's stack.
    for ((at, token), leaf) in tokens.iter().enumerate().zip(leaves).rev() {
        let part = leaf.map_or_else(|| operate(token, &mut stack), Ok);
        stack.push(part.and_then(shallow).map_err(|error| place(error, at, token))?);
    }
    stack.reverse();
    shallow(Domain::all_of(stack))
}

/// Checks that these tokens are a domain for every viewer, when a policy's declarations are loaded.
///
/// # Errors
/// The same as for [`from_tokens`], except that viewer values may be missing.
pub fn check_tokens(tokens: &[DomainToken], now: Timestamp) -> Result<(), DomainError> {
    from_tokens(tokens, &Context::any_viewer(now)).map(drop)
}

fn place(error: DomainError, at: usize, token: &DomainToken) -> DomainError {
    error.at(Position::Term(at + 1), token)
}

/// The terms in their positions, so that the first faulty one is reported.
fn leaves(tokens: &[DomainToken], context: &Context<'_>) -> Result<Vec<Option<Domain>>, DomainError> {
    let mut left = MAX_TERMS;
    let mut leaves = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let leaf = leaf(token, context).transpose().map_err(|error| place(error, at, token))?;
        let size = leaf.as_ref().map_or(0, Domain::size);
        let too_many =
            || place(DomainError::new(format!("too many terms: at most {MAX_TERMS} are allowed")), at, token);
        left = left.checked_sub(size).ok_or_else(too_many)?;
        leaves.push(leaf);
    }
    Ok(leaves)
}

fn leaf(token: &DomainToken, context: &Context<'_>) -> Option<Result<Domain, DomainError>> {
    Some(match token {
        DomainToken::And | DomainToken::Or | DomainToken::Not => return None,
        DomainToken::Constant(true) => Ok(Domain::TRUE),
        DomainToken::Constant(false) => Ok(Domain::FALSE),
        DomainToken::Leaf { field, comparison, operands } => term(field, *comparison, operands, context),
    })
}

fn term(
    name: &str,
    comparison: Comparison,
    operands: &[Operand],
    context: &Context<'_>,
) -> Result<Domain, DomainError> {
    let field = Field::parse(name).ok_or_else(|| error::field(name))?;
    match comparison.negates() {
        Some(positive) => operand::term(field, positive, operands, context).map(|term| Domain::Not(Box::new(term))),
        None => operand::term(field, comparison, operands, context),
    }
}

fn operate(operator: &DomainToken, stack: &mut Vec<Domain>) -> Result<Domain, DomainError> {
    let mut operand = || {
        let lack = "an operator lacks its operand: '&' and '|' take two terms, '!' takes one";
        stack.pop().ok_or_else(|| DomainError::new(lack))
    };
    Ok(match operator {
        DomainToken::Not => Domain::Not(Box::new(operand()?)),
        DomainToken::Or => Domain::any_of([operand()?, operand()?]),
        _ => Domain::all_of([operand()?, operand()?]),
    })
}

fn shallow(domain: Domain) -> Result<Domain, DomainError> {
    match domain.depth() {
        0..=MAX_DEPTH => Ok(domain),
        _ => Err(DomainError::new(format!("operators nest deeper than {MAX_DEPTH} levels"))),
    }
}
