//! Usage: what is asked for and what comes back.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{Comparison, Context, Domain, Operand, Token, from_tokens};
use crate::event::Kind;
use crate::field::Field;
use crate::time::{DAY, HOUR, Timestamp};
use crate::value::Value;

/// What usage can be broken down by.
pub const USAGE_FIELDS: [Field; 7] =
    [Field::User, Field::Server, Field::Tool, Field::Connection, Field::Provider, Field::LlmModel, Field::ApiKey];
/// Most points of a series; a step that makes more of them is taken for the next longer one.
pub const MAX_POINTS: i64 = 2_400;

/// The kinds of entries that count as requests: what a client asked for, and what was refused before it could be read.
pub const REQUESTS: [Kind; 2] = [Kind::Request, Kind::Http];

/// The entries that usage counts.
pub fn requests() -> Domain {
    let operands = REQUESTS.map(|kind| Operand::from(kind.as_str())).into();
    let leaf = Token::Leaf { field: Field::Kind.name().to_owned(), comparison: Comparison::In, operands };
    from_tokens(&[leaf], &Context::nobody(Timestamp::EPOCH)).unwrap_or(Domain::FALSE)
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $case,)+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }

            /// The word that `text` is, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

/// The dimensions that usage is kept by, and how requests went: what those may ask about who see figures alone.
pub(crate) fn is_dimension(field: Field) -> bool {
    USAGE_FIELDS.contains(&field) || [Field::Instance, Field::Outcome].contains(&field)
}

/// The longest range that is counted, in microseconds: some 46 years.
const LONGEST: i64 = MAX_POINTS * 7 * DAY;

/// The range that a domain asks for at `now`, and the rest of it: until now, and for a day, where it names no end or no
/// beginning.
pub fn usage_range(domain: Domain, now: Timestamp) -> (Range<Timestamp>, Domain) {
    let (times, rest) = domain.split_times();
    let end = if times.end == i64::MAX { now.as_micros() } else { times.end };
    let start = if times.start == i64::MIN { end.saturating_sub(DAY) } else { times.start };
    let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
    (start.max(end.plus(-LONGEST)).min(end)..end, rest)
}

words! {
    /// What a breakdown is ranked by; the greatest first.
    UsageSort {
        /// How many requests.
        #[default]
        Requests = "requests",
        /// How many of them are not a success.
        Errors = "errors",
        /// How long they took on average.
        Duration = "duration",
        /// How many tokens went in and out.
        Tokens = "tokens",
        /// What they cost.
        Cost = "cost",
    }
}

words! {
    /// How far apart the points of a series are, in UTC.
    UsageStep {
        /// An hour.
        Hour = "hour",
        /// A day.
        #[default]
        Day = "day",
        /// A week, from Monday on.
        Week = "week",
    }
}

impl UsageStep {
    /// The step that suits a range of so many microseconds.
    pub fn for_length(micros: i64) -> Self {
        match micros / DAY {
            ..=3 => Self::Hour,
            4..=180 => Self::Day,
            _ => Self::Week,
        }
    }

    /// This step, or the next longer one that does not make too many points of so many microseconds.
    pub(crate) fn fitting(self, micros: i64) -> Self {
        let fits = |step: &Self| micros / step.micros() < MAX_POINTS;
        Self::ALL.iter().copied().skip(self as usize).find(fits).unwrap_or(Self::Week)
    }

    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
        }
    }

    /// When the step began that `micros` is in.
    pub(crate) fn start(self, micros: i64) -> i64 {
        // 1970 began on a Thursday.
        let offset = if self == Self::Week { 4 * DAY } else { 0 };
        let (micros, length) = (micros.saturating_sub(offset), self.micros());
        micros.div_euclid(length).saturating_mul(length).saturating_add(offset)
    }
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
}

