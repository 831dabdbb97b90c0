//! What may stand before a colon.

use crate::domain::{DomainError, unknown};
use crate::field::Field;

/// What a name stands for.
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
    ("until", Name::Until),
    ("duration", Name::Duration),
    ("status", Name::Field(Field::StatusCode)),
    ("detail", Name::Field(Field::OutcomeDetail)),
    ("error", Name::Field(Field::ErrorType)),
    ("resource", Name::Field(Field::ResourceUri)),
    ("record", Name::Field(Field::RecordId)),
    ("client", Name::Field(Field::ClientName)),
    ("trace", Name::Field(Field::TraceId)),
];

/// The name and the rest behind the colon; nothing when the word is one of free text.
///
/// # Errors
/// A name that is hardly meant as free text.
pub(super) fn split(word: &str) -> Result<Option<(Name, &str)>, DomainError> {
    let Some((name, rest)) = word.split_once(':') else { return Ok(None) };
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(None);
    }
    let name = name.to_ascii_lowercase();
    match known(&name) {
        Some(known) => Ok(Some((known, rest))),
        None => slip(&name).map_or(Ok(None), Err),
    }
}

fn known(name: &str) -> Option<Name> {
    let short = SHORT.iter().find(|(short, _)| *short == name).map(|(_, name)| *name);
    short.or_else(|| Field::parse(name).map(Name::Field))
}

fn slip(name: &str) -> Option<DomainError> {
    let names = Field::ALL.iter().map(|field| field.name()).chain(SHORT.iter().map(|(short, _)| *short));
    let meant = |near| DomainError::new(format!("there is no field {name}; did you mean {near}?"));
    let error = unknown::payload(name).or_else(|| unknown::meant(name, names).map(meant))?;
    let stop = if error.message.ends_with('?') { "" } else { "." };
    Some(DomainError::new(format!("{}{stop} Between quotes it is a plain word", error.message)))
}
