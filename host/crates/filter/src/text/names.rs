//! The names that may be written before a colon.

use crate::{DomainError, suggestions};
use mcp_audit_log_model::field::Field;

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

/// Short names for what people type most.
const SHORT: &[(&str, Name)] = &[
    ("since", Name::Since),
    ("from", Name::Since),
    ("until", Name::Until),
    ("to", Name::Until),
    ("duration", Name::Duration),
    ("status", Name::Field(Field::StatusCode)),
    ("detail", Name::Field(Field::OutcomeDetail)),
    ("error", Name::Field(Field::ErrorType)),
    ("resource", Name::Field(Field::ResourceUri)),
    ("record", Name::Field(Field::RecordId)),
    ("client", Name::Field(Field::ClientName)),
    ("trace", Name::Field(Field::TraceId)),
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
    let short = SHORT.iter().find(|(short, _)| *short == name).map(|(_, name)| *name);
    short.or_else(|| Field::parse(name).map(Name::Field))
}

/// A name in small letters is meant as a field's, unless it is the scheme of an address.
fn slip(given: &str, rest: &str) -> Option<DomainError> {
    let name = &given.to_ascii_lowercase();
    let names = Field::ALL.iter().map(|field| field.name()).chain(SHORT.iter().map(|(short, _)| *short));
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
    let error = suggestions::payload(name).or_else(|| suggestions::meant(name, names).map(meant)).or_else(unknown)?;
    let stop = if error.message.ends_with('?') { "" } else { "." };
    Some(DomainError::new(format!("{}{stop} To search for the word, put it in quotes", error.message)))
}
