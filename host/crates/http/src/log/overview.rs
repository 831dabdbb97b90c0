//! The overview above the list: how many entries match, bars over time that narrow the range, and the most frequent
//! values. The server draws the bars; a script adds the selection of several bars.

use std::fmt::Write as _;
use std::time::Duration;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_index::{FieldCounts, Overview as Counted, TimeBar};
use mcp_audit_log_model::format;
use mcp_audit_log_model::format::count;
use mcp_audit_log_model::time::{DAY, HOUR, SECOND, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;

use crate::problem::Problem;
use crate::query::overview_query::{FIELDS, OverviewParameters, in_bar, with_value, without_value};
use crate::query::search::{Pairs, query, query_of};
use crate::query::{counts, grouping};
use crate::ui::text::Shown;

/// The time after which a page is shown without an overview.
const PATIENCE: Duration = Duration::from_millis(250);
/// The most values of a field, and the longest of them in characters.
const VALUES: usize = 6;
const LONGEST: usize = 60;
/// The heights of the drawing: the tallest bar of entries, the line below it, and the tallest bar of errors.
const ENTRIES: u64 = 38;
const GROUND: u64 = 40;
const ERRORS: u64 = 14;
const MINUTE: i64 = 60 * SECOND;

/// The overview, or the reason why there is none.
pub(crate) struct Overview {
    pub(crate) figures: Option<Figures>,
    /// The link that shows or hides the most frequent values.
    pub(crate) toggle: String,
    pub(crate) counts: bool,
    /// The search of the last day, offered if the whole search takes too long to count.
    pub(crate) last_day: String,
}

/// What was counted.
pub(crate) struct Figures {
    pub(crate) entries: String,
    pub(crate) errors: Option<String>,
    pub(crate) chart: Option<Chart>,
    /// The most frequent values; `None` if they took too long to count.
    pub(crate) fields: Option<Vec<FieldValues>>,
}

/// The bars.
pub(crate) struct Chart {
    /// Their number, which is the width of the drawing.
    pub(crate) number: usize,
    /// The shapes of all bars of entries, and of all bars of errors.
    pub(crate) entries: String,
    pub(crate) errors: String,
    pub(crate) bars: Vec<Bar>,
    pub(crate) step: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// For the script: the ends of the range, the end of the first bar, and the length of each bar in milliseconds.
    pub(crate) start: String,
    pub(crate) second: String,
    pub(crate) lengths: String,
    pub(crate) end: String,
    /// The first bar with errors, and the one with the most, if there is more than one.
    pub(crate) first: Option<Bar>,
    pub(crate) most: Option<Bar>,
}

/// A bar as a link.
#[derive(Clone)]
pub(crate) struct Bar {
    pub(crate) at: usize,
    pub(crate) when: String,
    pub(crate) entries: String,
    pub(crate) errors: Option<String>,
    pub(crate) href: String,
}

/// A field with its most frequent values.
pub(crate) struct FieldValues {
    pub(crate) label: &'static str,
    /// The link to all values, as groups.
    pub(crate) groups: String,
    pub(crate) values: Vec<CountedValue>,
    /// How many other values there are.
    pub(crate) more: Option<String>,
}

/// A value with its number of entries.
pub(crate) struct CountedValue {
    pub(crate) value: Shown,
    pub(crate) count: String,
    /// The search with this value only, and without it.
    pub(crate) only: Option<String>,
    pub(crate) not: Option<String>,
}

/// Counts the search `pairs`; `None` if this takes too long.
pub(crate) fn find(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Option<Counted>, Problem> {
    let OverviewParameters { domain, counts, .. } = OverviewParameters::of_page(pairs, log, access)?;
    let fields = if counts { &FIELDS[..] } else { &[] };
    Ok(log.view().reader(access).overview(domain, fields, VALUES, PATIENCE)?)
}

impl Overview {
    /// The overview of the search `pairs`.
    pub(crate) fn new(home: &str, pairs: &Pairs, counted: Option<&Counted>, zone: TimeZone) -> Self {
        let is_on = counts::parse(pairs).unwrap_or(false);
        let without = |name: &str| without(pairs, &[name, "cursor"]);
        let toggle = match is_on {
            true => without(counts::PARAMETER),
            false => [without(counts::PARAMETER), one(counts::PARAMETER, counts::SHOWN)].concat(),
        };
        let last_day = [without("from"), one("from", "-24h")].concat();
        let address = |pairs: &Pairs| format!("{home}{}", query_of(pairs));
        Self {
            figures: counted.map(|counted| Figures::new(home, pairs, counted, is_on, zone)),
            toggle: address(&toggle),
            counts: is_on,
            last_day: address(&last_day),
        }
    }
}

/// The parameters without empty ones and without these.
fn without(pairs: &Pairs, names: &[&str]) -> Pairs {
    pairs.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_empty()).cloned().collect()
}

fn one(name: &str, value: &str) -> Pairs {
    vec![(name.to_owned(), value.to_owned())]
}

impl Figures {
    fn new(home: &str, pairs: &Pairs, counted: &Counted, is_on: bool, zone: TimeZone) -> Self {
        let field = |field: &FieldCounts| FieldValues::new(home, pairs, field);
        let fields =
            counted.values.as_ref().map(|fields| fields.iter().filter(|field| field.found > 0).map(field).collect());
        Self {
            entries: format::counted(counted.entries, "entry", "entries"),
            errors: (counted.errors > 0).then(|| format::counted(counted.errors, "error", "errors")),
            chart: Chart::new(home, pairs, counted, zone),
            fields: if is_on { fields } else { Some(Vec::new()) },
        }
    }
}

impl Chart {
    fn new(home: &str, pairs: &Pairs, counted: &Counted, zone: TimeZone) -> Option<Self> {
        let (bars, step) = (&counted.bars, counted.step_us);
        let (first, last) = (bars.first()?, bars.last()?);
        let most = |number: fn(&TimeBar) -> u64| bars.iter().map(number).max().unwrap_or(0).max(1);
        let [entries, errors] = [most(|bar| bar.entries), most(|bar| bar.errors)];
        let mut shapes = [String::new(), String::new()];
        for (at, bar) in bars.iter().enumerate().filter(|(_, bar)| bar.entries > 0) {
            let height = scaled(bar.entries, entries, ENTRIES);
            // Writing to a text cannot fail.
            let _ = write!(shapes[0], "M{at}.1 {}h.8V{GROUND}h-.8z", GROUND - height);
            if bar.errors > 0 {
                let _ = write!(shapes[1], "M{at}.1 {}h.8v{}h-.8z", GROUND + 2, scaled(bar.errors, errors, ERRORS));
            }
        }
        let link = |(at, bar): (usize, &TimeBar)| Bar {
            at,
            when: span(bar, step, zone),
            entries: format::counted(bar.entries, "entry", "entries"),
            errors: (bar.errors > 0).then(|| format::counted(bar.errors, "error", "errors")),
            href: format!("{home}{}", in_bar(pairs, bar, zone)),
        };
        let failing = || bars.iter().enumerate().filter(|(_, bar)| bar.errors > 0);
        let worst = failing().rev().max_by_key(|(_, bar)| bar.errors);
        let several = failing().count() > 1;
        let [entries, errors] = shapes;
        Some(Self {
            number: bars.len(),
            entries,
            errors,
            bars: bars.iter().enumerate().filter(|(_, bar)| bar.entries > 0).map(link).collect(),
            step: length(step),
            from: moment(first.range.start, step, zone),
            to: format!("{} {}", moment(last.range.end, step, zone), zone.format(last.range.end, "%Z")),
            start: zone.written(first.range.start),
            second: zone.written(first.range.end),
            lengths: bars.iter().map(|bar| length_ms(bar).to_string()).collect::<Vec<_>>().join(" "),
            end: zone.written(last.range.end),
            first: failing().next().filter(|_| bars.len() > 1).map(link),
            most: worst.filter(|_| several).map(link),
        })
    }
}

fn length_ms(bar: &TimeBar) -> i64 {
    (bar.range.end.as_micros() - bar.range.start.as_micros()) / 1_000
}

/// A height in units; at least one if the number is not zero.
fn scaled(number: u64, most: u64, height: u64) -> u64 {
    let units = u128::from(number) * u128::from(height) / u128::from(most.max(1));
    u64::try_from(units).unwrap_or(height).clamp(1, height)
}

impl FieldValues {
    fn new(home: &str, pairs: &Pairs, counts: &FieldCounts) -> Self {
        let value = |(value, number): &(Value, u64)| CountedValue {
            value: Shown::cut(&value.to_string(), LONGEST),
            count: count(*number),
            only: with_value(pairs, counts.field, value).map(|query| format!("{home}{query}")),
            not: without_value(pairs, counts.field, value).map(|query| format!("{home}{query}")),
        };
        let others = counts.found.saturating_sub(counts.values.len());
        let groups = || {
            let search =
                pairs.iter().filter(|(name, value)| !grouping::SHOWING.contains(&name.as_str()) && !value.is_empty());
            let search = search.map(|(name, value)| (name.as_str(), value.as_str()));
            format!("{home}{}", query(search.chain([("by", counts.field.name())])))
        };
        Self {
            label: counts.field.label(),
            values: counts.values.iter().map(value).collect(),
            more: (others > 0).then(|| count(others as u64)),
            groups: groups(),
        }
    }
}

/// A moment as exact as bars of this length need it.
fn moment(at: Timestamp, step: i64, zone: TimeZone) -> String {
    zone.format(at, form(at, step, zone))
}

fn form(at: Timestamp, step: i64, zone: TimeZone) -> &'static str {
    match step {
        ..SECOND => "%Y-%m-%d %H:%M:%S%.3f",
        SECOND..MINUTE => "%Y-%m-%d %H:%M:%S",
        _ if step >= DAY && at == zone.start_of_day(at) => "%Y-%m-%d",
        _ => "%Y-%m-%d %H:%M",
    }
}

