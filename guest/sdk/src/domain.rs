//! Builds domains, so that rules and filters read like Odoo's and prefix notation is built in one place.

use crate::contract::{Comparison, Domain, Leaf, Operand, Token, Value};

/// Every entry: Odoo's `[]`.
pub fn always() -> Domain {
    Vec::new()
}

/// No entry: Odoo's `[(0, '=', 1)]`. A domain on the wire has no constants, but `in []` is false for any field.
pub fn never() -> Domain {
    leaf("id", Comparison::InList, Vec::new())
}

/// `(field, '=', value)`; with `Value::Unset` the entries where the field is not set.
pub fn equal(field: &str, value: Value) -> Domain {
    leaf(field, Comparison::Equal, vec![Operand::Value(value)])
}

/// `(field, '=', text)`.
pub fn is(field: &str, text: &str) -> Domain {
    compare(field, Comparison::Equal, text)
}

/// `(field, '!=', text)`.
pub fn is_not(field: &str, text: &str) -> Domain {
    compare(field, Comparison::NotEqual, text)
}

/// `(field, comparison, text)`.
pub fn compare(field: &str, comparison: Comparison, text: &str) -> Domain {
    leaf(field, comparison, vec![Operand::Value(Value::Text(text.to_owned()))])
}

/// `(field, 'in', texts)`.
pub fn among(field: &str, texts: &[&str]) -> Domain {
    let value = |text: &&str| Operand::Value(Value::Text((*text).to_owned()));
    leaf(field, Comparison::InList, texts.iter().map(value).collect())
}

/// The viewer's own entries: Odoo's `('user_id', '=', user.id)` in a saved filter.
pub fn own() -> Domain {
    leaf("user", Comparison::Equal, vec![Operand::ViewerUser])
}

/// The entries that are in every one of `domains`. Of none at all: every entry.
pub fn all_of(domains: impl IntoIterator<Item = Domain>) -> Domain {
    // Consecutive terms are ANDed.
    domains.into_iter().flatten().collect()
}

/// The entries that match at least one of `domains`; without domains, no entry.
pub fn any_of(domains: impl IntoIterator<Item = Domain>) -> Domain {
    domains.into_iter().reduce(or).unwrap_or_else(never)
}

fn or(left: Domain, right: Domain) -> Domain {
    // "Every entry" has no token that could follow an operator, and it absorbs the other side.
    if left.is_empty() || right.is_empty() {
        return always();
    }
    let mut domain = vec![Token::AnyOf];
    domain.extend(one_term(left));
    domain.extend(one_term(right));
    domain
}

/// The same domain as a single term, with the implied ANDs written out.
fn one_term(domain: Domain) -> Domain {
    let count = |wanted: fn(&Token) -> bool| domain.iter().filter(|token| wanted(token)).count();
    let leaves = count(|token| matches!(token, Token::Leaf(_)));
    let operators = count(|token| matches!(token, Token::AllOf | Token::AnyOf));
    let missing = leaves.saturating_sub(operators).saturating_sub(1);
    std::iter::repeat_n(Token::AllOf, missing).chain(domain).collect()
}

fn leaf(field: &str, comparison: Comparison, operands: Vec<Operand>) -> Domain {
    vec![Token::Leaf(Leaf { field: field.to_owned(), comparison, operands })]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(field: &str) -> Domain {
        equal(field, Value::Boolean(true))
    }

    /// Prints a domain the short way: `|`, `&` and the names of the fields.
    fn print(domain: &Domain) -> String {
        let word = |token: &Token| match token {
            Token::AllOf => "&".to_owned(),
            Token::AnyOf => "|".to_owned(),
            Token::Negation => "!".to_owned(),
            Token::Leaf(leaf) => leaf.field.clone(),
        };
        domain.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn or_combines_whole_domains() {
        let both = all_of([yes("a"), yes("b")]);
        assert_eq!(print(&any_of([both.clone(), yes("c")])), "| & a b c");
        assert_eq!(print(&any_of([yes("c"), both.clone(), both])), "| | c & a b & a b");
        assert_eq!(print(&any_of([all_of([any_of([yes("a"), yes("b")]), yes("c")]), yes("d")])), "| & | a b c d");
    }

    #[test]
    fn neutral_domains_are_absorbed() {
        assert_eq!(any_of([]), never());
        assert_eq!(all_of([]), always());
        assert_eq!(any_of([yes("a"), always()]), always());
        assert_eq!(any_of([yes("a")]), yes("a"));
    }
}
