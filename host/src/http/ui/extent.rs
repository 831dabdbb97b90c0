//! How large the log is, how fast it grows, and what the chosen period will hold.

use super::text::{bytes, count, exact};
use crate::growth::Growth;
use crate::settings::{RETENTION_DAYS, Settings};
use crate::store::Extent;
use crate::value::Value;

/// The figures as label and value.
pub(super) fn figures(extent: &Extent, growth: Option<Growth>, settings: &Settings) -> Vec<(&'static str, String)> {
    let journal = bytes(extent.journal_bytes);
    let size =
        format!("{}, and {journal} of write-ahead log, which does not grow with the entries", bytes(extent.bytes));
    let mut figures = vec![("Entries", count(extent.entries)), ("Size on disk", size)];
    let (Some(oldest), Some(newest)) = (extent.oldest, extent.newest) else { return figures };
    figures.extend([("Oldest entry", exact(oldest)), ("Newest entry", exact(newest))]);
    let Some(growth) = growth else {
        figures.push(("Growth", "Available when the log spans an hour.".to_owned()));
        return figures;
    };
    let told = |growth: Growth| format!("about {} entries, {}", count(growth.entries), bytes(growth.bytes));
    figures.push(("Growth", format!("{} a day, from the last 7 days or since the beginning", told(growth))));
    if let Value::Integer(days) = settings.get(RETENTION_DAYS) {
        figures.push(("At the retention period", told(growth.over(days.unsigned_abs()))));
    }
    figures
}
