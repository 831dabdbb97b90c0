//! The types of the log, without I/O: times, values, the table of fields, events, entries, and what is derived from
//! them.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Time and the clock.
pub mod time;
/// Values of settings, filters and facts.
pub mod value;

/// The fields of an entry.
pub mod field;

/// Events: what happened.
pub mod event;

/// Entries: what was recorded.
pub mod entry;

/// The schemas of these types in the API's document.
mod schema;

/// The rules for names.
pub mod name;

/// The actor of an action on the log itself.
pub mod actor;

/// Numbers, times and texts for people.
#[doc(hidden)]
pub mod format;
/// Hiding secrets.
pub mod mask;
/// Prices of language models.
pub mod price;
/// Schedules of jobs.
pub mod schedule;
/// Time zones.
pub mod time_zone;

/// Histograms of durations.
pub mod histogram;
