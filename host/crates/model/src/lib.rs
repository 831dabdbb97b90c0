//! What the log is about, without I/O: times, values, the table of fields, events, entries, and what is derived of
//! them.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Time and the clock.
pub mod time;
/// Values of settings, filters and facts.
pub mod value;

/// The fields of an entry.
pub mod field;

/// What happened.
pub mod event;

/// What was recorded.
pub mod entry;

/// The schemas of these types in the API's document.
mod schema;

/// What may be a name.
pub mod name;

/// The actor of an action on the log itself.
pub mod actor;

/// Numbers, times and texts for people.
#[doc(hidden)]
pub mod format;
/// Hiding secrets.
pub mod mask;
/// What language models cost.
pub mod price;
/// When a job is due.
pub mod schedule;

/// How long things took.
pub mod histogram;
