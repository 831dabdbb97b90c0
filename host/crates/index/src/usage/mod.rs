//! Usage: what is counted of requests, kept by hour and by day, and longer than the entries.
//!
//! When a large block of the index is closed, its requests are aggregated into a *run* ([`runs`]): for each combination of
//! dimensions a *part* of cells by day, and for most by hour ([`cells`]). Retention aggregates what it is about to remove.
//! A run is about a range of `seq` and is never changed, so that it counts each entry once, however late it came, and can
//! be made again as long as its entries are there. What no run has yet, and the parts of hours at the ends of a
//! range, are counted from the entries ([`source`]).

mod answer;
mod cells;
mod format_1;
mod runs;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::{MAX_POINTS, UsageStep};
use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, HOUR, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_model::vocabulary;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

pub(crate) use answer::usage;
pub use format_1::PartOfFormat1;
pub(crate) use runs::{append, append_before, prune, repair, used};

/// What usage can be broken down by.
pub const USAGE_FIELDS: [Field; 7] =
    [Field::User, Field::Server, Field::Tool, Field::Connection, Field::Provider, Field::LlmModel, Field::ApiKey];

/// The dimensions of cells: the same, and the instance, by which record rules narrow usage.
fn dimensions() -> impl Iterator<Item = Field> {
    USAGE_FIELDS.into_iter().chain([Field::Instance])
}

/// The dimensions that usage is kept by, and the outcome: viewers who see figures alone may ask about these.
pub fn is_dimension(field: Field) -> bool {
    dimensions().chain([Field::Outcome]).any(|other| other == field)
}

/// The kinds of entries that count as requests: what a client asked for, and what was refused before it could be read.
pub const REQUESTS: [Kind; 2] = [Kind::Request, Kind::Http];

/// The entries that usage counts. What is pending counts with the entry about its end.
pub fn requests() -> Domain {
    let kinds = Test::In(REQUESTS.map(|kind| kind.as_str().into()).into());
    let pending = Domain::equals(Field::Outcome, Outcome::Pending.as_str());
    Domain::Term(Term { field: Field::Kind, test: kinds }).and(pending.not())
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
        return Err(RangeError::Backwards(start, end));
    }
    if end.plus(-LONGEST) > start {
        return Err(RangeError::TooLong(start, end));
    }
    Ok((start..end, rest))
}

/// Why nothing is counted of a range. Its end is now by default.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RangeError {
    /// It ends before it begins, or as it begins.
    #[error("the range starts at {0} but ends by {1}; swap its ends, or leave out one of them")]
    Backwards(Timestamp, Timestamp),
    /// It has too many weeks.
    #[error("{0} to {1} is longer than 2,400 weeks (about 46 years); use a later start")]
    TooLong(Timestamp, Timestamp),
}

/// Which usage to count. [`UsageQuery::over`] fills what is not said: `UsageQuery { by, ..UsageQuery::over(range) }`.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// The filter, with the record rule in it. What it says of the time narrows the range.
    pub domain: Domain,
    /// When the requests began, its end left out.
    pub range: Range<Timestamp>,
    /// The step of the series; one that suits the range where there is none.
    pub step: Option<UsageStep>,
    /// The zone whose days and weeks the steps are; a reader takes its viewer's.
    pub zone: TimeZone,
    /// What to break it down by, each by itself.
    pub by: Vec<UsageBy>,
    /// Which rows of a breakdown come first.
    pub sort: UsageSort,
    /// How many rows.
    pub limit: usize,
    /// Whether to count the period before as well, which is as long.
    pub previous: bool,
    /// Whether to count how many requests of each point took how long.
    pub durations: bool,
    /// Leave out what was recorded from this moment on, as far as it is not in a closed part of the log: for viewers who
    /// must not notice a single further request.
    pub recorded_before: Option<Timestamp>,
}

impl UsageQuery {
    /// The totals of this range, and the series of a step that suits it.
    pub fn over(range: Range<Timestamp>) -> Self {
        Self {
            domain: Domain::TRUE,
            range,
            step: None,
            zone: TimeZone::UTC,
            by: Vec::new(),
            sort: UsageSort::default(),
            limit: 10,
            previous: false,
            durations: false,
            recorded_before: None,
        }
    }
}

vocabulary! {
    /// What a breakdown is ranked by; the greatest first.
    #[derive(Default)]
    UsageSort {
        /// How many requests.
        #[default]
        Requests = "requests",
        /// How many of them are not a success.
        Errors = "errors",
        /// How long they took on average.
        Duration = "duration",
        /// The 95th percentile of how long they took, among the 2,000 values with the most requests.
        P95 = "p95",
        /// How many tokens went in and out.
        Tokens = "tokens",
        /// What they cost.
        Cost = "cost",
    }
}

impl UsageSort {
    /// What of these stats it ranks by.
    pub fn measure(self, stats: &UsageStats) -> u64 {
        match self {
            Self::Requests => stats.requests,
            Self::Errors => stats.errors,
            Self::Duration => stats.average_us.unwrap_or(0),
            Self::P95 => stats.p95_us.unwrap_or(0),
            Self::Tokens => stats.tokens(),
            Self::Cost => stats.cost_micros,
        }
    }
}

