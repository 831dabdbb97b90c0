//! The answer to a question about usage.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::UsageStep;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

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

/// Usage by one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The field.
    pub field: Field,
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
    /// What is counted of its requests.
    #[serde(flatten)]
    pub stats: UsageStats,
    /// How many users they are from; null where that depends on deleted entries.
    pub users: Option<u64>,
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
                "Entries of this range are deleted, and usage does not keep all fields of this filter, so their \
                 requests are missing. Filter by fewer fields, or use a later range.",
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
    /// One for each field that was asked for.
    pub breakdowns: Vec<Breakdown>,
}
