//! The grouped form of the list: each group is a row that links to its entries. The URL holds the whole view.

use mcp_audit_log_core::reader::{MAX_LIMIT, Reader};
use mcp_audit_log_index as index;
use mcp_audit_log_index::{Group, GroupBy, GroupSort, Groups};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{count, counted, duration, percent};
use mcp_audit_log_model::value::Value;

use crate::problem::Problem;
use crate::query::grouping;
use crate::query::grouping::{Grouping, LEVELS};
use crate::query::search::{Pairs, query, values};
use crate::ui::text::Shown;

/// The measures: sort order and heading.
const MEASURES: [(GroupSort, &str); 4] = [
    (GroupSort::Count, "Entries"),
    (GroupSort::Errors, "Errors"),
    (GroupSort::Average, "Average"),
    (GroupSort::P95, "P95"),
];
/// The most inner groups of one group, and of all groups together. This keeps the page small; each group links to all
/// of its inner groups.
const WITHIN: usize = 12;
const WITHIN_ALL: usize = 120;
/// If there are no more rows than this, all inner groups are open at first.
const AT_A_GLANCE: usize = 40;

/// The groups that were found, with their inner groups.
pub(crate) struct Found {
    asked: Grouping,
    outer: Groups,
    inner: Option<Groups>,
}

/// Groups as a table.
pub(crate) struct Table {
    pub(crate) levels: Vec<Heading>,
    pub(crate) measures: Vec<Heading>,
    pub(crate) rows: Vec<Row>,
    /// How much there is.
    pub(crate) extent: String,
    /// The link to the entries of all groups.
    pub(crate) entries: String,
}

/// The heading of a column. Its link sorts by the column.
pub(crate) struct Heading {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) sorted: &'static str,
}

/// One group.
pub(crate) struct Row {
    pub(crate) key: Shown,
    pub(crate) is_set: bool,
    /// The link to its entries.
    pub(crate) href: Option<String>,
    pub(crate) count: String,
    pub(crate) errors: Option<String>,
    /// Errors in percent of the entries.
    pub(crate) share: String,
    pub(crate) average: Option<String>,
    pub(crate) p95: Option<String>,
    pub(crate) entries: Bar,
    pub(crate) duration: Option<Bar>,
    pub(crate) within: Option<Within>,
}

/// The groups within one.
pub(crate) struct Within {
    pub(crate) open: bool,
    pub(crate) rows: Vec<Row>,
    /// The link to all inner groups, if only some are shown.
    pub(crate) all: Option<String>,
}

impl Found {
    /// The groups of `asked`. With two levels, the outer groups are counted separately, because their percentiles
    /// cannot be computed from those of the inner groups.
    pub(crate) fn new(reader: &Reader<'_>, asked: Grouping) -> Result<Self, Problem> {
        let of = |by: &[GroupBy], limit| reader.groups(asked.domain.clone(), by, asked.sort, limit);
        let outer = of(&asked.by[..1], asked.limit)?;
        let inner = (asked.by.len() > 1).then(|| of(&asked.by, MAX_LIMIT)).transpose()?;
        Ok(Self { asked, outer, inner })
    }
}

impl Table {
    /// The table of the groups that were found with these parameters.
    pub(crate) fn new(home: &str, pairs: &Pairs, found: &Found) -> Self {
        let (sort, by) = (found.asked.sort, &found.asked.by);
        let head = |column: GroupSort, label, order| Heading {
            label,
            href: resort(home, pairs, column),
            sorted: if column == sort { order } else { "none" },
        };
        Self {
            levels: by.iter().map(|by| head(GroupSort::Key, label(*by), "ascending")).collect(),
            measures: MEASURES.iter().map(|(column, label)| head(*column, label, "descending")).collect(),
            rows: Rows::new(home, pairs, found).all(),
            extent: extent(found),
            entries: format!("{home}{}", query(kept(pairs, &["by", "sort", "cursor"]))),
        }
    }
}

