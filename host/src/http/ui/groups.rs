//! The list's other form: groups, each a row that leads to its entries. What the URL says is the view.

use super::text::{Shown, count, duration};
use crate::http::grouping::{self, Grouping, LEVELS};
use crate::http::problem::Problem;
use crate::http::search::{Pairs, query, values};
use crate::store::{Group, GroupBy, GroupSort, Groups};
use crate::value::Value;

/// What people group by most, and how it is called.
const CHOICES: [(&str, &str); 20] = [
    ("tool", "Tool"),
    ("method", "Method"),
    ("action", "Action"),
    ("server", "Server"),
    ("user", "User"),
    ("connection", "Connection"),
    ("agent", "Agent"),
    ("agent_instance", "Agent instance"),
    ("client_name", "Client"),
    ("session", "Session"),
    ("ip", "IP address"),
    ("outcome", "Outcome"),
    ("outcome_detail", "Exact outcome"),
    ("error_type", "Error type"),
    ("status_code", "HTTP status"),
    ("model", "Model"),
    ("record_id", "Record"),
    ("resource_uri", "Resource"),
    ("channel", "Channel"),
    ("day", "Day"),
];

/// The measures: order, heading.
const MEASURES: [(GroupSort, &str); 4] = [
    (GroupSort::Count, "Entries"),
    (GroupSort::Errors, "Errors"),
    (GroupSort::Average, "Average"),
    (GroupSort::P95, "95 % within"),
];

/// A level of grouping, as a choice in the search's form.
pub(super) struct Level {
    pub(super) label: &'static str,
    pub(super) wrong: bool,
    pub(super) options: Vec<Choice>,
}

/// Something to group by.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) on: bool,
}

impl Level {
    /// The levels, with what these parameters say chosen.
    pub(super) fn all(pairs: &Pairs, problem: Option<&Problem>) -> Vec<Self> {
        let wrong = problem.and_then(Problem::wrong_parameter) == Some("by");
        let chosen: Vec<_> = values(pairs, "by").collect();
        let level = |(at, label)| Self { label, wrong, options: options(chosen.get(at).copied()) };
        ["Group by", "Then by"].into_iter().enumerate().take(LEVELS).map(level).collect()
    }
}

/// The choices, and among them what was chosen by hand, if it is something to group by.
fn options(chosen: Option<&str>) -> Vec<Choice> {
    let choice = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        on: chosen == Some(value),
    };
    let by_hand = chosen.and_then(GroupBy::parse).map(|by| by.to_string());
    let by_hand = by_hand.filter(|name| CHOICES.iter().all(|(value, _)| value != name));
    CHOICES.iter().map(|(value, label)| choice(value, label)).chain(by_hand.map(|name| choice(&name, &name))).collect()
}

/// Groups as a table.
pub(super) struct Table {
    pub(super) levels: Vec<Heading>,
    pub(super) measures: Vec<Heading>,
    pub(super) rows: Vec<Row>,
    /// How much there is.
    pub(super) extent: String,
    /// Where the entries of all groups are.
    pub(super) entries: String,
}

/// The head of a column, which sorts by it.
pub(super) struct Heading {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) sorted: &'static str,
}

/// One group.
pub(super) struct Row {
    pub(super) keys: Vec<Key>,
    /// Where its entries are.
    pub(super) href: Option<String>,
    pub(super) count: String,
    pub(super) errors: Option<String>,
    /// Errors in a hundred entries.
    pub(super) share: u64,
    pub(super) average: Option<String>,
    pub(super) p95: Option<String>,
    pub(super) bar: Bar,
}

/// A value of a group.
pub(super) struct Key {
    pub(super) text: Shown,
    pub(super) is_set: bool,
}

/// A bar of up to a hundred units; the second part of it is errors.
pub(super) struct Bar {
    pub(super) length: u64,
    pub(super) errors: u64,
}