/// What is counted of some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figures {
    /// How many there are.
    pub requests: u64,
    /// How many of them are not a success.
    pub errors: u64,
    /// How long those that say took on average, in microseconds, rounded down.
    pub average_us: Option<u64>,
    /// How long half of them took at most, in microseconds: never less than they did, at most a sixteenth more, and no
    /// more than the slowest of all.
    pub p50_us: Option<u64>,
    /// The same of 95 in a hundred.
    pub p95_us: Option<u64>,
    /// The same of 99 in a hundred.
    pub p99_us: Option<u64>,
    /// Tokens that went into language models.
    pub input_tokens: u64,
    /// Tokens that came out of them.
    pub output_tokens: u64,
    /// What it cost, in millionths of the currency unit.
    pub cost_micros: u64,
}

impl Figures {
    /// The share of its requests that succeeded, from 0 to 1; `None` without any.
    pub fn success_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.requests - self.errors.min(self.requests)) as f64 / self.requests as f64)
    }
}

/// All requests together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What is counted of them.
    pub figures: Figures,
    /// Of each of [`USAGE_FIELDS`] how many different values they have; `None` where only entries could tell that are
    /// gone.
    pub unique: Vec<(Field, Option<u64>)>,
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When it begins; within the range that is covered.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What is counted in it.
    pub figures: Figures,
}

/// Usage by one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The field.
    pub field: Field,
    /// The rows that were asked for, in order.
    pub rows: Vec<UsageRow>,
    /// How many rows there are in all.
    pub found: usize,
}

/// A row of a breakdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The field's value, or unset.
    pub key: Value,
    /// What is counted of its requests.
    pub figures: Figures,
    /// How many users they are from; `None` where only entries could tell that are gone.
    pub users: Option<u64>,
}

/// Why figures lack something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Some figures from before this moment are removed.
    Removed(Timestamp),
    /// Only the entries know what the filter asks about, and some of them are gone.
    Entries,
    /// Figures whose entries are gone are damaged.
    Damaged,
}

/// The sentence for whoever reads the figures.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed(until) => write!(f, "Figures from before {until} are removed, as the settings say."),
            Self::Entries => f.write_str(
                "Entries of this range are deleted, and what the filter asks about is not kept beyond them: their requests \
                 are missing. Filter by fewer fields, or ask for a later range.",
            ),
            Self::Damaged => f.write_str(
                "Some figures are damaged and missing, and their entries are deleted; restore the log from a backup.",
            ),
        }
    }
}

/// Usage over a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The range that was asked for.
    pub asked: Range<Timestamp>,
    /// The range that the figures are about: wider by a part of an hour or of a day at an end where single entries are
    /// gone.
    pub covered: Range<Timestamp>,
    /// What the figures lack within it.
    pub lacks: Vec<Lack>,
    /// All of it together.
    pub totals: Totals,
    /// The same of the period before, if that was asked for, and the range that this is about.
    pub previous: Option<(Range<Timestamp>, Totals)>,
    /// The step of the series.
    pub step: UsageStep,
    /// The figures over time, oldest first, without holes.
    pub series: Vec<Point>,
    /// One for each field that was asked for.
    pub breakdowns: Vec<Breakdown>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_steps_stay_few() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment").as_micros();
        assert_eq!(UsageStep::Week.start(at("2026-11-22T23:00:00Z")), at("2026-11-16"));
        assert_eq!(UsageStep::Week.start(at("2026-11-23")), at("2026-11-23"));
        assert_eq!(UsageStep::Hour.fitting(99 * DAY), UsageStep::Hour);
        assert_eq!(UsageStep::Hour.fitting(101 * DAY), UsageStep::Day);
        assert_eq!(UsageStep::Hour.fitting(i64::MAX), UsageStep::Week);
        let suits = [DAY, 7 * DAY, 90 * DAY, 400 * DAY].map(UsageStep::for_length);
        assert_eq!(suits, [UsageStep::Hour, UsageStep::Day, UsageStep::Day, UsageStep::Week]);
    }
}
