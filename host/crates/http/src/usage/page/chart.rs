//! The series as bars. They are drawn on the server and do not rely on colour: the striped part is in the legend, and
//! each bar has its figures as text.

use mcp_audit_log_index::{UsageStats, Point, Usage, UsageSort, UsageStep};
use mcp_audit_log_model::time::Timestamp;

use super::totals::{money, rough};
use super::view::View;
use crate::query::usage_query;
use crate::ui::text::{count, duration};

/// The height of the bars, and their position.
const HEIGHT: u64 = 180;
const GROUND: u64 = 200;
/// From how many points on a page is too long with all of them.
const DENSE: usize = 200;
/// Most marks below the bars.
const TICKS: usize = 8;
/// How far from a side the middle of a mark must be, in percent of the width.
const MARGIN: f64 = 5.0;

/// The series.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// The text where every bar would be empty.
    pub(crate) nothing: Option<String>,
    /// What the plain and the striped part of a bar are.
    pub(crate) plain: &'static str,
    pub(crate) striped: Option<&'static str>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) lines: Vec<Line>,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) models: bool,
    /// Whether there are so many points that those without requests are left out of the page.
    pub(crate) dense: bool,
    /// Whether what is striped went wrong.
    pub(crate) alarms: bool,
}

/// One point. Positions and widths are percentages of the width, heights are pixels.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) width: String,
    pub(crate) plain: (u64, u64),
    pub(crate) striped: (u64, u64),
    pub(crate) when: String,
    pub(crate) is_empty: bool,
    pub(crate) requests: String,
    pub(crate) errors: String,
    pub(crate) average: String,
    pub(crate) p95: String,
    pub(crate) tokens: String,
    pub(crate) cost: String,
    pub(crate) href: Option<String>,
    pub(crate) error_href: Option<String>,
}

/// A horizontal line with its value.
pub(crate) struct Line {
    pub(crate) y: u64,
    pub(crate) label: String,
}

/// A moment below the bars.
pub(crate) struct Tick {
    pub(crate) x: String,
    pub(crate) anchor: &'static str,
    pub(crate) label: String,
    /// Left out where there is little room.
    pub(crate) minor: bool,
}

/// The two parts of a bar, in what is measured.
type Parts = (u64, u64);

impl Chart {
    pub(crate) fn new(view: &View, usage: &Usage) -> Self {
        let sort = view.sort();
        let (what, plain, striped) = words(sort);
        let highest = usage.series.iter().map(|point| sum(parts(sort, &point.stats))).max().unwrap_or(0);
        let top = round(highest);
        let width = 100.0 / usage.series.len().max(1) as f64;
        let bar = |(at, point): (usize, &Point)| Bar::new(view, usage.step, point, (at as f64 * width, width), top);
        Self {
            title: format!("{what} by {}", usage.step.as_str()),
            nothing: (highest == 0)
                .then(|| format!("No {} in this range; breakdowns are sorted by requests.", what.to_lowercase())),
            plain,
            striped,
            bars: usage.series.iter().enumerate().map(bar).collect(),
            lines: lines(sort, top),
            ticks: ticks(usage),
            dense: usage.series.len() > DENSE,
            alarms: striped == Some("errors"),
            models: usage.series.iter().any(|point| sum(parts(UsageSort::Tokens, &point.stats)) > 0),
        }
    }
}

impl Bar {
    fn new(view: &View, step: UsageStep, point: &Point, (x, width): (f64, f64), top: u64) -> Self {
        let figures = &point.stats;
        let (plain, striped) = parts(view.sort(), figures);
        let (low, high) = (scaled(plain, top), scaled(plain.saturating_add(striped), top));
        // A part that is there is seen.
        let high = high.max(low + u64::from(striped > 0));
        let range = point.from..point.to;
        let behind = |term| (figures.requests > 0).then(|| view.entries(&range, None, term)).flatten();
        Self {
            x: format!("{:.3}%", x + width * 0.08),
            width: format!("{:.3}%", width * 0.84),
            plain: (GROUND - low, low),
            striped: (GROUND - high, high - low),
            when: when(step, point.from, point.to),
            is_empty: figures.requests == 0,
            requests: count(figures.requests),
            errors: count(figures.errors),
            average: figures.average_us.map_or_else(|| "–".to_owned(), duration),
            p95: figures.p95_us.map_or_else(|| "–".to_owned(), duration),
            tokens: count(figures.input_tokens.saturating_add(figures.output_tokens)),
            cost: money(figures.cost_micros),
            href: behind(None),
            error_href: (figures.errors > 0).then(|| behind(Some(usage_query::failed()))).flatten(),
        }
    }
}

