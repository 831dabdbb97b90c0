//! One positive comparison: its operands are checked against the field's type, and dates and relative times become
//! exact.

use uuid::Uuid;

use super::error::quoted;
use super::times::{moment, no_time};
use super::{
    Comparison, Context, Domain, DomainError, MAX_OPERAND_BYTES, MAX_OPERANDS, MAX_PATTERN_BYTES, Operand, Pattern,
    Test,
};
use mcp_audit_log_model::event::{Channel, Kind, Outcome, OutcomeDetail};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The term for `field comparison operands`. Negative comparisons are handled before.
pub(super) fn term(
    field: Field,
    comparison: Comparison,
    operands: &[Operand],
    context: &Context<'_>,
) -> Result<Domain, DomainError> {
    if operands.len() > MAX_OPERANDS {
        return Err(DomainError::new(format!("too many values: at most {MAX_OPERANDS} are allowed")));
    }
    let values: Vec<_> =
        operands.iter().map(|operand| resolve(field, comparison, operand, context)).collect::<Result<_, _>>()?;
    compare(field, comparison, &values, context)
}

fn compare(
    field: Field,
    comparison: Comparison,
    values: &[Value],
    context: &Context<'_>,
) -> Result<Domain, DomainError> {
    match comparison {
        Comparison::In => any_of(field, values, context),
        // In Odoo `=` with a list means `in`. With an empty list it means "not set", which a record rule could mistake
        // for a question that it did not ask.
        Comparison::Equal if values.is_empty() => {
            Err(DomainError::new("'=' and '!=' need a value; false means \"not set\", and 'in' takes an empty list"))
        }
        Comparison::Equal => any_of(field, values, context),
        // As in Odoo: empty values, which include 0, the empty text and the empty list.
        Comparison::EqualIfSet if values.is_empty() => Ok(Domain::TRUE),
        Comparison::EqualIfSet => match single(values)? {
            Value::Unset | Value::Boolean(false) | Value::Integer(0) => Ok(Domain::TRUE),
            Value::Text(text) if text.is_empty() => Ok(Domain::TRUE),
            value => equal(field, value, context),
        },
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
            order(field, comparison, single(values)?, context)
        }
        _ => pattern(field, comparison, single(values)?),
    }
}

/// The operand's value for this viewer. Names are refused in patterns, because they may contain wildcards.
fn resolve(
    field: Field,
    comparison: Comparison,
    operand: &Operand,
    context: &Context<'_>,
) -> Result<Value, DomainError> {
    match operand {
        Operand::Value(value) => Ok(value.clone()),
        Operand::Viewer(_) if !matches!(comparison, Comparison::Equal | Comparison::In) => {
            Err(DomainError::new("the viewer's own value works only with '=', '!=', 'in' and 'not in'"))
        }
        Operand::Viewer(_) if field.kind() != FieldType::Text => {
            Err(DomainError::new(format!("the viewer's own value is a text, but {} holds no texts", field.name())))
        }
        Operand::Viewer(own) => context.own(*own),
    }
}

fn single(values: &[Value]) -> Result<&Value, DomainError> {
    match values {
        [value] => Ok(value),
        _ => Err(DomainError::new("this operator takes one value; only 'in' and 'not in' take a list")),
    }
}

fn any_of(field: Field, values: &[Value], context: &Context<'_>) -> Result<Domain, DomainError> {
    values.iter().map(|value| equal(field, value, context)).collect::<Result<_, _>>().map(merge)
}

/// Joins plain equalities of one field in one list, so that a long `in` stays one term.
fn merge(terms: Vec<Domain>) -> Domain {
    let mut values = Vec::new();
    let mut rest = Vec::new();
    let mut field = None;
    for term in terms {
        match term {
            Domain::Term(super::Term { field: of, test: Test::In(mut one) }) => {
                field = Some(of);
                values.append(&mut one);
            }
            other => rest.push(other),
        }
    }
    rest.extend(field.map(|field| Domain::term(field, Test::In(values))));
    Domain::any_of(rest)
}

fn equal(field: Field, value: &Value, context: &Context<'_>) -> Result<Domain, DomainError> {
    if matches!(value, Value::Unset | Value::Boolean(false)) {
        return Ok(Domain::term(field, Test::Unset));
    }
    check_word(field, value)?;
    let (from, to) = range(field, value, context)?;
    Ok(match to {
        Some(to) => Domain::term(field, Test::AtLeast(from)).and(Domain::term(field, Test::Less(to))),
        None => Domain::term(field, Test::In(vec![from])),
    })
}

