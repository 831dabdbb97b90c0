//! One positive comparison: operands checked against the field's type, dates and relative times made exact.

use uuid::Uuid;

use super::{Comparison, Domain, DomainError, MAX_OPERAND_BYTES, MAX_OPERANDS, Test};
use crate::event::{Channel, Detail, Kind, Outcome};
use crate::field::{Field, FieldType};
use crate::time::{DAY, SECOND, Timestamp};
use crate::value::Value;

/// The term for `field comparison operands`; the negative comparisons never come here.
pub(super) fn term(
    field: Field,
    comparison: Comparison,
    operands: &[Value],
    now: Timestamp,
) -> Result<Domain, DomainError> {
    if operands.len() > MAX_OPERANDS {
        return Err(DomainError::new(format!("too many values: {MAX_OPERANDS} are allowed")));
    }
    match comparison {
        Comparison::In => any_of(field, operands, now),
        // Odoo: `=` with a list means `in`.
        Comparison::Equal if operands.len() != 1 => any_of(field, operands, now),
        Comparison::Equal => equal(field, single(operands)?, now),
        Comparison::EqualIfSet => match single(operands)? {
            Value::Unset | Value::Boolean(false) => Ok(Domain::TRUE),
            value => equal(field, value, now),
        },
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
            order(field, comparison, single(operands)?, now)
        }
        _ => pattern(field, comparison, single(operands)?),
    }
}

/// The operands as they are shown in an error.
pub(super) fn show(operands: &[Value]) -> String {
    let shown: Vec<_> = operands.iter().take(4).map(|value| value.to_json().to_string()).collect();
    match operands.len() {
        1 => shown.concat(),
        _ => format!("[{}{}]", shown.join(", "), if operands.len() > 4 { ", …" } else { "" }),
    }
}

fn single(operands: &[Value]) -> Result<&Value, DomainError> {
    match operands {
        [value] => Ok(value),
        _ => Err(DomainError::new("this comparison takes one value; only 'in' and 'not in' take a list")),
    }
}

fn any_of(field: Field, operands: &[Value], now: Timestamp) -> Result<Domain, DomainError> {
    operands.iter().map(|value| equal(field, value, now)).collect::<Result<_, _>>().map(merge)
}

/// Puts plain equalities of one field into one list, so that a long `in` stays one term.
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
    match rest.len() {
        1 => rest.remove(0),
        _ => Domain::Any(rest),
    }
}

fn equal(field: Field, value: &Value, now: Timestamp) -> Result<Domain, DomainError> {
    if matches!(value, Value::Unset | Value::Boolean(false)) {
        return Ok(Domain::term(field, Test::Unset));
    }
    check_word(field, value)?;
    let (from, to) = range(field, value, now)?;
    Ok(match to {
        Some(to) => Domain::term(field, Test::AtLeast(from)).and(Domain::term(field, Test::Less(to))),
        None => Domain::term(field, Test::In(vec![from])),
    })
}

fn order(field: Field, comparison: Comparison, value: &Value, now: Timestamp) -> Result<Domain, DomainError> {
    if matches!(value, Value::Unset | Value::Boolean(_)) {
        return Err(DomainError::new(format!("'{}' needs a value to compare with", comparison.as_str())));
    }
    let (from, to) = range(field, value, now)?;
    let after = to.unwrap_or_else(|| successor(&from));
    Ok(match comparison {
        Comparison::Less => Domain::term(field, Test::Less(from)),
        Comparison::GreaterOrEqual => Domain::term(field, Test::AtLeast(from)),
        Comparison::LessOrEqual => Domain::term(field, Test::Less(after)),
        _ => Domain::term(field, Test::AtLeast(after)),
    })
}

/// The least value above: texts are ordered by bytes, so that a NUL appended is the next one.
fn successor(value: &Value) -> Value {
    match value {
        Value::Integer(number) => Value::Integer(number.saturating_add(1)),
        Value::Text(text) => Value::Text(format!("{text}\0")),
        other => other.clone(),
    }
}