impl Table {
    /// The groups that were found by `asked`, which these parameters say.
    pub(super) fn new(home: &str, pairs: &Pairs, asked: &Grouping, groups: &Groups) -> Self {
        let sorted = |sort| if asked.sort == sort { "descending" } else { "none" };
        let head = |sort, label: &str| Heading {
            label: label.to_owned(),
            href: resort(home, pairs, sort),
            sorted: sorted(sort),
        };
        let longest = groups.groups.iter().map(|group| measured(group, asked.sort)).max().unwrap_or(0);
        let mut levels: Vec<_> = asked.by.iter().map(|by| head(GroupSort::Key, &label(*by))).collect();
        levels.iter_mut().filter(|_| asked.sort == GroupSort::Key).for_each(|level| level.sorted = "ascending");
        Self {
            levels,
            measures: MEASURES.iter().map(|(sort, label)| head(*sort, label)).collect(),
            rows: groups.groups.iter().map(|group| Row::new(home, pairs, asked, group, longest)).collect(),
            extent: extent(groups),
            entries: format!("{home}{}", query(kept(pairs, &["by", "sort", "cursor"]))),
        }
    }
}

impl Row {
    fn new(home: &str, pairs: &Pairs, asked: &Grouping, group: &Group, longest: u64) -> Self {
        let key = |key: &Value| Key { text: Shown::line(&key.to_string()), is_set: *key != Value::Unset };
        Self {
            keys: group.keys.iter().map(key).collect(),
            href: grouping::entries(pairs, &asked.by, group).map(|query| format!("{home}{query}")),
            count: count(group.count),
            errors: (group.errors > 0).then(|| count(group.errors)),
            share: share(group.errors, group.count),
            average: group.average_us.map(duration),
            p95: group.p95_us.map(duration),
            bar: Bar::new(group, asked.sort, longest),
        }
    }
}

impl Bar {
    fn new(group: &Group, sort: GroupSort, longest: u64) -> Self {
        let length = share(measured(group, sort), longest);
        let errors = match sort {
            GroupSort::Count | GroupSort::Key => share(group.errors.saturating_mul(length), group.count) / 100,
            GroupSort::Errors => length,
            GroupSort::Average | GroupSort::P95 => 0,
        };
        Self { length, errors }
    }
}

/// What a bar is as long as.
fn measured(group: &Group, sort: GroupSort) -> u64 {
    match sort {
        GroupSort::Count | GroupSort::Key => group.count,
        GroupSort::Errors => group.errors,
        GroupSort::Average => group.average_us.unwrap_or(0),
        GroupSort::P95 => group.p95_us.unwrap_or(0),
    }
}

/// A part in hundredths of the whole, at least one where there is any.
fn share(part: u64, whole: u64) -> u64 {
    let share = part.saturating_mul(100).checked_div(whole).unwrap_or(0);
    share.max(u64::from(part > 0))
}

fn extent(groups: &Groups) -> String {
    let plural =
        |number: u64, one: &str, more: &str| format!("{} {}", count(number), if number == 1 { one } else { more });
    let found = plural(groups.found as u64, "group", "groups");
    let entries = plural(groups.entries, "entry", "entries");
    match groups.groups.len() {
        shown if shown < groups.found => format!("The first {} of {found} of {entries}", count(shown as u64)),
        _ => format!("{found} of {entries}"),
    }
}

fn label(by: GroupBy) -> String {
    let name = by.to_string();
    CHOICES.iter().find(|(value, _)| *value == name).map_or(name, |(_, label)| (*label).to_owned())
}

fn resort(home: &str, pairs: &Pairs, sort: GroupSort) -> String {
    format!("{home}{}", query(kept(pairs, &["sort", "cursor"]).chain([("sort", sort.as_str())])))
}

/// All parameters but these.
fn kept<'a>(pairs: &'a Pairs, without: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let kept = pairs.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    kept.map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_something_to_group_by() {
        for (value, _) in CHOICES {
            assert!(GroupBy::parse(value).is_some(), "{value}");
        }
    }

    #[test]
    fn bars_are_in_proportion_and_never_vanish() {
        let group = |count, errors| Group { keys: Vec::new(), count, errors, average_us: Some(5), p95_us: None };
        let bar = |group: &Group, sort, longest| {
            let Bar { length, errors } = Bar::new(group, sort, longest);
            (length, errors)
        };
        assert_eq!(bar(&group(50, 10), GroupSort::Count, 100), (50, 10));
        assert_eq!(bar(&group(1, 0), GroupSort::Count, 1_000_000), (1, 0));
        assert_eq!(bar(&group(50, 10), GroupSort::Errors, 10), (100, 100));
        assert_eq!(bar(&group(50, 10), GroupSort::Average, 10), (50, 0));
        assert_eq!(bar(&group(50, 10), GroupSort::P95, 0), (0, 0));
    }
}