/// What is counted of some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsageStats {
    /// How many there are.
    pub requests: u64,
    /// The number of requests that are not a success.
    pub errors: u64,
    /// The average duration of the requests that have one, in microseconds, rounded down.
    pub average_us: Option<u64>,
    /// The median duration in microseconds, rounded up by at most a sixteenth, and at most the slowest duration.
    pub p50_us: Option<u64>,
    /// The 95th percentile, likewise.
    pub p95_us: Option<u64>,
    /// The 99th percentile, likewise.
    pub p99_us: Option<u64>,
    /// Tokens that went into language models.
    pub input_tokens: u64,
    /// Tokens that came out of them.
    pub output_tokens: u64,
    /// What it cost, in millionths of the currency unit.
    pub cost_micros: u64,
}

impl UsageStats {
    /// All tokens.
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// The share of its requests that succeeded, from 0 to 1; `None` without any.
    pub fn success_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.requests - self.errors.min(self.requests)) as f64 / self.requests as f64)
    }
}

/// All requests of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Totals {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What is counted of them.
    #[serde(flatten)]
    pub stats: UsageStats,
    /// How many different values each field has; null where that depends on deleted entries.
    #[serde(serialize_with = "by_name")]
    #[schemars(with = "BTreeMap<String, Option<u64>>")]
    pub unique: Vec<(Field, Option<u64>)>,
}

fn by_name<S: Serializer>(unique: &[(Field, Option<u64>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(unique.iter().map(|(field, count)| (field.name(), count)))
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Point {
    /// When it begins; within the range that is covered.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What is counted in it.
    #[serde(flatten)]
    pub stats: UsageStats,
}

/// How long the requests of each point of a series took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DurationCounts {
    /// The limits between the classes, in microseconds and ascending: powers of two, at which counts are exact.
    pub limits_us: Vec<u64>,
    /// For each point of the series the number of requests below the first limit, from each limit to the next, and from
    /// the last one on. Requests without a duration are not counted.
    pub counts: Vec<Vec<u64>>,
}

impl DurationCounts {
    /// The classes from the first to the last one that occurs.
    pub fn classes(&self) -> Range<usize> {
        let used = |class: &usize| self.counts.iter().any(|counts| counts.get(*class).is_some_and(|count| *count > 0));
        let mut classes = (0..=self.limits_us.len()).filter(used);
        let first = classes.next().unwrap_or(0);
        first..classes.next_back().unwrap_or(first) + 1
    }
}

/// What a table of usage is by: one of [`USAGE_FIELDS`], or two of them together. It is written `user` or
/// `user,llm_model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageBy {
    /// The field.
    pub field: Field,
    /// The second field, which is another one.
    pub second: Option<Field>,
}

impl UsageBy {
    /// What this text names; `None` if it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| USAGE_FIELDS.into_iter().find(|field| field.name() == name);
        match text.split_once(',') {
            None => named(text).map(Self::from),
            Some((first, second)) => {
                let (field, second) = (named(first)?, named(second)?);
                (field != second).then_some(Self { field, second: Some(second) })
            }
        }
    }

    /// Its fields, one or two.
    pub fn fields(self) -> impl Iterator<Item = Field> {
        std::iter::once(self.field).chain(self.second)
    }
}

impl From<Field> for UsageBy {
    fn from(field: Field) -> Self {
        Self { field, second: None }
    }
}

impl fmt::Display for UsageBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.name())?;
        self.second.map_or(Ok(()), |second| write!(f, ",{}", second.name()))
    }
}

/// Usage by one field, or by two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The field or fields.
    pub by: UsageBy,
    /// The rows that were asked for, in order.
    pub rows: Vec<UsageRow>,
    /// The total number of rows.
    pub found: usize,
}

/// A row of a breakdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsageRow {
    /// The field's value; null for requests without one.
    pub key: Value,
    /// The value of the second field; absent in a breakdown by one field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_key: Option<Value>,
    /// What is counted of its requests.
    #[serde(flatten)]
    pub stats: UsageStats,
    /// How many users they are from; null where that depends on deleted entries.
    pub users: Option<u64>,
}

impl UsageRow {
    /// Its keys, one or two.
    pub fn keys(&self) -> Vec<Value> {
        std::iter::once(&self.key).chain(&self.second_key).cloned().collect()
    }
}

/// What is missing in usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingUsage {
    /// Some usage from before this moment is removed.
    Removed(Timestamp),
    /// Only the entries know what the filter asks about, and some of them are gone.
    Entries,
    /// Usage whose entries are gone is damaged.
    Damaged,
}

/// The sentence for the viewer.
impl fmt::Display for MissingUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed(until) => write!(f, "Usage before {until} was removed by the usage retention."),
            Self::Entries => f.write_str(
                "Entries of this range are deleted, and usage does not keep all fields of this filter or table, so their \
                 requests are missing. Use fewer fields, or a later range.",
            ),
            Self::Damaged => f.write_str(
                "Some usage is damaged and missing, and its entries are deleted. Restore the log from a backup.",
            ),
        }
    }
}

/// Usage over a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The range that was asked for.
    pub asked: Range<Timestamp>,
    /// The range that usage covers: wider by a part of an hour or of a day at an end where single entries are
    /// gone.
    pub covered: Range<Timestamp>,
    /// What is missing within it.
    pub missing: Vec<MissingUsage>,
    /// All of it together.
    pub totals: Totals,
    /// The same of the period before, if that was asked for.
    pub previous: Option<Totals>,
    /// The step of the series.
    pub step: UsageStep,
    /// Usage over time, oldest first, without holes.
    pub series: Vec<Point>,
    /// How long the requests of each of its points took, if that was asked for.
    pub durations: Option<DurationCounts>,
    /// One for each field that was asked for.
    pub breakdowns: Vec<Breakdown>,
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