/// What is drawn for an order: title, the plain part, the striped part.
fn words(sort: UsageSort) -> (&'static str, &'static str, Option<&'static str>) {
    match sort {
        UsageSort::Requests => ("Requests", "succeeded", Some("errors")),
        UsageSort::Errors => ("Errors", "", Some("errors")),
        UsageSort::Duration => ("Durations", "average", Some("up to the 95th percentile")),
        UsageSort::Tokens => ("Tokens", "in", Some("out")),
        UsageSort::Cost => ("Cost", "cost", None),
    }
}

fn parts(sort: UsageSort, figures: &UsageStats) -> Parts {
    match sort {
        UsageSort::Requests => (figures.requests - figures.errors.min(figures.requests), figures.errors),
        UsageSort::Errors => (0, figures.errors),
        UsageSort::Duration => {
            let average = figures.average_us.unwrap_or(0);
            (average, figures.p95_us.unwrap_or(0).saturating_sub(average))
        }
        UsageSort::Tokens => (figures.input_tokens, figures.output_tokens),
        UsageSort::Cost => (figures.cost_micros, 0),
    }
}

fn sum((plain, striped): Parts) -> u64 {
    plain.saturating_add(striped)
}

/// The next round number: one digit with noughts.
fn round(highest: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [1, 2, 3, 4, 5, 6, 8] {
            let top = unit.saturating_mul(step);
            if top >= highest {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A number in pixels; what is there has one at least.
fn scaled(number: u64, top: u64) -> u64 {
    let pixels = u128::from(number) * u128::from(HEIGHT) / u128::from(top.max(1));
    u64::try_from(pixels).unwrap_or(HEIGHT).clamp(u64::from(number > 0), HEIGHT)
}

fn lines(sort: UsageSort, top: u64) -> Vec<Line> {
    let label = |number| match sort {
        UsageSort::Duration => duration(number),
        UsageSort::Cost => money(number),
        _ => rough(number),
    };
    let numbers = [top, top / 2].into_iter().filter(|number| *number > 0);
    numbers.map(|number| Line { y: GROUND - scaled(number, top), label: label(number) }).collect()
}

/// Some of the bars are named, in even distances.
fn ticks(usage: &Usage) -> Vec<Tick> {
    let length = usage.series.len();
    let width = 100.0 / length.max(1) as f64;
    let named = usage.series.iter().enumerate().step_by(length.div_ceil(TICKS).max(1));
    let tick = |(number, (at, point)): (usize, (usize, &Point))| {
        let form = if usage.step == UsageStep::Hour { "%b %-d, %H:%M" } else { "%Y-%m-%d" };
        let x = (at as f64 + 0.5) * width;
        // Nothing extends over the sides.
        let (x, anchor) = match x {
            x if x < MARGIN => (0.0, "start"),
            x if x > 100.0 - MARGIN => (100.0, "end"),
            x => (x, "middle"),
        };
        Tick {
            x: format!("{x:.3}%"),
            anchor,
            label: point.from.to_utc().format(form).to_string(),
            minor: number % 2 == 1,
        }
    };
    named.enumerate().map(tick).collect()
}

/// Which time a bar is about.
fn when(step: UsageStep, from: Timestamp, to: Timestamp) -> String {
    let (from, until) = (from.to_utc(), to.to_utc());
    match step {
        UsageStep::Hour => format!("{} – {} UTC", from.format("%Y-%m-%d %H:%M"), until.format("%H:%M")),
        UsageStep::Day => from.format("%Y-%m-%d").to_string(),
        UsageStep::Week => {
            let last = to.plus(-1).to_utc();
            format!("{} – {}", from.format("%Y-%m-%d"), last.format("%Y-%m-%d"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_a_round_number() {
        assert_eq!([0, 1, 3, 10, 11, 501, 1_999].map(round), [1, 1, 3, 10, 20, 600, 2_000]);
        assert_eq!(round(u64::MAX), u64::MAX);
    }

    #[test]
    fn small_bars_are_visible_and_none_overflows() {
        assert_eq!([0, 1, 500, 1_000].map(|number| scaled(number, 1_000)), [0, 1, 90, 180]);
        assert_eq!([scaled(1, u64::MAX), scaled(u64::MAX, u64::MAX), scaled(7, 0)], [1, 180, 180]);
    }
}
