//! Domains in Odoo's notation, as `[["server", "=", "shop"]]`: written into the contract, and compared with an event.

use mcp_audit_log_policy_sdk::contract::{Comparison, Domain, Event, Leaf, Operand, Token, Value};
use mcp_audit_log_policy_sdk::domain::never;
use mcp_audit_log_policy_sdk::json::items;

use crate::object::{text, value};

/// The comparisons, by their names in Odoo.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("=", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
    ("in", Comparison::InList),
    ("not in", Comparison::NotInList),
    ("like", Comparison::Like),
    ("not like", Comparison::NotLike),
    ("ilike", Comparison::Ilike),
    ("not ilike", Comparison::NotIlike),
    ("=like", Comparison::EqualLike),
    ("=ilike", Comparison::EqualIlike),
    ("=?", Comparison::EqualIfSet),
];

/// A domain; one that cannot be read is no entry.
pub(crate) fn parse(json: &str) -> Domain {
    items(json).and_then(|tokens| tokens.into_iter().map(token).collect()).unwrap_or_else(never)
}

fn token(json: &str) -> Option<Token> {
    if let Some(operator) = text(json) {
        return match operator.as_str() {
            "&" => Some(Token::AllOf),
            "|" => Some(Token::AnyOf),
            "!" => Some(Token::Negation),
            _ => None,
        };
    }
    let [field, comparison, operands] = items(json)?.try_into().ok()?;
    let name = text(comparison)?;
    let (_, comparison) = COMPARISONS.iter().find(|(other, _)| *other == name)?;
    let operands = match items(operands) {
        Some(items) => items.into_iter().map(operand).collect(),
        None => vec![operand(operands)],
    };
    Some(Token::Leaf(Leaf { field: text(field)?, comparison: *comparison, operands }))
}

/// `@user` and `@instance` are the viewer's own.
fn operand(json: &str) -> Operand {
    match text(json).as_deref() {
        Some("@user") => Operand::ViewerUser,
        Some("@instance") => Operand::ViewerInstance,
        _ => Operand::Value(value(json)),
    }
}

/// The fields of an event that a domain reads.
pub(crate) fn fields(domain: &Domain) -> impl Iterator<Item = &str> {
    domain.iter().filter_map(|token| match token {
        Token::Leaf(leaf) => Some(leaf.field.as_str()),
        _ => None,
    })
}

/// Whether an event matches; a domain without an operand that it needs matches nothing. Only `=`, `!=`, `in` and `not in`
/// are compared here; the host refuses others in `when`.
pub(crate) fn matches(domain: &[Token], event: &Event) -> bool {
    let (mut rest, mut all) = (domain, true);
    while !rest.is_empty() {
        let Some(matches) = term(&mut rest, event) else { return false };
        all &= matches;
    }
    all
}

/// The term at the beginning of `rest`, which is behind it afterwards.
fn term(rest: &mut &[Token], event: &Event) -> Option<bool> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(match first {
        Token::AllOf => {
            let (left, right) = (term(rest, event)?, term(rest, event)?);
            left && right
        }
        Token::AnyOf => {
            let (left, right) = (term(rest, event)?, term(rest, event)?);
            left || right
        }
        Token::Negation => !term(rest, event)?,
        Token::Leaf(leaf) => leaf_matches(leaf, event),
    })
}

fn leaf_matches(leaf: &Leaf, event: &Event) -> bool {
    let field = field(event, &leaf.field);
    let is_one = leaf.operands.iter().any(|operand| match operand {
        Operand::Value(Value::Text(text)) => field == Some(text),
        Operand::Value(Value::Unset) => field.is_none(),
        _ => false,
    });
    match leaf.comparison {
        Comparison::Equal | Comparison::InList => is_one,
        Comparison::NotEqual | Comparison::NotInList => !is_one,
        _ => false,
    }
}

/// A field that holds a text.
fn field<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    match name {
        "channel" => Some(&event.channel),
        "kind" => Some(&event.kind),
        "method" => event.method.as_deref(),
        "target" => event.target.as_deref(),
        "server" => event.server.as_deref(),
        "path" => event.path.as_deref(),
        "outcome-detail" => Some(&event.outcome_detail),
        "user" => event.user.as_deref(),
        "connection" => event.connection.as_deref(),
        "instance" => event.instance.as_deref(),
        "client-name" => event.client_name.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_policy_sdk::contract::Outcome;

    fn event() -> Event {
        Event {
            channel: "mcp".to_owned(),
            kind: "request".to_owned(),
            method: Some("tools/call".to_owned()),
            target: Some("buy".to_owned()),
            server: None,
            path: None,
            outcome: Outcome::Success,
            outcome_detail: "ok".to_owned(),
            status_code: None,
            error_code: None,
            duration_us: None,
            has_duration: false,
            user: None,
            connection: None,
            instance: None,
            client_name: None,
            has_payload: false,
            has_arguments: false,
            arguments: Vec::new(),
            facts: Vec::new(),
        }
    }

    #[test]
    fn a_domain_is_compared_with_an_event() {
        for (domain, expected) in [
            ("[]", true),
            (r#"[["channel","=","mcp"]]"#, true),
            (r#"[["channel","=","mcp"],["target","!=","buy"]]"#, false),
            (r#"["|",["channel","=","api"],["target","in",["sell","buy"]]]"#, true),
            (r#"["|",["channel","=","api"],["target","not in",["sell","buy"]]]"#, false),
            (r#"["!","&",["channel","=","mcp"],["server","=","shop"]]"#, true),
            (r#"[["server","=",null]]"#, true),
            (r#"[["server","!=",null]]"#, false),
            (r#"["|",["channel","=","mcp"]]"#, false),
            (r#"["!"]"#, false),
        ] {
            assert_eq!(matches(&parse(domain), &event()), expected, "{domain}");
        }
    }

    #[test]
    fn what_cannot_be_read_matches_nothing() {
        for domain in
            ["", "{}", r#"["?"]"#, r#"[["channel","=="]]"#, r#"[["channel","~","mcp"]]"#, r#"[[1,"=","mcp"]]"#]
        {
            assert_eq!(parse(domain), never(), "{domain}");
            assert!(!matches(&parse(domain), &event()), "{domain}");
        }
    }
}
