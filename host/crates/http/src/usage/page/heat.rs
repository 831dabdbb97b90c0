//! How long requests took over time: a heat map, drawn by the server, and its figures as a table.

use std::fmt::Write as _;
use std::ops::Range;

use mcp_audit_log_index::{DurationCounts, Usage};
use mcp_audit_log_model::format::{count, duration};

use super::chart::{LISTED, MOST_BARS, when};
use super::view::View;

/// The most cells that are drawn: more of them would make the page too large.
const MOST: usize = 1_000;
/// The number of shades.
const SHADES: u64 = 5;

/// How many requests took how long.
pub(crate) struct HeatMap {
    /// The drawing; `None` if it has too many cells.
    pub(crate) shape: Option<Shape>,
    /// The classes of durations, the shortest first.
    pub(crate) headings: Vec<String>,
    /// The points with requests, and the number of requests of each class.
    pub(crate) rows: Vec<(String, Vec<String>)>,
    /// Whether these are all points with requests, and not only those with the most.
    pub(crate) are_all: bool,
}

/// The drawing: a column for each point, and a line for each class.
pub(crate) struct Shape {
    pub(crate) width: usize,
    /// The shortest duration of each line, the longest first.
    pub(crate) limits: Vec<String>,
    /// The cells of each shade.
    pub(crate) shades: Vec<(u64, String)>,
}

impl HeatMap {
    /// The heat map of what was counted; `None` if no request has a duration, or if it was not asked for.
    pub(crate) fn new(view: &View, usage: &Usage) -> Option<Self> {
        let durations = usage.durations.as_ref()?;
        let used = durations.counts.iter().flatten().filter(|number| **number > 0).count();
        if used == 0 {
            return None;
        }
        let classes = durations.classes();
        if used > MOST {
            return Some(Self { shape: None, headings: Vec::new(), rows: Vec::new(), are_all: true });
        }
        let limit = |class: usize| duration(durations.limits_us[class]);
        let heading =
            |class: usize| if class == 0 { format!("< {}", limit(0)) } else { format!("≥ {}", limit(class - 1)) };
        let number = |number: &u64| if *number > 0 { count(*number) } else { String::new() };
        let mut points: Vec<_> = usage.series.iter().zip(&durations.counts).collect();
        points.retain(|(point, _)| point.stats.requests > 0);
        let are_all = usage.series.len() <= MOST_BARS;
        if !are_all {
            points.sort_by_key(|(point, _)| std::cmp::Reverse(point.stats.requests));
            points.truncate(LISTED);
            points.sort_by_key(|(point, _)| point.from);
        }
        let rows = points.into_iter().map(|(point, counts)| {
            (when(usage.step, point, view.zone), counts[classes.clone()].iter().map(number).collect())
        });
        let headings: Vec<_> = classes.clone().map(heading).collect();
        let limits = headings.iter().rev().cloned().collect();
        let shape = Shape { width: usage.series.len(), limits, shades: shades(durations, &classes) };
        Some(Self { shape: Some(shape), rows: rows.collect(), headings, are_all })
    }
}

/// The cells by their shade. Twice the requests are less than twice as dark, so that rare durations are seen.
fn shades(durations: &DurationCounts, classes: &Range<usize>) -> Vec<(u64, String)> {
    let most = durations.counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let mut shades: Vec<_> = (1..=SHADES).map(|shade| (shade, String::new())).collect();
    for (x, counts) in durations.counts.iter().enumerate() {
        for (line, number) in counts[classes.clone()].iter().rev().enumerate().filter(|(_, number)| **number > 0) {
            let of =
                |shade: &(u64, String)| u128::from(*number) * 25 <= u128::from(most) * u128::from(shade.0 * shade.0);
            if let Some((_, path)) = shades.iter_mut().find(|shade| of(shade)) {
                // Writing to a text cannot fail.
                let _ = write!(path, "M{x} {line}h1v1h-1z");
            }
        }
    }
    shades.retain(|(_, path)| !path.is_empty());
    shades
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_durations_are_seen_and_the_longest_is_on_top() {
        let durations = DurationCounts {
            limits_us: vec![10, 20, 40],
            counts: vec![vec![0, 100, 1, 0], vec![0; 4], vec![0, 40, 0, 0]],
        };
        let classes = durations.classes();
        assert_eq!(classes, 1..3);
        let cells = shades(&durations, &classes);
        let expected = [(1, "M0 0h1v1h-1z"), (4, "M2 1h1v1h-1z"), (5, "M0 1h1v1h-1z")];
        assert_eq!(cells, expected.map(|(shade, path)| (shade, path.to_owned())));
        let none = DurationCounts { limits_us: vec![10], counts: Vec::new() };
        assert_eq!((none.classes(), shades(&none, &none.classes())), (0..1, Vec::new()));
        let huge = DurationCounts { limits_us: vec![10], counts: vec![vec![u64::MAX, 1]] };
        assert_eq!(shades(&huge, &huge.classes()).len(), 2);
    }
}
