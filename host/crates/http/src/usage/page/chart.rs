//! The series as bars. The server draws them. They do not rely on colour: the legend explains the striped part, and
//! each bar has its numbers as text.

use std::fmt::Write as _;

use mcp_audit_log_index::{Point, Usage, UsageSort, UsageStats, UsageStep};
use mcp_audit_log_model::format::{duration, money, rough};
use mcp_audit_log_model::time_zone::TimeZone;

use super::table::{Cell, Column, of_series};
use super::view::View;

/// The height of the bars, and their position.
const HEIGHT: u64 = 180;
const GROUND: u64 = 200;
/// The most points with bars of their own, each with its figures and links. More would make the page too large.
pub(super) const MOST_BARS: usize = 40;
/// Of more points, the table has this many.
pub(super) const LISTED: usize = 31;
/// The most labels below the bars.
const TICKS: usize = 6;
/// The least distance between the middle of a label and a side, in percent of the width.
const MARGIN: f64 = 5.0;

/// The series.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// The text instead of the bars, if all of them are empty.
    pub(crate) nothing: Option<String>,
    /// The labels of the plain and the striped part of a bar, and of the mark above them.
    pub(crate) plain: &'static str,
    pub(crate) striped: Option<&'static str>,
    pub(crate) mark: Option<&'static str>,
    /// The headings of the cells.
    pub(crate) headings: Vec<&'static str>,
    /// The points; of very many the highest, for the table.
    pub(crate) bars: Vec<Bar>,
    /// The drawing of very many points.
    pub(crate) outline: Option<Outline>,
    /// The horizontal lines: position and value.
    pub(crate) lines: Vec<(u64, String)>,
    pub(crate) ticks: Vec<Tick>,
}

/// A label below the bars: its position, alignment and text.
pub(crate) struct Tick {
    pub(crate) x: String,
    pub(crate) anchor: &'static str,
    pub(crate) text: String,
    /// Whether a narrow page has no room for it.
    pub(crate) is_minor: bool,
}

/// Very many points, as steps over their whole width: the plain part, the part above it, and the marks.
pub(crate) struct Outline {
    pub(crate) width: usize,
    pub(crate) plain: String,
    pub(crate) striped: String,
    pub(crate) mark: Option<String>,
}

/// One point. Positions and widths are percentages of the width, heights are pixels.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) width: String,
    /// The top and the height of each part.
    pub(crate) plain: (u64, u64),
    pub(crate) striped: (u64, u64),
    /// The position of the mark.
    pub(crate) mark: Option<u64>,
    pub(crate) when: String,
    /// The text on hover: its figures.
    pub(crate) title: String,
    pub(crate) cells: Vec<Cell>,
}

impl Chart {
    pub(crate) fn new(view: &View, usage: &Usage) -> Self {
        let sort = view.sort();
        let (what, plain, striped) = match sort {
            UsageSort::Requests => ("Requests", "succeeded", Some("errors")),
            UsageSort::Errors => ("Errors", "", Some("errors")),
            UsageSort::Duration => ("Durations", "average", Some("up to the 95th percentile")),
            UsageSort::P95 => ("Durations", "median", Some("up to the 95th percentile")),
            UsageSort::Tokens => ("Tokens", "in", Some("out")),
            UsageSort::Cost => ("Cost", "cost", None),
        };
        let height = |point: &Point| {
            let (plain, striped) = parts(sort, &point.stats);
            plain.saturating_add(striped).max(mark(sort, &point.stats).unwrap_or(0))
        };
        let highest = usage.series.iter().map(height).max().unwrap_or(0);
        let models = usage.series.iter().any(|point| point.stats.tokens() > 0);
        let (top, width) = (round(highest), 100.0 / usage.series.len().max(1) as f64);
        let columns = of_series(sort, models);
        let bar = |(at, point)| Bar::new(view, usage.step, point, (at as f64 * width, width), top, &columns);
        let is_dense = usage.series.len() > MOST_BARS;
        let mut points: Vec<_> = usage.series.iter().enumerate().collect();
        if is_dense {
            points.retain(|(_, point)| point.stats.requests > 0);
            points.sort_by_key(|(_, point)| std::cmp::Reverse(height(point)));
            points.truncate(LISTED);
            points.sort_by_key(|(at, _)| *at);
        }
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
            mark: (sort == UsageSort::P95).then_some("99th percentile"),
            headings: columns.iter().map(|column| column.label()).collect(),
            bars: points.into_iter().map(bar).collect(),
            outline: is_dense.then(|| Outline::new(sort, &usage.series, top)),
            lines: lines.map(|number| (GROUND - scaled(number, top), label(number))).collect(),
            ticks: ticks(usage, view.zone),
        }
    }
}

impl Outline {
    fn new(sort: UsageSort, series: &[Point], top: u64) -> Self {
        let both = |point: &Point| {
            let (plain, striped) = parts(sort, &point.stats);
            plain.saturating_add(striped)
        };
        let line = |value: &dyn Fn(&Point) -> u64| {
            let mut path = format!("M0 {GROUND}");
            for (first, same) in runs(series.iter().map(|point| GROUND - scaled(value(point), top))) {
                // Writing to a text cannot fail.
                let _ = write!(path, "V{first}h{same}");
            }
            path
        };
        let area = |value: &dyn Fn(&Point) -> u64| format!("{}V{GROUND}z", line(value));
        Self {
            width: series.len(),
            plain: area(&|point| parts(sort, &point.stats).0),
            striped: area(&both),
            mark: (sort == UsageSort::P95).then(|| line(&|point| mark(sort, &point.stats).unwrap_or(0))),
        }
    }
}