fn pattern(field: Field, comparison: Comparison, value: &Value) -> Result<Domain, DomainError> {
    let Value::Text(text) = value else {
        return Err(DomainError::new(format!("'{}' needs a text", comparison.as_str())));
    };
    if field.kind() != FieldType::Text {
        return Err(DomainError::new(format!(
            "'{}' works on texts, and {} is none",
            comparison.as_str(),
            field.name()
        )));
    }
    check_length(text)?;
    let contains = matches!(comparison, Comparison::Like | Comparison::Ilike);
    if contains && text.is_empty() {
        // Odoo: `like ''` is true, also where the field is not set.
        return Ok(Domain::TRUE);
    }
    let pattern = if contains { format!("%{text}%") } else { text.clone() };
    let fold = matches!(comparison, Comparison::Ilike | Comparison::EqualIlike);
    Ok(Domain::term(field, Test::Like { pattern, fold }))
}

/// The value in the field's own type; for a date against a time, the day's first moment and the next day's.
fn range(field: Field, value: &Value, now: Timestamp) -> Result<(Value, Option<Value>), DomainError> {
    let wrong = |wanted: &str| DomainError::new(format!("{} holds {wanted}, not {}", field.name(), value.type_name()));
    match (field.kind(), value) {
        (FieldType::Integer, Value::Integer(number)) => Ok((Value::Integer(*number), None)),
        (FieldType::Integer, _) => Err(wrong("whole numbers")),
        (FieldType::Text, Value::Text(text)) => check_length(text).map(|()| (value.clone(), None)),
        (FieldType::Text, _) => Err(wrong("texts")),
        (FieldType::Id, Value::Text(text)) => Uuid::try_parse(text)
            .map(|id| (Value::Text(id.to_string()), None))
            .map_err(|_| DomainError::new(format!("{} holds UUIDs, and {text:?} is none", field.name()))),
        (FieldType::Id, _) => Err(wrong("UUIDs")),
        (FieldType::Time, Value::Text(text)) => moment(text, now).ok_or_else(|| {
            DomainError::new(format!(
                "{text:?} is no time; use 2026-11-21T02:09:46Z, 2026-11-21, today, yesterday, now, -7d, -24h or -15m"
            ))
        }),
        (FieldType::Time, _) => Err(wrong("times")),
    }
}

/// A typo in a closed vocabulary would find nothing, which reads as "nothing happened".
fn check_word(field: Field, value: &Value) -> Result<(), DomainError> {
    let words: Vec<_> = match field {
        Field::Outcome => Outcome::ALL.iter().map(|word| word.as_str()).collect(),
        Field::OutcomeDetail => Detail::ALL.iter().map(|word| word.as_str()).collect(),
        Field::Channel => Channel::ALL.iter().map(|word| word.as_str()).collect(),
        Field::Kind => Kind::ALL.iter().map(|word| word.as_str()).collect(),
        _ => return Ok(()),
    };
    match value {
        Value::Text(text) if !words.contains(&text.as_str()) => {
            Err(DomainError::new(format!("{} is one of {}, not {text:?}", field.name(), words.join(", "))))
        }
        _ => Ok(()),
    }
}

fn check_length(text: &str) -> Result<(), DomainError> {
    match text.len() {
        0..=MAX_OPERAND_BYTES => Ok(()),
        _ => Err(DomainError::new(format!("a text of more than {MAX_OPERAND_BYTES} bytes"))),
    }
}

/// A moment, or a day from its first moment to the next day's.
fn moment(text: &str, now: Timestamp) -> Option<(Value, Option<Value>)> {
    let exact = |at: Timestamp| (Value::Integer(at.as_micros()), None);
    let day = |at: Timestamp| (Value::Integer(at.as_micros()), Some(Value::Integer(at.plus(DAY).as_micros())));
    match text {
        "now" => Some(exact(now)),
        "today" => Some(day(now.start_of_day())),
        "yesterday" => Some(day(now.start_of_day().plus(-DAY))),
        _ if text.starts_with(['-', '+']) => relative(text).map(|micros| exact(now.plus(micros))),
        _ if text.len() == 10 => Timestamp::parse(text).map(day),
        _ => Timestamp::parse(text).map(exact),
    }
}

/// `-7d`, `-24h`, `-15m`, `-30s`, `-2w` in microseconds.
fn relative(text: &str) -> Option<i64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(unit)
}
