//! Usage: what is counted of requests, kept by hour and by day, and longer than the entries.
//!
//! What is asked for and what comes back is in this file, [`words`] and [`figures`]; the rest makes and reads it.
//!
//! When a large block of the index is closed, its requests are folded into a *run*: for each cut ([`cuts`]) a *part* of
//! cells by day, and for most by hour ([`cells`]). A cut that has the user beside another dimension has about as many
//! cells as there are requests, so that it is divided by users into several parts; one of them answers what a user
//! did. What the cleanup is about to remove is folded before. A run is about a range of places and is never changed, so
//! that it counts each entry once, however late it came, and can be made again as long as its entries are there. What no
//! run has yet, and the parts of hours at the ends of a range, are counted from the entries ([`entries`]).

mod answer;
mod breakdown;
mod cells;
mod cuts;
mod durations;
mod entries;
mod figures;
mod fold;
mod gone;
mod keep;
mod lot;
mod measures;
mod question;
mod ragged;
mod runs;
mod seen;
mod slots;
mod source;
mod span;
mod sums;
mod tally;
mod users;
mod words;

use std::ops::Range;

use mcp_audit_log_filter::{Comparison, Context, Domain, DomainToken, Operand, from_tokens};
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, HOUR, Timestamp};

pub(crate) use answer::usage;
pub use figures::{Breakdown, Figures, Lack, Point, Totals, Usage, UsageRow};
pub(crate) use keep::{fold_before, keep_up, mend, prune, used};
pub use words::{UsageSort, UsageStep};

/// What usage can be broken down by.
pub const USAGE_FIELDS: [Field; 7] =
    [Field::User, Field::Server, Field::Tool, Field::Connection, Field::Provider, Field::LlmModel, Field::ApiKey];
/// Most points of a series; a step that makes more of them is taken for the next longer one.
pub const MAX_POINTS: i64 = 2_400;

/// The kinds of entries that count as requests: what a client asked for, and what was refused before it could be read.
pub const REQUESTS: [Kind; 2] = [Kind::Request, Kind::Http];

/// The entries that usage counts. What is pending counts with the entry about its end.
pub fn requests() -> Domain {
    let kinds = leaf(Field::Kind, Comparison::In, REQUESTS.map(Kind::as_str));
    let ended = leaf(Field::Outcome, Comparison::NotEqual, [Outcome::Pending.as_str()]);
    from_tokens(&[kinds, ended], &Context::without_viewer(Timestamp::EPOCH)).unwrap_or(Domain::FALSE)
}

/// The entries that count as errors, in usage and in groups.
pub(crate) fn failures() -> Domain {
    let failed = leaf(Field::Outcome, Comparison::In, Outcome::FAILED.map(Outcome::as_str));
    from_tokens(&[failed], &Context::without_viewer(Timestamp::EPOCH)).unwrap_or(Domain::FALSE)
}

fn leaf<const N: usize>(field: Field, comparison: Comparison, operands: [&str; N]) -> DomainToken {
    DomainToken::Leaf { field: field.name().to_owned(), comparison, operands: operands.map(Operand::from).into() }
}

/// The dimensions that usage is kept by, and how requests went: what those may ask about who see figures alone.
pub fn is_dimension(field: Field) -> bool {
    USAGE_FIELDS.contains(&field) || [Field::Instance, Field::Outcome].contains(&field)
}

/// The longest range that is counted, in microseconds: some 46 years.
const LONGEST: i64 = MAX_POINTS * 7 * DAY;

/// The range that a domain asks for at `now`, and the rest of it: until now, and for a day, where it names no end or no
/// beginning.
///
/// # Errors
/// It ends before it begins, or is too long.
pub fn usage_range(domain: Domain, now: Timestamp) -> Result<(Range<Timestamp>, Domain), RangeError> {
    let (times, rest) = domain.split_times();
    let end = if times.end == i64::MAX { now.as_micros() } else { times.end };
    let start = if times.start == i64::MIN { end.saturating_sub(DAY) } else { times.start };
    let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
    // A day as the end is included, so that the day before the first one makes a range of no length.
    if start >= end {
        return Err(RangeError::Backwards { start, end });
    }
    if end.plus(-LONGEST) > start {
        return Err(RangeError::TooLong { start, end });
    }
    Ok((start..end, rest))
}

/// Why nothing is counted of a range. Its end is now by default.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RangeError {
    /// It ends before it begins, or as it begins.
    #[error("the range starts at {start} but ends by {end}; swap its ends, or leave out one of them")]
    Backwards {
        /// When it would begin.
        start: Timestamp,
        /// When it would end.
        end: Timestamp,
    },
    /// It has too many weeks.
    #[error("{start} to {end} is longer than 2,400 weeks (about 46 years); use a later start")]
    TooLong {
        /// When it would begin.
        start: Timestamp,
        /// When it would end.
        end: Timestamp,
    },
}

/// Which usage to count.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// The filter, with the record rule in it. What it says of the time narrows the range.
    pub domain: Domain,
    /// When the requests began, its end left out.
    pub range: Range<Timestamp>,
    /// The step of the series; one that suits the range where there is none.
    pub step: Option<UsageStep>,
    /// What to break it down by, each by itself.
    pub by: Vec<Field>,
    /// Which rows of a breakdown come first.
    pub sort: UsageSort,
    /// How many rows.
    pub limit: usize,
    /// Whether to count the period before as well, which is as long.
    pub previous: bool,
    /// Leave out what was recorded from this moment on, as far as it is not in a closed part of the log: for viewers who
    /// must not notice a single further request.
    pub recorded_before: Option<Timestamp>,
}

/// When the `unit` of time began that `micros` is in.
fn floor(micros: i64, unit: i64) -> i64 {
    micros.div_euclid(unit).saturating_mul(unit)
}

/// When the next one begins, unless `micros` is a beginning.
fn ceil(micros: i64, unit: i64) -> i64 {
    let start = floor(micros, unit);
    if start == micros { micros } else { start.saturating_add(unit) }
}
