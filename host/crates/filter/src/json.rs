//! The JSON form of a domain: `[["outcome","=","error"],["at",">=","-7d"]]`.
//!
//! An operand `{"viewer":"user"}` or `{"viewer":"instance"}` is the viewer's own.

use serde_json::Value as Json;

use super::context::ViewerValue;
use super::error::{Position, quoted};
use super::{Comparison, Context, Domain, DomainError, DomainToken, Operand, from_tokens};
use mcp_audit_log_model::value::Value;

/// Reads a domain from JSON, for this viewer.
///
/// # Errors
/// The text is not a domain; the error has the faulty term, its position and what is allowed.
pub fn parse_json(text: &str, context: &Context<'_>) -> Result<Domain, DomainError> {
    const EXAMPLE: &str = r#"a domain is a JSON list such as [["outcome","=","error"],["at",">=","-7d"]]"#;
    // The reader refuses what nests deeper than 128 levels, so that no input takes the machine's stack.
    let json: Json = serde_json::from_str(text)
        .map_err(|error| DomainError::new(format!("{EXAMPLE}; this is not JSON: {error}")))?;
    let Json::Array(items) = json else {
        return Err(DomainError::new(EXAMPLE));
    };
    let token = |(at, item): (usize, &Json)| token(item).map_err(|error| error.at(Position::Term(at + 1), item));
    let tokens = items.iter().enumerate().map(token).collect::<Result<Vec<_>, _>>()?;
    from_tokens(&tokens, context)
}

fn token(item: &Json) -> Result<DomainToken, DomainError> {
    match item {
        Json::String(operator) => self::operator(operator),
        Json::Array(parts) => leaf(parts),
        _ => Err(DomainError::new("a term is [field, operator, value]")),
    }
}

fn operator(text: &str) -> Result<DomainToken, DomainError> {
    match text {
        "&" => Ok(DomainToken::And),
        "|" => Ok(DomainToken::Or),
        "!" => Ok(DomainToken::Not),
        _ => Err(DomainError::new("unknown operator; use '&', '|' or '!'")),
    }
}

fn leaf(parts: &[Json]) -> Result<DomainToken, DomainError> {
    let [field, comparison, operand] = parts else {
        return Err(DomainError::new(format!("a term is [field, operator, value]; this has {} parts", parts.len())));
    };
    let Some(comparison) = comparison.as_str() else {
        return Err(DomainError::new("the operator must be a text, such as '='"));
    };
    match (field, field.as_i64()) {
        (Json::String(field), _) => {
            let comparison = self::comparison(comparison)?;
            Ok(DomainToken::Leaf { field: field.clone(), comparison, operands: operands(comparison, operand)? })
        }
        (_, Some(0 | 1)) if comparison == "=" && operand.as_i64() == Some(1) => {
            Ok(DomainToken::Constant(field.as_i64() == Some(1)))
        }
        _ => Err(DomainError::new("the field must be a text; the only constants are [1,\"=\",1] and [0,\"=\",1]")),
    }
}

fn comparison(text: &str) -> Result<Comparison, DomainError> {
    Comparison::parse(text).ok_or_else(|| {
        DomainError::new(match text {
            "any!" | "not any!" => format!(
                "{text:?} bypasses record rules and follows relations; entries have no \
                                            relations"
            ),
            "child_of" | "parent_of" | "any" | "not any" => {
                format!("{text:?} follows relations; entries have none")
            }
            "<>" => "unknown operator '<>'; use '!='".to_owned(),
            "==" => "unknown operator '=='; use '='".to_owned(),
            _ => {
                let known: Vec<_> = Comparison::SPELLINGS.iter().map(|(spelling, _)| *spelling).collect();
                format!("unknown operator {}; use one of: {}", quoted(text), known.join("  "))
            }
        })
    })
}

fn operands(comparison: Comparison, json: &Json) -> Result<Vec<Operand>, DomainError> {
    match (json, comparison) {
        (Json::Array(items), _) => items.iter().map(operand).collect(),
        // Odoo reads this as "in no list", which an author hardly means; "not set" would be another answer.
        (Json::Null | Json::Bool(false), Comparison::In | Comparison::NotIn) => {
            Err(DomainError::new("'in' needs a list; [false] means \"not set\""))
        }
        (one, _) => Ok(vec![operand(one)?]),
    }
}

fn operand(json: &Json) -> Result<Operand, DomainError> {
    if let Some(value) = Value::from_json(json) {
        return Ok(Operand::Value(value));
    }
    let own = json.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("viewer")?.as_str());
    own.and_then(ViewerValue::parse).map(Operand::Viewer).ok_or_else(|| {
        let allowed =
            r#"values are texts, whole numbers, true, false, null, {"viewer":"user"} or {"viewer":"instance"}"#;
        DomainError::new(allowed)
    })
}