/// The data for making rows.
struct Rows<'a> {
    home: &'a str,
    pairs: &'a Pairs,
    found: &'a Found,
    scale: Scale,
    /// The number of inner groups that still fit on the page.
    room: usize,
    open: bool,
}

impl<'a> Rows<'a> {
    fn new(home: &'a str, pairs: &'a Pairs, found: &'a Found) -> Self {
        let inner = found.inner.iter().flat_map(|inner| &inner.groups);
        let rows = found.outer.groups.len() + found.inner.as_ref().map_or(0, |inner| inner.found);
        let scale = Scale::of(found.outer.groups.iter().chain(inner));
        Self { home, pairs, found, scale, room: WITHIN_ALL, open: rows <= AT_A_GLANCE }
    }

    fn all(mut self) -> Vec<Row> {
        let found = self.found;
        let rows = found.outer.groups.iter().enumerate().map(|(at, group)| {
            let within = found.inner.as_ref().map(|inner| self.within(group, inner, at == 0));
            Row { within, ..self.row(group) }
        });
        rows.collect()
    }

    fn within(&mut self, outer: &index::Group, inner: &Groups, is_first: bool) -> Within {
        let own = inner.groups.iter().filter(|group| group.keys.first() == outer.keys.first());
        let own: Vec<_> = own.take(WITHIN.min(self.room)).collect();
        self.room -= own.len();
        let shown: u64 = own.iter().map(|group| group.count).sum();
        Within {
            open: self.open || is_first,
            rows: own.into_iter().map(|group| self.row(group)).collect(),
            all: (shown < outer.count).then(|| self.inside(outer)).flatten(),
        }
    }

    fn row(&self, group: &index::Group) -> Row {
        let key = group.keys.last().cloned().unwrap_or(Value::Unset);
        let by = &self.found.asked.by[..group.keys.len()];
        Row {
            key: Shown::cut(&key.to_string(), 200),
            is_set: key != Value::Unset,
            href: grouping::entries(self.pairs, by, group).map(|query| format!("{}{query}", self.home)),
            count: count(group.count),
            errors: (group.errors > 0).then(|| count(group.errors)),
            share: percent(group.errors, group.count),
            average: group.average_us.map(duration),
            p95: group.p95_us.map(duration),
            entries: self.scale.entries(group),
            duration: self.scale.duration(group),
            within: None,
        }
    }

    /// The address of all inner groups of one group.
    fn inside(&self, outer: &index::Group) -> Option<String> {
        let asked = &self.found.asked;
        let entries = grouping::entries(self.pairs, &asked.by[..1], outer)?;
        let join = if entries.is_empty() { '?' } else { '&' };
        let (by, sort) = (asked.by.last()?, asked.sort.as_str());
        Some(format!("{}{entries}{join}by={by}&sort={sort}", self.home))
    }
}

fn extent(found: &Found) -> String {
    let groups = counted(found.outer.found as u64, "group", "groups");
    let entries = counted(found.outer.entries, "entry", "entries");
    let within =
        found.inner.as_ref().map_or_else(String::new, |inner| format!(", {} subgroups", count(inner.found as u64)));
    match found.outer.groups.len() {
        shown if shown < found.outer.found => {
            format!("The first {} of {groups}{within}, of {entries}", count(shown as u64))
        }
        _ => format!("{groups}{within}, of {entries}"),
    }
}

fn resort(home: &str, pairs: &Pairs, sort: GroupSort) -> String {
    format!("{home}{}", query(kept(pairs, &["sort", "cursor"]).chain([("sort", sort.as_str())])))
}

/// All parameters but these.
fn kept<'a>(pairs: &'a Pairs, without: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let kept = pairs.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    kept.map(|(name, value)| (name.as_str(), value.as_str()))
}

/// A bar of up to a hundred units, and the length of its highlighted part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) length: u64,
    pub(crate) part: u64,
}

/// The greatest figures of a table. They fill their bars.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scale {
    count: u64,
    longest_us: u64,
}