/// The range of a bar: a day, several days, or a part of a day.
fn span(bar: &TimeBar, step: i64, zone: TimeZone) -> String {
    let (from, to) = (bar.range.start, bar.range.end);
    if step == DAY && from == zone.start_of_day(from) {
        return moment(from, step, zone);
    }
    if step > DAY {
        return format!("{} – {}", moment(from, step, zone), zone.format(to.plus(-1), "%Y-%m-%d"));
    }
    let end = moment(to, step, zone);
    let is_one_day = zone.day(to.plus(-1)) == zone.day(from);
    let end = if is_one_day && end.len() > 11 { &end[11..] } else { &end };
    let end = if is_one_day && to == zone.start_of_day(to) { "24:00" } else { end };
    format!("{} – {end}", moment(from, step, zone))
}

/// The length of a bar in words.
fn length(step: i64) -> String {
    const UNITS: [(i64, &str); 5] =
        [(7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")];
    match UNITS.into_iter().find(|(unit, _)| step % unit == 0) {
        Some((unit, name)) if step == unit => format!("1 {name}"),
        Some((unit, name)) => format!("{} {name}s", step / unit),
        None => format!("{} ms", step / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(from: &str, to: &str) -> TimeBar {
        let at = |text: &str| Timestamp::parse(text).expect("a moment");
        TimeBar { range: at(from)..at(to), entries: 1, errors: 0 }
    }

    #[test]
    fn bars_are_named_by_their_range() {
        let minutes = |number: i64| number * MINUTE;
        let vienna = TimeZone::parse("Europe/Vienna").expect("a zone");
        let named = [
            span(&bar("2026-11-30T12:00:00Z", "2026-11-30T12:30:00Z"), minutes(30), TimeZone::UTC),
            span(&bar("2026-11-30T23:30:00Z", "2026-12-01T00:00:00Z"), minutes(30), TimeZone::UTC),
            span(&bar("2026-11-30T12:00:05Z", "2026-11-30T12:00:10Z"), 5 * SECOND, TimeZone::UTC),
            span(&bar("2026-11-30", "2026-12-01"), DAY, TimeZone::UTC),
            span(&bar("2026-11-30", "2026-12-07"), 7 * DAY, TimeZone::UTC),
            span(&bar("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), DAY, vienna),
            span(&bar("2026-10-25T11:00:00Z", "2026-10-25T23:00:00Z"), 12 * HOUR, vienna),
        ];
        let expected = [
            "2026-11-30 12:00 – 12:30",
            "2026-11-30 23:30 – 24:00",
            "2026-11-30 12:00:05 – 12:00:10",
            "2026-11-30",
            "2026-11-30 – 2026-12-06",
            "2026-10-25",
            "2026-10-25 12:00 – 24:00",
        ];
        assert_eq!(named, expected);
        let lengths = [10_000, 5 * SECOND, minutes(30), HOUR, 12 * HOUR, DAY, 14 * DAY].map(length);
        assert_eq!(lengths, ["10 ms", "5 seconds", "30 minutes", "1 hour", "12 hours", "1 day", "2 weeks"]);
    }

    #[test]
    fn small_bars_are_visible_and_none_overflows() {
        assert_eq!([1, 500, 1_000].map(|number| scaled(number, 1_000, ENTRIES)), [1, 19, 38]);
        assert_eq!(scaled(u64::MAX, u64::MAX, ERRORS), ERRORS);
    }

    #[test]
    fn an_overview_that_took_too_long_offers_the_last_day() {
        let pairs = [("q", "invoice"), ("from", "-90d"), ("cursor", "x")];
        let pairs: Pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let overview = Overview::new("/", &pairs, None, TimeZone::UTC);
        assert!(overview.figures.is_none());
        assert_eq!(overview.last_day, "/?q=invoice&from=-24h");
        assert_eq!(overview.toggle, "/?q=invoice&from=-90d&counts=shown");
    }
}
