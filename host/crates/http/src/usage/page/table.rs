//! Stats as cells of a table, and a breakdown as a table: each row links to its own usage, each cell to entries.

use std::ops::Range;

use mcp_audit_log_index::{Breakdown, Usage, UsageRow, UsageSort, UsageStats};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{count, duration, money, percent};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

use super::view::{FIELDS, View, label_of};
use crate::query::usage_query;
use crate::ui::text::Shown;

/// The longest key that is shown, in characters; the link has the whole key.
const LONGEST: usize = 120;
/// The class of columns that do not fit on a phone.
const WIDE: &str = "wide-only";

/// A column of stats: its label, its sort order, the measure and its format, and whether a breakdown hides zeros of it.
pub(crate) struct Column(&'static str, Option<UsageSort>, fn(&UsageStats) -> Option<u64>, fn(u64) -> String, bool);

/// All columns, in order.
const COLUMNS: [Column; 6] = [
    Column("Requests", Some(UsageSort::Requests), |stats| Some(stats.requests), count, false),
    Column("Errors", Some(UsageSort::Errors), |stats| Some(stats.errors), count, true),
    Column("Average", Some(UsageSort::Duration), |stats| stats.average_us, duration, false),
    Column("P95", Some(UsageSort::P95), |stats| stats.p95_us, duration, false),
    Column("Tokens", Some(UsageSort::Tokens), |stats| Some(stats.tokens()), count, true),
    Column("Cost", Some(UsageSort::Cost), |stats| Some(stats.cost_micros), money, true),
];

/// The columns of quantiles over time, in order.
const QUANTILES: [Column; 3] = [
    Column("P50", None, |stats| stats.p50_us, duration, false),
    Column("P95", Some(UsageSort::P95), |stats| stats.p95_us, duration, false),
    Column("P99", None, |stats| stats.p99_us, duration, false),
];

/// The columns of the figures over time.
pub(crate) fn of_series(sort: UsageSort, models: bool) -> Vec<&'static Column> {
    let [requests, errors, average, p95, tokens, cost] = &COLUMNS;
    let durations = if sort == UsageSort::P95 { QUANTILES.iter().collect() } else { vec![average, p95] };
    let spent = if models { vec![tokens, cost] } else { Vec::new() };
    [requests, errors].into_iter().chain(durations).chain(spent).collect()
}

/// A cell: its text, its link, and a note in small letters.
pub(crate) struct Cell {
    pub(crate) class: &'static str,
    pub(crate) text: String,
    pub(crate) href: Option<String>,
    pub(crate) part: Option<String>,
}

/// A breakdown.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) label: String,
    /// The label of the second field, if there is one.
    pub(crate) second: Option<&'static str>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) rows: Vec<Row>,
    /// The number of rows, if only some are shown, and the link to all of them.
    pub(crate) more: Option<(String, String)>,
    pub(crate) file: String,
}

/// The heading of a column; its link sorts by the column.
pub(crate) struct Heading {
    pub(crate) text: &'static str,
    pub(crate) class: &'static str,
    pub(crate) href: Option<String>,
    pub(crate) sorted: &'static str,
}

/// A value of the field, or of each of two fields.
pub(crate) struct Row {
    pub(crate) text: Shown,
    pub(crate) is_set: bool,
    pub(crate) href: Option<String>,
    /// The value of the second field, and whether there is one.
    pub(crate) second: Option<(Shown, bool)>,
    /// The length of its bar, in percent of the longest bar.
    pub(crate) bar: u64,
    pub(crate) cells: Vec<Cell>,
}

impl Column {
    /// Its heading.
    pub(crate) fn label(&self) -> &'static str {
        self.0
    }

    /// The cell for these stats, with links to their entries; `of` are the values that they are about.
    pub(crate) fn cell(
        &self,
        view: &View,
        range: &Range<Timestamp>,
        of: &[(Field, &Value)],
        stats: &UsageStats,
    ) -> Cell {
        let Self(_, sort, value, text, hides_zero) = self;
        let value = value(stats).filter(|value| *value > 0 || of.is_empty() || !hides_zero);
        let entries = |term| (stats.requests > 0).then(|| view.entries(range, of, term)).flatten();
        let (href, part) = match sort {
            Some(UsageSort::Requests) => (entries(None), None),
            Some(UsageSort::Errors) if stats.errors > 0 => {
                (entries(Some(usage_query::failed())), (!of.is_empty()).then(|| percent(stats.errors, stats.requests)))
            }
            _ => (None, None),
        };
        let missing = if !of.is_empty() { "" } else { "–" };
        let text = value.map_or_else(|| missing.to_owned(), text);
        Cell { class: self.class(view), text, href, part }
    }

    /// The devices that show it. A phone shows tokens, costs and averages only if they are the sort order, and no
    /// quantiles beside tokens and costs, or beside two fields.
    fn class(&self, view: &View) -> &'static str {
        let (sort, is_pair) = (view.sort(), view.by().is_some_and(|by| by.second.is_some()));
        let is_wide = match self.1 {
            Some(UsageSort::Requests | UsageSort::Errors) => false,
            Some(UsageSort::P95) => {
                is_pair && sort != UsageSort::P95 || matches!(sort, UsageSort::Tokens | UsageSort::Cost)
            }
            Some(own) => own != sort,
            None => false,
        };
        if is_wide { WIDE } else { "" }
    }

    fn heading(&self, view: &View) -> Heading {
        let (text, class) = (self.0, self.class(view));
        let href = self.1.map(|sort| view.with("sort", Some(sort.as_str())));
        Heading { text, class, href, sorted: if self.1 == Some(view.sort()) { "descending" } else { "none" } }
    }
}

