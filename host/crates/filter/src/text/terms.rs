//! Turns one word into tokens: a field with its values, a time, or free text.

use super::names::{self, Name};
use crate::error::quoted;
use crate::{Comparison, DomainError, DomainToken, Operand, ViewerValue, free_text, until};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::{SPAN_UNITS, parse_span};
use mcp_audit_log_model::value::Value;

/// One value as it was written.
struct Item {
    text: String,
    /// Between quotes no character is special.
    quoted: bool,
}

/// The tokens of a word without its sign.
///
/// # Errors
/// The mistake in the word.
pub(super) fn tokens(word: &str) -> Result<Vec<DomainToken>, DomainError> {
    names::check(word)?;
    match names::split(word)? {
        Some((Name::Since, time)) => Ok(vec![moment(time, |_| Comparison::GreaterOrEqual)?]),
        Some((Name::Until, time)) => Ok(vec![moment(time, until)?]),
        Some((Name::Duration, values)) => field(Field::DurationUs, values, &duration),
        Some((Name::Field(name), values)) => field(name, values, &|item| operand(name, item)),
        None => Ok(free_text::tokens(&pattern(&item(word)?))),
    }
}

/// `since:7d` is 7 days ago.
fn moment(text: &str, comparison: fn(&str) -> Comparison) -> Result<DomainToken, DomainError> {
    let time = item(text)?.text;
    let time = if parse_span(&time).is_some() { format!("-{time}") } else { time };
    Ok(leaf(Field::OccurredAt, comparison(&time), vec![time.into()]))
}

type Read<'a> = &'a dyn Fn(&Item) -> Result<Operand, DomainError>;

fn field(field: Field, values: &str, read: Read<'_>) -> Result<Vec<DomainToken>, DomainError> {
    match comparison(values)? {
        Some(_) if field.kind() == FieldType::Text => Err(DomainError::new(format!(
            "{} holds texts, but < and > compare numbers and times; put the value in quotes",
            field.name()
        ))),
        Some((comparison, limit)) => Ok(vec![leaf(field, comparison, vec![read(&item(limit)?)?])]),
        None => any_of(field, &items(values)?, read),
    }
}

/// The comparison at the beginning of a value.
fn comparison(value: &str) -> Result<Option<(Comparison, &str)>, DomainError> {
    const SIGNS: &[&str] = &[">=", "<=", ">", "<"];
    if value.starts_with(['=', '!']) {
        let advice = "write field:value for equal and -field:value for not equal, or put the value in quotes";
        return Err(DomainError::new(advice));
    }
    let found = SIGNS.iter().find_map(|sign| Some((Comparison::parse(sign)?, value.strip_prefix(sign)?)));
    Ok(found)
}

/// The tokens for several values: all plain values in one list, and each pattern separately.
fn any_of(field: Field, items: &[Item], read: Read<'_>) -> Result<Vec<DomainToken>, DomainError> {
    let (patterns, plain): (Vec<_>, Vec<_>) =
        items.iter().partition(|item| field.kind() == FieldType::Text && !item.quoted && item.text.contains('*'));
    let plain = plain.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut leaves: Vec<_> =
        patterns.into_iter().map(|item| leaf(field, Comparison::EqualIlike, vec![pattern(item).into()])).collect();
    match plain.len() {
        0 => {}
        1 => leaves.push(leaf(field, Comparison::Equal, plain)),
        _ => leaves.push(leaf(field, Comparison::In, plain)),
    }
    Ok(std::iter::repeat_n(DomainToken::Or, leaves.len() - 1).chain(leaves).collect())
}

fn leaf(field: Field, comparison: Comparison, operands: Vec<Operand>) -> DomainToken {
    DomainToken::Leaf { field: field.name().to_owned(), comparison, operands }
}

fn operand(field: Field, item: &Item) -> Result<Operand, DomainError> {
    match (item.text.as_str(), field) {
        ("none", _) if !item.quoted => Ok(Operand::Value(Value::Unset)),
        ("@me", Field::User) if !item.quoted => Ok(Operand::Viewer(ViewerValue::User)),
        ("@me", Field::Instance) if !item.quoted => Ok(Operand::Viewer(ViewerValue::Instance)),
        ("@me", _) if !item.quoted => {
            let advice = "@me works only with user and instance, such as user:@me; to search for the text, put it in \
                          quotes";
            Err(DomainError::new(advice))
        }
        (word, _) if !item.quoted && is_like_me(word) => Err(unknown_word(word)),
        (text, _) if field.kind() == FieldType::Integer => {
            Ok(text.parse().map_or_else(|_| text.into(), Value::Integer).into())
        }
        (text, _) => Ok(text.into()),
    }
}

/// Whether `word` has the form of `@me`. A longer one, such as `@scope/name`, is a name.
fn is_like_me(word: &str) -> bool {
    word.strip_prefix('@').is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// A search for it would find nothing, which looks like "nothing happened".
fn unknown_word(word: &str) -> DomainError {
    DomainError::new(format!(
        "{} has no meaning here: @me is the only such word; to search for the text, put it in quotes",
        quoted(word)
    ))
}

/// A duration in microseconds.
fn duration(item: &Item) -> Result<Operand, DomainError> {
    if item.text == "none" {
        return Ok(Operand::Value(Value::Unset));
    }
    parse_span(&item.text).map(Operand::from).ok_or_else(|| {
        let (text, advice) = (quoted(&item.text), "use 800us, 5ms or 2s");
        DomainError::new(format!("{text} is not a duration; {advice}; units are {SPAN_UNITS}"))
    })
}

/// A pattern in which only `*` is special.
fn pattern(item: &Item) -> String {
    let literal = item.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    if item.quoted { literal } else { literal.replace('*', "%") }
}

/// The values between commas.
fn items(text: &str) -> Result<Vec<Item>, DomainError> {
    let mut items = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let end = if text.starts_with('"') { closing(text) } else { text.find(',') }.unwrap_or(text.len());
        items.push(item(&text[..end])?);
        rest = match &text[end..] {
            "" => None,
            more => Some(more.strip_prefix(',').ok_or_else(behind_quote)?),
        };
    }
    Ok(items)
}

/// One value, out of its quotes.
fn item(text: &str) -> Result<Item, DomainError> {
    let Some(inner) = text.strip_prefix('"') else {
        return match text.is_empty() {
            true => Err(DomainError::new("a value is missing; use `none` for \"not set\", and \"\" for an empty text")),
            false => Ok(Item { text: text.to_owned(), quoted: false }),
        };
    };
    match closing(text) {
        Some(end) if end == text.len() => Ok(Item { text: unescaped(&inner[..inner.len() - 1]), quoted: true }),
        _ => Err(behind_quote()),
    }
}

fn behind_quote() -> DomainError {
    DomainError::new("the quote ends before the value; put a space or a comma after it")
}

/// The end of the quote at the beginning of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        // A backslash before any other character is literal, as in Windows paths.
        match (char, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                plain.push(next);
                chars.next();
            }
            _ => plain.push(char),
        }
    }
    plain
}