/// Equal numbers that follow each other, with how many they are.
fn runs(numbers: impl Iterator<Item = u64>) -> Vec<(u64, usize)> {
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((last, count)) if *last == number => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs
}

impl Bar {
    fn new(
        view: &View,
        step: UsageStep,
        point: &Point,
        (x, width): (f64, f64),
        top: u64,
        columns: &[&'static Column],
    ) -> Self {
        let stats = &point.stats;
        let (plain, striped) = parts(view.sort(), stats);
        let (low, high) = (scaled(plain, top), scaled(plain.saturating_add(striped), top));
        // A part that is there is seen.
        let high = high.max(low + u64::from(striped > 0));
        let range = point.from..point.to;
        let cells: Vec<_> = columns.iter().map(|column| column.cell(view, &range, &[], stats)).collect();
        let told = |(column, cell): (&&Column, &Cell)| format!("{} {}", column.label(), cell.text);
        let told: Vec<_> = columns.iter().zip(&cells).skip(2).map(told).collect();
        let when = when(step, point, view.zone);
        Self {
            x: format!("{:.3}%", x + width * 0.08),
            width: format!("{:.3}%", width * 0.84),
            plain: (GROUND - low, low),
            striped: (GROUND - high, high - low),
            mark: mark(view.sort(), stats).map(|micros| GROUND - scaled(micros, top)),
            title: format!("{when}\n{} requests, {} errors\n{}", cells[0].text, cells[1].text, told.join(", ")),
            when,
            cells,
        }
    }
}

/// The range of a point.
pub(super) fn when(step: UsageStep, point: &Point, zone: TimeZone) -> String {
    let day = "%Y-%m-%d";
    match step {
        UsageStep::Hour => format!("{} – {}", zone.minute(point.from), zone.format(point.to, "%H:%M %Z")),
        UsageStep::Day => zone.format(point.from, day),
        UsageStep::Week => format!("{} – {}", zone.format(point.from, day), zone.format(point.to.plus(-1), day)),
    }
}

/// The values of the plain and the striped part of a bar.
fn parts(sort: UsageSort, stats: &UsageStats) -> (u64, u64) {
    match sort {
        UsageSort::Requests => (stats.requests.saturating_sub(stats.errors), stats.errors),
        UsageSort::Errors => (0, stats.errors),
        UsageSort::Duration | UsageSort::P95 => {
            let low = if sort == UsageSort::P95 { stats.p50_us } else { stats.average_us }.unwrap_or(0);
            (low, stats.p95_us.unwrap_or(0).saturating_sub(low))
        }
        UsageSort::Tokens => (stats.input_tokens, stats.output_tokens),
        UsageSort::Cost => (stats.cost_micros, 0),
    }
}

/// The value of the mark above the parts.
fn mark(sort: UsageSort, stats: &UsageStats) -> Option<u64> {
    stats.p99_us.filter(|_| sort == UsageSort::P95)
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

/// The labels of some bars, at even distances. A narrow page shows the first one, and one in the second half.
fn ticks(usage: &Usage, zone: TimeZone) -> Vec<Tick> {
    let length = usage.series.len();
    let width = 100.0 / length.max(1) as f64;
    let form = if usage.step == UsageStep::Hour { "%b %-d, %H:%M" } else { "%Y-%m-%d" };
    let (every, far) = (length.div_ceil(TICKS).max(1), length * 3 / 5);
    let tick = |(at, point): (usize, &Point)| {
        // Nothing extends over the sides.
        let (x, anchor) = match (at as f64 + 0.5) * width {
            x if x < MARGIN => (0.0, "start"),
            x if x > 100.0 - MARGIN => (100.0, "end"),
            x => (x, "middle"),
        };
        let is_minor = at > 0 && !(far..far + every).contains(&at);
        Tick { x: format!("{x:.3}%"), anchor, text: zone.format(point.from, form), is_minor }
    };
    usage.series.iter().enumerate().step_by(every).map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::Timestamp;

    #[test]
    fn axes_end_with_a_round_number() {
        assert_eq!([0, 1, 3, 10, 11, 501, 1_999].map(round), [1, 1, 3, 10, 20, 600, 2_000]);
        assert_eq!(round(u64::MAX), u64::MAX);
    }

    #[test]
    fn steps_of_one_height_are_one() {
        assert_eq!(runs([200, 200, 20, 200].into_iter()), [(200, 2), (20, 1), (200, 1)]);
        let mut stats = UsageStats { requests: 4, errors: 1, ..UsageStats::default() };
        let point = |stats| Point { from: Timestamp::EPOCH, to: Timestamp::EPOCH, stats };
        let series = [point(stats), point(std::mem::take(&mut stats))];
        let outline = Outline::new(UsageSort::Requests, &series, 4);
        assert_eq!((outline.plain.as_str(), outline.striped.as_str()), ("M0 200V65h2V200z", "M0 200V20h2V200z"));
        let outline = Outline::new(UsageSort::P95, &[point(UsageStats::default())], 4);
        assert_eq!(outline.mark.as_deref(), Some("M0 200V200h1"));
    }

    #[test]
    fn small_bars_are_visible_and_none_overflows() {
        assert_eq!([0, 1, 500, 1_000].map(|number| scaled(number, 1_000)), [0, 1, 90, 180]);
        assert_eq!([scaled(1, u64::MAX), scaled(u64::MAX, u64::MAX), scaled(7, 0)], [1, 180, 180]);
    }
}
