//! Times as people write them: exact, as a day, or counted from now.

use super::error::quoted;
use super::{Comparison, DomainError};
use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};
use mcp_audit_log_model::value::Value;

/// The first moment of year 0 in microseconds: before it no time can be written down.
const YEAR_0: i64 = -62_167_219_200 * SECOND;

/// The accepted spellings of a time, for errors.
const FORMS: &str = "2026-11-21T02:09:46Z, 2026-11-21, today, yesterday, now, -7d, -24h or -15m";

/// A moment, or a day from its first moment to the next day's.
pub(super) fn moment(text: &str, now: Timestamp) -> Option<(Value, Option<Value>)> {
    let (from, to) = match text {
        "now" => (now, None),
        "today" => day(now),
        "yesterday" => day(now.plus(-DAY)),
        _ if text.starts_with(['-', '+']) => (now.plus(relative(text)?), None),
        _ => match Timestamp::parse(text)? {
            at if text.len() <= "2026-11-21".len() => day(at),
            at => (at, None),
        },
    };
    let value = |at: Timestamp| Value::Integer(at.as_micros());
    (from.as_micros() >= YEAR_0).then(|| (value(from), to.map(value)))
}

/// The comparison for "until this time", at every door: a day is included with all of it, and any other time is not.
#[doc(hidden)]
pub fn until(text: &str) -> Comparison {
    let is_day = matches!(moment(text, Timestamp::EPOCH), Some((_, Some(_))));
    if is_day { Comparison::LessOrEqual } else { Comparison::Less }
}

/// The first moment of what `text` means: from when on "from this time" counts.
///
/// # Errors
/// It is no time.
#[doc(hidden)]
pub fn start_of(text: &str, now: Timestamp) -> Result<Timestamp, DomainError> {
    match moment(text, now) {
        Some((Value::Integer(from), _)) => Ok(Timestamp::from_micros(from)),
        _ => Err(no_time(text)),
    }
}

/// The first moment behind what `text` means: before when "until this time" counts.
///
/// # Errors
/// It is no time.
#[doc(hidden)]
pub fn end_of(text: &str, now: Timestamp) -> Result<Timestamp, DomainError> {
    match moment(text, now) {
        Some((_, Some(Value::Integer(to))) | (Value::Integer(to), None)) => Ok(Timestamp::from_micros(to)),
        _ => Err(no_time(text)),
    }
}

/// What to write instead of what is no time.
pub(super) fn no_time(text: &str) -> DomainError {
    DomainError::new(format!("{} is not a time; use {FORMS}", quoted(text)))
}

fn day(at: Timestamp) -> (Timestamp, Option<Timestamp>) {
    (at.start_of_day(), Some(at.start_of_day().plus(DAY)))
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
