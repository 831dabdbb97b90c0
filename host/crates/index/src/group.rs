//! Groups of entries: the types of the query and of the answer.

use std::fmt;

use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// The most groups of one query. More groups would give no overview, and would need memory without a limit.
pub const MAX_GROUPS: usize = 20_000;

/// What entries are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The value of a field whose values repeat.
    Field(Field),
    /// The day on which it began.
    Day,
}

impl GroupBy {
    /// The grouping called `name`: a field's name or `day`. `None` if entries cannot be grouped by it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            _ => Field::parse(name).filter(|field| Self::is_possible(*field)).map(Self::Field),
        }
    }

    /// Everything that entries can be grouped by.
    pub fn all() -> impl Iterator<Item = Self> {
        let fields = Field::ALL.iter().copied().filter(|field| Self::is_possible(*field)).map(Self::Field);
        std::iter::once(Self::Day).chain(fields)
    }

    fn is_possible(field: Field) -> bool {
        field.repeats() || field == Field::StatusCode
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Day => f.write_str("day"),
        }
    }
}

/// What groups are sorted by; the greatest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupSort {
    /// By the number of entries.
    #[default]
    Count,
    /// By the number of entries that are not a success.
    Errors,
    /// By the average duration.
    Average,
    /// By the 95th percentile of the durations.
    P95,
    /// Their value, ascending.
    Key,
}

impl GroupSort {
    /// Every order with its name.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("count", Self::Count),
        ("errors", Self::Errors),
        ("average", Self::Average),
        ("p95", Self::P95),
        ("key", Self::Key),
    ];

    /// The order that `name` names; `duration`, as usage calls it, is the average.
    pub fn parse(name: &str) -> Option<Self> {
        let name = if name == "duration" { "average" } else { name };
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, sort)| *sort)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, sort)| *sort == self).map_or("count", |(name, _)| name)
    }
}

/// The groups to compute.
#[derive(Clone, Debug)]
pub struct GroupQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// One or two fields, or the day.
    pub by: Vec<GroupBy>,
    /// The zone whose days the days are.
    pub zone: TimeZone,
    /// Which come first.
    pub sort: GroupSort,
    /// How many.
    pub limit: usize,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its values, one for each level: a text, a number, or unset; a day as `2026-11-21`.
    pub keys: Vec<Value>,
    /// How many entries it has.
    pub count: u64,
    /// How many of them are not a success.
    pub errors: u64,
    /// The average duration of the entries that have one, in microseconds, rounded down. Streams from the server stay
    /// open for hours and do not count here, unless the groups are by kind.
    pub average_us: Option<u64>,
    /// The 95th percentile of the durations, in microseconds: never below the exact one, at most a sixteenth above it,
    /// and at most the longest duration.
    pub p95_us: Option<u64>,
}

/// Groups, with the totals of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// The groups asked for, in order.
    pub groups: Vec<Group>,
    /// The number of all groups.
    pub found: usize,
    /// The number of entries in all groups.
    pub entries: u64,
}

/// The values of a field, for a menu. Viewers who see only a part of the log get only the values of its newest entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Values {
    /// The values, in order.
    pub values: Vec<Value>,
    /// Whether there are more.
    pub more: bool,
}
