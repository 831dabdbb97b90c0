//! The JSON form of a domain: `[["outcome","=","error"],["at",">=","-7d"]]`.

use serde_json::Value as Json;

use super::{Comparison, Domain, DomainError, Token, from_tokens};
use crate::time::Timestamp;
use crate::value::Value;

/// Reads a domain from JSON; relative times count from `now`.
///
/// # Errors
/// Whatever is no domain, with the offending term and what would be allowed.
pub fn parse_json(text: &str, now: Timestamp) -> Result<Domain, DomainError> {
    const EXAMPLE: &str = r#"a domain is a JSON list such as [["outcome","=","error"],["at",">=","-7d"]]"#;
    let json: Json = serde_json::from_str(text)
        .map_err(|error| DomainError::new(format!("{EXAMPLE}; this is not JSON: {error}")))?;
    let Json::Array(items) = json else {
        return Err(DomainError::new(EXAMPLE));
    };
    let tokens = items.iter().map(token).collect::<Result<Vec<_>, _>>()?;
    from_tokens(&tokens, now)
}

fn token(item: &Json) -> Result<Token, DomainError> {
    match item {
        Json::String(operator) => self::operator(operator).map_err(|error| error.at(item)),
        Json::Array(parts) => leaf(parts).map_err(|error| error.at(item)),
        _ => Err(DomainError::new("a term is [field, operator, value]").at(item)),
    }
}

fn operator(text: &str) -> Result<Token, DomainError> {
    match text {
        "&" => Ok(Token::And),
        "|" => Ok(Token::Or),
        "!" => Ok(Token::Not),
        _ => Err(DomainError::new("unknown operator; there are '&', '|' and '!'")),
    }
}

fn leaf(parts: &[Json]) -> Result<Token, DomainError> {
    let [field, comparison, operand] = parts else {
        return Err(DomainError::new(format!("a term is [field, operator, value]; this has {} parts", parts.len())));
    };
    let Some(comparison) = comparison.as_str() else {
        return Err(DomainError::new("the operator must be a text such as '='"));
    };
    let field = match field {
        Json::String(field) => field.clone(),
        Json::Number(number) if comparison == "=" && operand.as_i64() == Some(1) => {
            return Ok(Token::Constant(number.as_i64() == Some(1)));
        }
        _ => return Err(DomainError::new("the field must be a text")),
    };
    Ok(Token::Leaf { field, comparison: self::comparison(comparison)?, operands: operands(operand)? })
}

fn comparison(text: &str) -> Result<Comparison, DomainError> {
    Comparison::parse(text).ok_or_else(|| {
        DomainError::new(match text {
            "child_of" | "parent_of" | "any" | "not any" | "any!" | "not any!" => {
                format!("{text:?} walks relations, and entries have none")
            }
            "<>" => "'<>' is no operator here; use '!='".to_owned(),
            "==" => "'==' is no operator here; use '='".to_owned(),
            _ => format!("unknown operator {text:?}"),
        })
    })
}

fn operands(json: &Json) -> Result<Vec<Value>, DomainError> {
    let scalar = |json: &Json| {
        Value::from_json(json).ok_or_else(|| DomainError::new("values are texts, whole numbers, true, false or null"))
    };
    match json {
        Json::Array(items) => items.iter().map(scalar).collect(),
        one => Ok(vec![scalar(one)?]),
    }
}