impl Scale {
    /// The scale on which all of these groups fit.
    pub(crate) fn of<'a>(groups: impl Iterator<Item = &'a Group>) -> Self {
        groups.fold(Self::default(), |scale, group| Self {
            count: scale.count.max(group.count),
            longest_us: scale.longest_us.max(longest(group).unwrap_or(0)),
        })
    }

    /// The bar for the entries, with the failed ones highlighted.
    pub(crate) fn entries(self, group: &Group) -> Bar {
        let length = share(group.count, self.count);
        Bar { length, part: share(group.errors.saturating_mul(length), group.count).div_ceil(100) }
    }

    /// The bar for the 95th percentile of durations, with the average highlighted.
    pub(crate) fn duration(self, group: &Group) -> Option<Bar> {
        let length = share(longest(group)?, self.longest_us);
        Some(Bar { length, part: share(group.average_us.unwrap_or(0), self.longest_us).min(length) })
    }
}

/// A few very slow entries can lift the average above the 95th percentile.
fn longest(group: &Group) -> Option<u64> {
    group.p95_us.max(group.average_us)
}

/// A part in percent of the whole; at least 1 if it is not zero.
fn share(part: u64, whole: u64) -> u64 {
    let share = part.saturating_mul(100).checked_div(whole).unwrap_or(0);
    share.max(u64::from(part > 0))
}

/// The fields that people group by most.
const FIRST: [Field; 6] = [Field::Tool, Field::Method, Field::Action, Field::Server, Field::User, Field::Connection];

/// The choices: the fields that people group by most, then the other fields that pages offer, then the day.
fn choices() -> impl Iterator<Item = GroupBy> {
    let is_more = |by: &GroupBy| matches!(by, GroupBy::Field(field) if field.is_offered() && !FIRST.contains(field));
    FIRST.map(GroupBy::Field).into_iter().chain(GroupBy::all().filter(is_more)).chain([GroupBy::Day])
}

/// A level of grouping.
pub(crate) struct Level {
    pub(crate) label: &'static str,
    pub(crate) wrong: bool,
    pub(crate) options: Vec<Choice>,
}

/// Something to group by.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
}

impl Level {
    /// The levels, with the choices for these parameters.
    pub(crate) fn all(pairs: &Pairs, problem: Option<&Problem>) -> Vec<Self> {
        let wrong = problem.and_then(Problem::wrong_parameter) == Some("by");
        let chosen: Vec<_> = values(pairs, "by").map(GroupBy::parse).collect();
        let level = |(at, label)| Self { label, wrong, options: options(chosen.get(at).copied().flatten()) };
        ["Group by", "Then by"].into_iter().enumerate().take(LEVELS).map(level).collect()
    }
}

/// The choices, including a field that only the address named.
fn options(chosen: Option<GroupBy>) -> Vec<Choice> {
    let choice = |by: GroupBy| Choice { value: by.to_string(), label: label(by), on: chosen == Some(by) };
    let by_hand = chosen.filter(|by| choices().all(|choice| choice != *by));
    choices().chain(by_hand).map(choice).collect()
}

/// The label of a grouping.
pub(crate) fn label(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Field(field) => field.label(),
        GroupBy::Day => "Day",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_vanish() {
        let group = |count, errors, average_us, p95_us| Group { keys: Vec::new(), count, errors, average_us, p95_us };
        let most = group(1_000_000, 0, Some(500), Some(1_000));
        let half = group(500_000, 100_000, Some(100), Some(500));
        let few = group(1, 1, None, None);
        let scale = Scale::of([&most, &half, &few].into_iter());
        assert_eq!(scale.entries(&most), Bar { length: 100, part: 0 });
        assert_eq!(scale.entries(&half), Bar { length: 50, part: 10 });
        assert_eq!(scale.entries(&few), Bar { length: 1, part: 1 });
        assert_eq!(scale.duration(&half), Some(Bar { length: 50, part: 10 }));
        assert_eq!(scale.duration(&few), None);
        let skewed = group(40, 0, Some(2_000), Some(1_000));
        assert_eq!(Scale::of([&skewed].into_iter()).duration(&skewed), Some(Bar { length: 100, part: 100 }));
    }
}
