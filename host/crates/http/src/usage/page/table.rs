//! A breakdown as a table: each row links to its own usage, each of its figures to entries.

use mcp_audit_log_index::{Breakdown, UsageStats, Usage, UsageRow, UsageSort};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;

use super::totals::money;
use super::view;
use super::view::View;
use crate::query::usage_query;
use crate::ui::text::{Shown, count, duration, percent};

/// The longest key that is shown; the link has the rest.
const LONGEST: usize = 120;

/// The class of columns that a phone has no room for.
const WIDE: &str = "wide-only";

/// A breakdown.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) headings: Vec<Heading>,
    pub(crate) rows: Vec<Row>,
    /// How many rows there are, if not all are shown, and the link to the others.
    pub(crate) more: Option<(String, String)>,
    pub(crate) file: String,
    /// What the cells of averages, tokens, costs and quantiles are shown on.
    pub(crate) classes: [&'static str; 4],
    pub(crate) columns: Columns,
}

/// The optional columns. A breakdown beside others has little room.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) average: bool,
    pub(crate) tokens: bool,
    pub(crate) cost: bool,
    /// Whether users are counted: not in a breakdown by user.
    pub(crate) users: bool,
}

/// The head of a column; where there is a link, it ranks by it.
pub(crate) struct Heading {
    pub(crate) label: &'static str,
    pub(crate) class: &'static str,
    pub(crate) href: Option<String>,
    pub(crate) sorted: &'static str,
}

/// A value of the field.
pub(crate) struct Row {
    pub(crate) key: Shown,
    pub(crate) is_set: bool,
    pub(crate) href: Option<String>,
    pub(crate) bar: u64,
    pub(crate) requests: String,
    pub(crate) entries: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) error_entries: Option<String>,
    pub(crate) share: String,
    pub(crate) average: Option<String>,
    pub(crate) p95: Option<String>,
    pub(crate) tokens: Option<String>,
    pub(crate) cost: Option<String>,
    pub(crate) users: Option<String>,
}

impl Table {
    /// The breakdowns with content: beside others, a field that no request has is left out.
    pub(crate) fn all(view: &View, usage: &Usage) -> Vec<Self> {
        let alone = view.by().is_some();
        let says = |one: &&Breakdown| alone || one.rows.iter().any(|row| row.key != Value::Unset);
        let order = |one: &Breakdown| view::fields().position(|(field, _)| field == one.field);
        let mut tables: Vec<_> = usage.breakdowns.iter().filter(says).collect();
        tables.sort_by_key(|one| order(one));
        tables.into_iter().map(|one| Self::new(view, usage, one)).collect()
    }

    fn new(view: &View, usage: &Usage, breakdown: &Breakdown) -> Self {
        let (field, sort) = (breakdown.field, view.sort());
        let longest = breakdown.rows.iter().map(|row| measured(sort, &row.stats)).max().unwrap_or(0);
        let row = |row: &UsageRow| Row::new(view, usage, field, row, longest);
        let more = (breakdown.rows.len() < breakdown.found).then(|| {
            let told = format!("{} of {}", breakdown.rows.len(), count(breakdown.found as u64));
            (told, view.with("by", Some(field.name())))
        });
        let spent = |row: &UsageRow| measured(UsageSort::Tokens, &row.stats) + row.stats.cost_micros > 0;
        let (models, alone) = (breakdown.rows.iter().any(spent), view.by().is_some());
        let columns = Columns {
            average: alone || sort == UsageSort::Duration,
            tokens: models && (alone || sort == UsageSort::Tokens),
            cost: models,
            users: field != Field::User,
        };
        Self {
            name: field.name(),
            label: view::label(field),
            headings: headings(view, columns),
            rows: breakdown.rows.iter().map(row).collect(),
            more,
            file: view.file(Some(field)),
            classes: classes(sort),
            columns,
        }
    }
}

impl Row {
    fn new(view: &View, usage: &Usage, field: Field, row: &UsageRow, longest: u64) -> Self {
        let (figures, of) = (&row.stats, Some((field, &row.key)));
        let errors = figures.errors > 0;
        let failed = || view.entries(&usage.covered, of, Some(usage_query::failed()));
        let tokens = measured(UsageSort::Tokens, figures);
        Self {
            key: key(&row.key),
            is_set: row.key != Value::Unset,
            href: view.down(field, &row.key),
            bar: length(measured(view.sort(), figures), longest),
            requests: count(figures.requests),
            entries: view.entries(&usage.covered, of, None),
            errors: errors.then(|| count(figures.errors)),
            error_entries: errors.then(failed).flatten(),
            share: percent(figures.errors, figures.requests),
            average: figures.average_us.map(duration),
            p95: figures.p95_us.map(duration),
            tokens: (tokens > 0).then(|| count(tokens)),
            cost: (figures.cost_micros > 0).then(|| money(figures.cost_micros)),
            users: row.users.map(count),
        }
    }
}

fn key(value: &Value) -> Shown {
    let text = if *value == Value::Unset { "not set".to_owned() } else { value.to_string() };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => Shown::line(&format!("{}…", &text[..at])),
        None => Shown::line(&text),
    }
}

fn headings(view: &View, columns: Columns) -> Vec<Heading> {
    let ranks = |label, class, sort: UsageSort| Heading {
        label,
        class: if view.sort() == sort { "" } else { class },
        href: Some(view.with("sort", Some(sort.as_str()))),
        sorted: if view.sort() == sort { "descending" } else { "none" },
    };
    let plain = |label, class| Heading { label, class, href: None, sorted: "none" };
    let headings = [
        (true, ranks("Requests", "", UsageSort::Requests)),
        (true, ranks("Errors", "", UsageSort::Errors)),
        (columns.average, ranks("Average", WIDE, UsageSort::Duration)),
        (true, plain("P95", beside(view.sort()))),
        (columns.tokens, ranks("Tokens", WIDE, UsageSort::Tokens)),
        (columns.cost, ranks("Cost", WIDE, UsageSort::Cost)),
        (columns.users, plain("Users", WIDE)),
    ];
    headings.into_iter().filter(|(shown, _)| *shown).map(|(_, heading)| heading).collect()
}

/// Where quantiles are shown: a phone has no room for them beside tokens and costs.
fn beside(sort: UsageSort) -> &'static str {
    if matches!(sort, UsageSort::Tokens | UsageSort::Cost) { WIDE } else { "" }
}

/// The widths at which the other cells are shown.
fn classes(sort: UsageSort) -> [&'static str; 4] {
    let [average, tokens, cost] =
        [UsageSort::Duration, UsageSort::Tokens, UsageSort::Cost].map(|column| if sort == column { "" } else { WIDE });
    [average, tokens, cost, beside(sort)]
}

/// What a bar is as long as.
fn measured(sort: UsageSort, figures: &UsageStats) -> u64 {
    match sort {
        UsageSort::Requests => figures.requests,
        UsageSort::Errors => figures.errors,
        UsageSort::Duration => figures.average_us.unwrap_or(0),
        UsageSort::Tokens => figures.input_tokens.saturating_add(figures.output_tokens),
        UsageSort::Cost => figures.cost_micros,
    }
}

/// A part in hundredths of the longest, at least one where there is any.
fn length(part: u64, longest: u64) -> u64 {
    let share = u128::from(part) * 100 / u128::from(longest.max(1));
    u64::try_from(share).unwrap_or(100).max(u64::from(part > 0))
}