impl Table {
    /// The breakdowns with content. With several breakdowns, a field that no request has is left out.
    pub(crate) fn all(view: &View, usage: &Usage) -> Vec<Self> {
        let alone = view.by().is_some();
        let says = |one: &&Breakdown| alone || one.rows.iter().any(|row| row.key != Value::Unset);
        let place = |one: &Breakdown| FIELDS.iter().position(|(field, _)| *field == one.by.field);
        let mut shown: Vec<_> = usage.breakdowns.iter().filter(says).collect();
        shown.sort_by_key(|one| place(one));
        shown.into_iter().map(|breakdown| Self::new(view, usage, breakdown)).collect()
    }

    fn new(view: &View, usage: &Usage, breakdown: &Breakdown) -> Self {
        let (by, sort, alone) = (breakdown.by, view.sort(), view.by().is_some());
        let has_models = breakdown.rows.iter().any(|row| row.stats.tokens() > 0 || row.stats.cost_micros > 0);
        // A breakdown beside others has little room.
        let is_shown = |column: &&Column| match column.1 {
            Some(UsageSort::Duration) => alone || sort == UsageSort::Duration,
            Some(UsageSort::Tokens) => has_models && (alone || sort == UsageSort::Tokens),
            Some(UsageSort::Cost) => has_models,
            _ => true,
        };
        let columns: Vec<_> = COLUMNS.iter().filter(is_shown).collect();
        let has_users = by.fields().all(|field| field != Field::User);
        let mut headings: Vec<_> = columns.iter().map(|column| column.heading(view)).collect();
        headings.extend(has_users.then_some(Heading { text: "Users", class: WIDE, href: None, sorted: "none" }));
        let longest = breakdown.rows.iter().map(|row| sort.measure(&row.stats)).max().unwrap_or(0);
        let range = usage.covered.start..usage.covered.end;
        let row = |row: &UsageRow| {
            let keys = row.keys();
            let of: Vec<_> = by.fields().zip(&keys).collect();
            let mut cells: Vec<_> = columns.iter().map(|column| column.cell(view, &range, &of, &row.stats)).collect();
            cells.extend(has_users.then(|| users(row.users)));
            Row {
                text: shown(&row.key),
                is_set: row.key != Value::Unset,
                href: view.down(&of),
                second: row.second_key.as_ref().map(|key| (shown(key), *key != Value::Unset)),
                bar: length(sort.measure(&row.stats), longest),
                cells,
            }
        };
        let more = (breakdown.rows.len() < breakdown.found).then(|| {
            let extent = format!("{} of {}", breakdown.rows.len(), count(breakdown.found as u64));
            (extent, view.with("by", Some(&by.to_string())))
        });
        let rows = breakdown.rows.iter().map(row).collect();
        let name = by.fields().map(|field| field.name()).collect::<Vec<_>>().join("-");
        let (label, second) = (label_of(by.field).to_owned(), by.second.map(label_of));
        Self { name, label, second, headings, rows, more, file: view.file(Some(by)) }
    }
}

fn shown(key: &Value) -> Shown {
    if *key == Value::Unset { Shown::line("not set") } else { Shown::cut(&key.to_string(), LONGEST) }
}

fn users(users: Option<u64>) -> Cell {
    let part = users.is_none().then(|| "not known".to_owned());
    Cell { class: WIDE, text: users.map_or_else(String::new, count), href: None, part }
}

/// A part in percent of the longest; at least 1 if it is not zero.
fn length(part: u64, longest: u64) -> u64 {
    let share = u128::from(part) * 100 / u128::from(longest.max(1));
    u64::try_from(share).unwrap_or(100).max(u64::from(part > 0))
}
