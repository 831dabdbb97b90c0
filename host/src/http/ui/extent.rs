//! How large the log is, how fast it grows, and what the chosen period will hold.

use super::text::{bytes, count, exact};
use crate::settings::{RETENTION_DAYS, Settings};
use crate::store::Extent;
use crate::time::{DAY, SECOND};
use crate::value::Value;

/// Less than this says nothing about a day.
const LEAST: i64 = 3_600 * SECOND;

/// The figures as label and value.
pub(super) fn figures(extent: &Extent, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut figures = vec![("Entries", count(extent.entries)), ("Size on disk", bytes(extent.bytes))];
    let (Some(oldest), Some(newest)) = (extent.oldest, extent.newest) else { return figures };
    figures.extend([("Oldest entry", exact(oldest)), ("Newest entry", exact(newest))]);
    let age = newest.as_micros() - oldest.as_micros();
    if age < LEAST {
        figures.push(("Growth", "It can be told when the log spans an hour.".to_owned()));
        return figures;
    }
    let daily = |total: u64| {
        u64::try_from(u128::from(total) * DAY.unsigned_abs() as u128 / age.unsigned_abs() as u128).unwrap_or(u64::MAX)
    };
    let (entries, size) = (daily(extent.entries), daily(extent.bytes));
    figures.push(("Growth", format!("about {} entries and {} a day", count(entries), bytes(size))));
    if let Value::Integer(days) = settings.get(RETENTION_DAYS) {
        let days = days.unsigned_abs();
        let held =
            format!("about {} entries, {}", count(entries.saturating_mul(days)), bytes(size.saturating_mul(days)));
        figures.push(("At the retention period", held));
    }
    figures
}
