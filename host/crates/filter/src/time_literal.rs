//! Times as people write them: exact, as a day, or counted from now.

use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};
use mcp_audit_log_model::value::Value;

/// The first moment of year 0 in microseconds: before it no time can be written down.
const YEAR_0: i64 = -62_167_219_200 * SECOND;

/// The accepted spellings of a time, for errors.
pub(super) const FORMS: &str = "2026-11-21T02:09:46Z, 2026-11-21, today, yesterday, now, -7d, -24h or -15m";

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
