//! The names before a colon, and words that are probably not meant as free text.

use mcp_audit_log_model::field::Field;

use crate::{DomainError, error};

/// The meaning of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A field.
    Field(Field),
    /// How long it took, with a unit.
    Duration,
    /// The time, from a moment on.
    Since,
    /// The time, up to a moment.
    Until,
}

/// Names that are no field's.
const OTHERS: &[(&str, Name)] = &[
    ("since", Name::Since),
    ("from", Name::Since),
    ("until", Name::Until),
    ("to", Name::Until),
    ("duration", Name::Duration),
];

/// The name and the text after the colon; `None` when the word is free text.
///
/// # Errors
/// A name that is probably not meant as free text.
pub(super) fn split(word: &str) -> Result<Option<(Name, &str)>, DomainError> {
    let Some((name, rest)) = word.split_once(':') else { return Ok(None) };
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(None);
    }
    match known(&name.to_ascii_lowercase()) {
        Some(known) => Ok(Some((known, rest))),
        None => slip(name, rest).map_or(Ok(None), Err),
    }
}

/// Whether the word is a field's name, ignoring case.
pub(super) fn is_known(name: &str) -> bool {
    known(&name.to_ascii_lowercase()).is_some()
}

/// Whether the word begins with a field's name, followed by this character.
pub(super) fn begins(word: &str, behind: char) -> bool {
    word.split_once(behind).is_some_and(|(name, _)| is_known(name))
}

fn known(name: &str) -> Option<Name> {
    let other = OTHERS.iter().find(|(other, _)| *other == name).map(|(_, name)| *name);
    let short = || Field::ALL.iter().copied().find(|field| field.short_name() == Some(name));
    other.or_else(|| Field::parse(name).or_else(short).map(Name::Field))
}

/// A name in small letters is meant as a field, unless it is the scheme of a URL.
fn slip(given: &str, rest: &str) -> Option<DomainError> {
    let name = &given.to_ascii_lowercase();
    let names = Field::ALL.iter().map(|field| field.name());
    let names = names.chain(OTHERS.iter().map(|(other, _)| *other));
    let names = names.chain(Field::ALL.iter().filter_map(|field| field.short_name()));
    let meant = |near| DomainError::new(format!("unknown field {name}; did you mean {near}?"));
    let is_name = !given.is_empty()
        && given.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && !rest.starts_with("//");
    let unknown = || {
        is_name.then(|| {
            DomainError::new(format!(
                "unknown field {name}; use tool, user, connection, outcome, status, since or others"
            ))
        })
    };
    let error = error::payload(name).or_else(|| error::meant(name, names).map(meant)).or_else(unknown)?;
    let stop = if error.message.ends_with('?') { "" } else { "." };
    Some(DomainError::new(format!("{}{stop} To search for the word, put it in quotes", error.message)))
}

/// Operators of other languages, and what to write instead.
const OPERATORS: &[(&str, &str)] = &[
    ("or", "write OR in capitals"),
    ("|", "write OR"),
    ("||", "write OR"),
    ("and", "a space means AND; or write AND in capitals"),
    ("&", "a space means AND"),
    ("&&", "a space means AND"),
    ("not", "put - or ! in front of the word, such as -tool:x"),
    ("NOT", "put - or ! in front of the word, such as -tool:x"),
];

/// # Errors
/// What to write instead, if the word looks like a slip.
pub(super) fn check(word: &str) -> Result<(), DomainError> {
    match operator(word)
        .or_else(|| parenthesis(word))
        .or_else(|| quote(word))
        .or_else(|| sign(word))
        .or_else(|| time(word))
    {
        Some(advice) => Err(DomainError::new(format!("{advice}. To search for the word, put it in quotes"))),
        None => Ok(()),
    }
}

fn operator(word: &str) -> Option<String> {
    let (_, advice) = OPERATORS.iter().find(|(operator, _)| *operator == word)?;
    Some((*advice).to_owned())
}

/// `tool:x)`, and a lone parenthesis. `f(x)` and `:)` are words.
fn parenthesis(word: &str) -> Option<String> {
    let count = |wanted: char| word.chars().filter(|char| *char == wanted).count();
    let closes = word == ")" || (word.ends_with(')') && begins(word, ':') && count(')') > count('('));
    closes.then(|| "this parenthesis closes nothing; add the opening one, or remove it".to_owned())
}

/// Typographic quotes of text editors.
fn quote(word: &str) -> Option<String> {
    let curly = word.starts_with(['“', '”', '„', '‘', '’']) || word.contains(":“") || word.contains(":„");
    curly.then(|| "use straight quotes, such as \"two words\"".to_owned())
}

/// `tool=x`, `outcome!=error`, `duration>2s`.
fn sign(word: &str) -> Option<String> {
    let at = word.find(['=', '<', '>', '!', '~'])?;
    let (name, rest) = word.split_at(at);
    let value = rest.trim_start_matches(['=', '!', '~']);
    let meant = match rest {
        _ if !is_known(name) => return None,
        _ if rest.starts_with('!') => format!("-{name}:{value}"),
        _ => format!("{name}:{value}"),
    };
    Some(format!("write {meant}"))
}

/// `09:00`, as in `since:2026-11-21 09:00`.
fn time(word: &str) -> Option<String> {
    let (hours, rest) = word.split_once(':')?;
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = digits(hours, 2) && rest.split(':').all(|part| digits(part.trim_end_matches('Z'), 2));
    is_time.then(|| "write the day with the time, such as since:2026-11-21T09:00:00Z".to_owned())
}
