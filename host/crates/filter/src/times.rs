//! Times in filters: their spellings, and the range that a domain requires.

use std::ops::Range;

use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_model::value::Value;

use super::error::quoted;
use super::{Comparison, Context, Domain, DomainError, Term, Test};

/// The first moment of year 0 in microseconds. Earlier times cannot be written.
const YEAR_0: i64 = -62_167_219_200 * SECOND;

/// The accepted spellings of a time, for errors.
const FORMS: &str = "2026-11-21T02:09:46Z, 2026-11-21, today, yesterday, now, -7d, -24h or -15m";

/// A moment, or a day from its first moment to the next day's.
pub(super) fn moment(text: &str, context: &Context<'_>) -> Option<(Value, Option<Value>)> {
    let (from, to) = context.zone().parse_spoken(text, context.now())?;
    let value = |at: Timestamp| Value::Integer(at.as_micros());
    (from.as_micros() >= YEAR_0).then(|| (value(from), to.map(value)))
}

/// The comparison for "until this time", used by every interface: a day is included as a whole, any other time is
/// excluded.
#[doc(hidden)]
pub fn until(text: &str) -> Comparison {
    let is_day = matches!(moment(text, &Context::without_viewer(Timestamp::EPOCH)), Some((_, Some(_))));
    if is_day { Comparison::LessOrEqual } else { Comparison::Less }
}

/// The first moment of `text`, for "from this time".
///
/// # Errors
/// The text is not a time.
#[doc(hidden)]
pub fn start_of(text: &str, context: &Context<'_>) -> Result<Timestamp, DomainError> {
    match moment(text, context) {
        Some((Value::Integer(from), _)) => Ok(Timestamp::from_micros(from)),
        _ => Err(no_time(text)),
    }
}

/// The first moment after `text`, for "until this time".
///
/// # Errors
/// The text is not a time.
#[doc(hidden)]
pub fn end_of(text: &str, context: &Context<'_>) -> Result<Timestamp, DomainError> {
    match moment(text, context) {
        Some((_, Some(Value::Integer(to))) | (Value::Integer(to), None)) => Ok(Timestamp::from_micros(to)),
        _ => Err(no_time(text)),
    }
}

/// The error for a text that is not a time, with the accepted forms.
pub(super) fn no_time(text: &str) -> DomainError {
    DomainError::new(format!("{} is not a time; use {FORMS}", quoted(text)))
}

impl Domain {
    /// The range of `occurred_at`, in microseconds, that the whole domain requires, and the rest of the domain: both
    /// together equal the domain. Limits inside other operators stay in the rest.
    pub fn split_times(self) -> (Range<i64>, Self) {
        let parts = match self {
            Self::All(parts) => parts,
            other => vec![other],
        };
        let mut range = i64::MIN..i64::MAX;
        let rest: Vec<_> = parts.into_iter().filter(|part| !narrow(&mut range, part)).collect();
        (range, Self::all_of(rest))
    }
}

/// Whether `part` is only a limit of the range, which is then narrowed.
fn narrow(range: &mut Range<i64>, part: &Domain) -> bool {
    match part {
        Domain::Term(Term { field: Field::OccurredAt, test: Test::AtLeast(Value::Integer(micros)) }) => {
            range.start = range.start.max(*micros);
            true
        }
        Domain::Term(Term { field: Field::OccurredAt, test: Test::Less(Value::Integer(micros)) }) => {
            range.end = range.end.min(*micros);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::time::{DAY, Timestamp};

    use crate::{Context, Domain, parse_json};

    #[test]
    fn time_limits_are_split_off() {
        let read = |text: &str| parse_json(text, &Context::without_viewer(Timestamp::EPOCH)).expect("a domain");
        let split = |text: &str| read(text).split_times();
        let tool = read(r#"[["tool","=","x"]]"#);
        let day = r#"[["at","=","1970-01-02"],["tool","=","x"]]"#;
        assert_eq!(split(day), (DAY..2 * DAY, tool.clone()));
        assert_eq!(
            split(r#"[["tool","=","x"],["at",">=","1970-01-02"],["at",">=","1970-01-03"]]"#),
            (2 * DAY..i64::MAX, tool)
        );
        let either = r#"["|",["at","<","1970-01-02"],["tool","=","x"]]"#;
        assert_eq!(split(either), (i64::MIN..i64::MAX, read(either)));
        assert_eq!(split("[]"), (i64::MIN..i64::MAX, Domain::TRUE));
    }
}