fn order(field: Field, comparison: Comparison, value: &Value, context: &Context<'_>) -> Result<Domain, DomainError> {
    if matches!(value, Value::Unset | Value::Boolean(_)) {
        return Err(DomainError::new(format!("'{}' needs a value to compare with", comparison.as_str())));
    }
    let (from, to) = range(field, value, context)?;
    let after = to.or_else(|| successor(field, &from));
    Ok(match (comparison, after) {
        (Comparison::Less, _) => Domain::term(field, Test::Less(from)),
        (Comparison::GreaterOrEqual, _) => Domain::term(field, Test::AtLeast(from)),
        (Comparison::LessOrEqual, Some(after)) => Domain::term(field, Test::Less(after)),
        (_, Some(after)) => Domain::term(field, Test::AtLeast(after)),
        // Nothing is above the highest value, and whatever is set is at most it.
        (Comparison::LessOrEqual, None) => Domain::Not(Box::new(Domain::term(field, Test::Unset))),
        (_, None) => Domain::FALSE,
    })
}

/// The next greater value, if there is one. Texts are ordered by bytes, so the next one has a NUL appended.
fn successor(field: Field, value: &Value) -> Option<Value> {
    match (field.kind(), value) {
        (FieldType::Id, Value::Text(id)) => {
            let next = Uuid::try_parse(id).ok()?.as_u128().checked_add(1)?;
            Some(Uuid::from_u128(next).to_string().into())
        }
        (FieldType::Time, Value::Integer(at)) => Some(Timestamp::from_micros(*at).plus(1).as_micros().into()),
        (_, Value::Integer(number)) => number.checked_add(1).map(Value::Integer),
        (_, Value::Text(text)) => Some(format!("{text}\0").into()),
        _ => None,
    }
}

fn pattern(field: Field, comparison: Comparison, value: &Value) -> Result<Domain, DomainError> {
    let Value::Text(text) = value else {
        return Err(DomainError::new(format!("'{}' needs a text", comparison.as_str())));
    };
    if field.kind() != FieldType::Text {
        return Err(DomainError::new(format!(
            "'{}' works only on texts, and {} is not a text",
            comparison.as_str(),
            field.name()
        )));
    }
    if text.trim_matches('%').len() > MAX_PATTERN_BYTES {
        return Err(DomainError::new(format!(
            "the pattern is longer than {MAX_PATTERN_BYTES} bytes; '=' takes longer texts"
        )));
    }
    let contains = matches!(comparison, Comparison::Like | Comparison::Ilike);
    if contains && text.is_empty() {
        // Odoo: `like ''` is true, also where the field is not set.
        return Ok(Domain::TRUE);
    }
    let pattern = if contains { containing(text) } else { text.clone() };
    let fold = matches!(comparison, Comparison::Ilike | Comparison::EqualIlike);
    Ok(Domain::term(field, Test::Like(Pattern::new(&pattern, fold))))
}

/// The pattern for "contains `text`". A backslash at its end is literal and does not escape the wildcard.
pub(super) fn containing(text: &str) -> String {
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    let own = if backslashes % 2 == 1 { "\\" } else { "" };
    format!("%{text}{own}%")
}

/// The value in the field's own type. For a date compared with a time: the first moment of the day and of the next day.
fn range(field: Field, value: &Value, context: &Context<'_>) -> Result<(Value, Option<Value>), DomainError> {
    let wrong = |wanted: &str| DomainError::new(format!("{} holds {wanted}, not {}", field.name(), value.type_name()));
    match (field.kind(), value) {
        (FieldType::Integer, Value::Integer(number)) => Ok((Value::Integer(*number), None)),
        (FieldType::Integer, _) => Err(wrong("whole numbers")),
        (FieldType::Text, Value::Text(text)) => check_length(text).map(|()| (value.clone(), None)),
        (FieldType::Text, _) => Err(wrong("texts")),
        (FieldType::Id, Value::Text(text)) => Uuid::try_parse(text)
            .map(|id| (Value::Text(id.to_string()), None))
            .map_err(|_| DomainError::new(format!("{} holds UUIDs, and {} is not a UUID", field.name(), quoted(text)))),
        (FieldType::Id, _) => Err(wrong("UUIDs")),
        (FieldType::Time, Value::Text(text)) => moment(text, context).ok_or_else(|| no_time(text)),
        (FieldType::Time, _) => Err(wrong("times")),
    }
}

/// A typo in a closed vocabulary would find nothing, which looks like "nothing happened".
fn check_word(field: Field, value: &Value) -> Result<(), DomainError> {
    let words: Vec<_> = match field {
        Field::Outcome => Outcome::ALL.iter().map(|word| word.as_str()).collect(),
        Field::OutcomeDetail => OutcomeDetail::ALL.iter().map(|word| word.as_str()).collect(),
        Field::Channel => Channel::ALL.iter().map(|word| word.as_str()).collect(),
        Field::Kind => Kind::ALL.iter().map(|word| word.as_str()).collect(),
        _ => return Ok(()),
    };
    match value {
        Value::Text(text) if !words.contains(&text.as_str()) => {
            Err(DomainError::new(format!("{} must be one of {}, not {}", field.name(), words.join(", "), quoted(text))))
        }
        _ => Ok(()),
    }
}

fn check_length(text: &str) -> Result<(), DomainError> {
    match text.len() {
        0..=MAX_OPERAND_BYTES => Ok(()),
        _ => Err(DomainError::new(format!("the text is longer than {MAX_OPERAND_BYTES} bytes"))),
    }
}
