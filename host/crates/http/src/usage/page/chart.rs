//! The series as bars. The server draws them. They do not rely on colour: the legend explains the striped part, and
//! each bar has its numbers as text.

use mcp_audit_log_index::{Point, Usage, UsageSort, UsageStats, UsageStep};
use mcp_audit_log_model::format::{duration, money, rough};
use mcp_audit_log_model::time_zone::TimeZone;

use super::table::{COLUMNS, Cell};
use super::view::View;

/// The height of the bars, and their position.
const HEIGHT: u64 = 180;
const GROUND: u64 = 200;
/// The number of points from which the page leaves out empty ones.
const DENSE: usize = 200;
/// The most labels below the bars.
const TICKS: usize = 8;
/// The least distance between the middle of a label and a side, in percent of the width.
const MARGIN: f64 = 5.0;

/// The series.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// The text instead of the bars, if all of them are empty.
    pub(crate) nothing: Option<String>,
    /// The labels of the plain and the striped part of a bar.
    pub(crate) plain: &'static str,
    pub(crate) striped: Option<&'static str>,
    pub(crate) bars: Vec<Bar>,
    /// The horizontal lines: position and value.
    pub(crate) lines: Vec<(u64, String)>,
    /// Labels below the bars: position, alignment, text. Each second one is hidden on narrow pages.
    pub(crate) ticks: Vec<(String, &'static str, String)>,
    pub(crate) models: bool,
    /// Whether there are so many points that the page leaves out those without requests.
    pub(crate) dense: bool,
}

/// One point. Positions and widths are percentages of the width, heights are pixels.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) width: String,
    /// The top and the height of each part.
    pub(crate) plain: (u64, u64),
    pub(crate) striped: (u64, u64),
    pub(crate) when: String,
    pub(crate) is_empty: bool,
    pub(crate) cells: Vec<Cell>,
}

impl Chart {
    pub(crate) fn new(view: &View, usage: &Usage) -> Self {
        let sort = view.sort();
        let (what, plain, striped) = match sort {
            UsageSort::Requests => ("Requests", "succeeded", Some("errors")),
            UsageSort::Errors => ("Errors", "", Some("errors")),
            UsageSort::Duration | UsageSort::P95 => ("Durations", "average", Some("up to the 95th percentile")),
            UsageSort::Tokens => ("Tokens", "in", Some("out")),
            UsageSort::Cost => ("Cost", "cost", None),
        };
        let height = |point: &Point| {
            let (plain, striped) = parts(sort, &point.stats);
            plain.saturating_add(striped)
        };
        let highest = usage.series.iter().map(height).max().unwrap_or(0);
        let models = usage.series.iter().any(|point| point.stats.tokens() > 0);
        let (top, width) = (round(highest), 100.0 / usage.series.len().max(1) as f64);
        let bar = |(at, point)| Bar::new(view, usage.step, point, (at as f64 * width, width), top, models);
        let label = match sort {
            UsageSort::Duration | UsageSort::P95 => duration,
            UsageSort::Cost => money,
            _ => rough,
        };
        let lines = [top, top / 2].into_iter().filter(|number| *number > 0);
        Self {
            title: format!("{what} by {}", usage.step.as_str()),
            nothing: (highest == 0)
                .then(|| format!("No {} in this range; breakdowns are sorted by requests.", what.to_lowercase())),
            plain,
            striped,
            bars: usage.series.iter().enumerate().map(bar).collect(),
            lines: lines.map(|number| (GROUND - scaled(number, top), label(number))).collect(),
            ticks: ticks(usage, view.zone),
            dense: usage.series.len() > DENSE,
            models,
        }
    }
}

impl Bar {
    fn new(view: &View, step: UsageStep, point: &Point, (x, width): (f64, f64), top: u64, models: bool) -> Self {
        let stats = &point.stats;
        let (plain, striped) = parts(view.sort(), stats);
        let (low, high) = (scaled(plain, top), scaled(plain.saturating_add(striped), top));
        // A part that is there is seen.
        let high = high.max(low + u64::from(striped > 0));
        let range = point.from..point.to;
        let columns = if models { &COLUMNS[..] } else { &COLUMNS[..4] };
        let (zone, day) = (view.zone, "%Y-%m-%d");
        let when = match step {
            UsageStep::Hour => format!("{} – {}", zone.minute(point.from), zone.format(point.to, "%H:%M %Z")),
            UsageStep::Day => zone.format(point.from, day),
            UsageStep::Week => format!("{} – {}", zone.format(point.from, day), zone.format(point.to.plus(-1), day)),
        };
        Self {
            x: format!("{:.3}%", x + width * 0.08),
            width: format!("{:.3}%", width * 0.84),
            plain: (GROUND - low, low),
            striped: (GROUND - high, high - low),
            when,
            is_empty: stats.requests == 0,
            cells: columns.iter().map(|column| column.cell(view, &range, &[], stats)).collect(),
        }
    }
}

/// The values of the plain and the striped part of a bar.
fn parts(sort: UsageSort, stats: &UsageStats) -> (u64, u64) {
    match sort {
        UsageSort::Requests => (stats.requests.saturating_sub(stats.errors), stats.errors),
        UsageSort::Errors => (0, stats.errors),
        UsageSort::Duration | UsageSort::P95 => {
            let average = stats.average_us.unwrap_or(0);
            (average, stats.p95_us.unwrap_or(0).saturating_sub(average))
        }
        UsageSort::Tokens => (stats.input_tokens, stats.output_tokens),
        UsageSort::Cost => (stats.cost_micros, 0),
    }
}

/// The next round number: one digit, then zeros.
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

/// A height in pixels; at least one pixel if the value is not zero.
fn scaled(number: u64, top: u64) -> u64 {
    let pixels = u128::from(number) * u128::from(HEIGHT) / u128::from(top.max(1));
    u64::try_from(pixels).unwrap_or(HEIGHT).clamp(u64::from(number > 0), HEIGHT)
}

/// The labels of some bars, at even distances.
fn ticks(usage: &Usage, zone: TimeZone) -> Vec<(String, &'static str, String)> {
    let length = usage.series.len();
    let width = 100.0 / length.max(1) as f64;
    let form = if usage.step == UsageStep::Hour { "%b %-d, %H:%M" } else { "%Y-%m-%d" };
    let tick = |(at, point): (usize, &Point)| {
        // Nothing extends over the sides.
        let (x, anchor) = match (at as f64 + 0.5) * width {
            x if x < MARGIN => (0.0, "start"),
            x if x > 100.0 - MARGIN => (100.0, "end"),
            x => (x, "middle"),
        };
        (format!("{x:.3}%"), anchor, zone.format(point.from, form))
    };
    usage.series.iter().enumerate().step_by(length.div_ceil(TICKS).max(1)).map(tick).collect()
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
