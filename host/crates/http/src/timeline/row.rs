//! A page of a timeline as rows: children below their parent, and bars on one scale.

use std::collections::HashMap;
use std::ops::Range;

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Kind;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{HOUR, SECOND, Timestamp};
use uuid::Uuid;

use crate::session::page_clock::PageClock;
use crate::ui::row::Row;
use crate::ui::text::Shown;

/// The width of the bars' scale, and the least width of a bar.
const SCALE: u64 = 1_000;
const NARROWEST: u64 = 4;
/// The deepest indentation. Deeper children are shown at this depth.
const DEEPEST: usize = 6;
/// The longest error message in characters.
const LONGEST: usize = 160;

/// An entry of a timeline.
pub(crate) struct Line {
    /// Its number in the timeline, from 1 on, in the order in which entries began.
    pub(crate) number: usize,
    pub(crate) row: Row,
    pub(crate) depth: usize,
    /// The time since the first entry of the timeline.
    pub(crate) offset: String,
    pub(crate) server: Option<Shown>,
    /// The kind, if it is not a usual request.
    pub(crate) kind: Option<String>,
    pub(crate) error: Option<Shown>,
    /// The beginning and the length of its bar.
    pub(crate) bar: (u64, u64),
    /// The link to the parent, if the page does not show it.
    pub(crate) parent: Option<Uuid>,
    /// Whether the timeline was opened from this entry.
    pub(crate) is_here: bool,
}

/// The rows of a page. `before` is the number of entries before it, and `begun` the beginning of the timeline.
pub(crate) fn lines(
    entries: &[Entry],
    before: usize,
    begun: Timestamp,
    clock: PageClock,
    here: Option<Uuid>,
) -> Vec<Line> {
    let scale = scale(entries);
    let line = |(at, depth): (usize, usize)| {
        let entry = &entries[at];
        let is_shown = |parent: &Uuid| entries.iter().any(|other| other.id == *parent);
        Line {
            number: before + at + 1,
            row: Row::new(entry, clock),
            depth: depth.min(DEEPEST),
            offset: offset(begun, entry.occurred_at),
            server: entry.text(Field::Server).map(|server| Shown::cut(server, LONGEST)),
            kind: kind(entry),
            error: error(entry),
            bar: bar(entry, &scale),
            parent: entry.parent.filter(|parent| !is_shown(parent)),
            is_here: here == Some(entry.id),
        }
    };
    order(entries).into_iter().map(line).collect()
}

/// The positions of the entries in the order of the page, each with its depth: children follow their parent.
fn order(entries: &[Entry]) -> Vec<(usize, usize)> {
    let positions: HashMap<Uuid, usize> = entries.iter().enumerate().map(|(at, entry)| (entry.id, at)).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    let mut roots = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match entry.parent.and_then(|parent| positions.get(&parent)) {
            Some(parent) if *parent != at => children[*parent].push(at),
            _ => roots.push(at),
        }
    }
    let (mut order, mut is_placed) = (Vec::with_capacity(entries.len()), vec![false; entries.len()]);
    // A circle of parents has no root; its entries come last.
    for root in roots.into_iter().chain(0..entries.len()) {
        let mut next = vec![(root, 0)];
        while let Some((at, depth)) = next.pop() {
            if !std::mem::replace(&mut is_placed[at], true) {
                order.push((at, depth));
                next.extend(children[at].iter().rev().map(|child| (*child, depth + 1)));
            }
        }
    }
    order
}

/// The time from the first beginning to the last end.
fn scale(entries: &[Entry]) -> Range<i64> {
    let starts = entries.iter().map(|entry| entry.occurred_at.as_micros());
    let start = starts.min().unwrap_or(0);
    let end = entries.iter().map(end).max().unwrap_or(start);
    start..end.max(start.saturating_add(1))
}

fn end(entry: &Entry) -> i64 {
    let took = i64::try_from(entry.duration_us.unwrap_or(0)).unwrap_or(i64::MAX);
    entry.occurred_at.as_micros().saturating_add(took)
}

/// The beginning and the length of an entry's bar.
fn bar(entry: &Entry, scale: &Range<i64>) -> (u64, u64) {
    let whole = u128::from(scale.end.abs_diff(scale.start)).max(1);
    let units = |micros: u64| u64::try_from(u128::from(micros) * u128::from(SCALE) / whole).unwrap_or(SCALE).min(SCALE);
    let start = units(entry.occurred_at.as_micros().abs_diff(scale.start)).min(SCALE - NARROWEST);
    (start, units(entry.duration_us.unwrap_or(0)).clamp(NARROWEST, SCALE - start))
}

/// The time since the beginning, as exact as its length needs it.
fn offset(begun: Timestamp, at: Timestamp) -> String {
    let micros = at.as_micros().saturating_sub(begun.as_micros()).max(0);
    let seconds = micros / SECOND;
    match micros {
        0..60_000_000 => format!("+{}.{:03} s", seconds, micros % SECOND / 1_000),
        _ if micros < HOUR => format!("+{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("+{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

fn kind(entry: &Entry) -> Option<String> {
    let usual = [Kind::Request, Kind::Http].map(Kind::as_str);
    entry.text(Field::Kind).filter(|kind| !usual.contains(kind)).map(|kind| kind.replace('-', " "))
}

fn error(entry: &Entry) -> Option<Shown> {
    let texts = [Field::ErrorType, Field::ErrorMessage].into_iter().filter_map(|field| entry.text(field));
    let text = texts.collect::<Vec<_>>().join(": ");
    (!text.is_empty()).then(|| Shown::cut(&text, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time_zone::TimeZone;

    fn entry(number: u128, second: i64, parent: Option<u128>) -> Entry {
        let at = Timestamp::from_micros(second * SECOND);
        let mut entry = Entry::new(Uuid::from_u128(number), at, at);
        entry.parent = parent.map(Uuid::from_u128);
        entry
    }

    #[test]
    fn children_follow_their_parent() {
        let entries =
            [entry(1, 0, None), entry(2, 1, None), entry(3, 2, Some(1)), entry(4, 3, Some(3)), entry(5, 4, Some(9))];
        assert_eq!(order(&entries), [(0, 0), (2, 1), (3, 2), (1, 0), (4, 0)]);
        let circle = [entry(1, 0, Some(2)), entry(2, 1, Some(1)), entry(3, 2, Some(3)), entry(4, 2, None)];
        assert_eq!(order(&circle), [(2, 0), (3, 0), (0, 0), (1, 1)]);
        let clock = PageClock { now: Timestamp::EPOCH, zone: TimeZone::UTC };
        let lines = lines(&entries, 200, Timestamp::EPOCH, clock, Some(Uuid::from_u128(4)));
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [201, 203, 204, 202, 205]);
        assert!(lines[2].is_here && !lines[3].is_here);
        assert_eq!(lines[4].parent, Some(Uuid::from_u128(9)), "its parent is elsewhere");
    }

    #[test]
    fn every_bar_is_visible_and_within_the_scale() {
        let timed = |second, took| {
            let mut entry = entry(1, second, None);
            entry.duration_us = took;
            entry
        };
        let entries =
            [timed(0, Some(3_600_000_000)), timed(1, Some(5)), timed(3_600, None), timed(1_800, Some(u64::MAX))];
        let scale = scale(&entries[..3]);
        let bars: Vec<_> = entries.iter().map(|entry| bar(entry, &scale)).collect();
        assert_eq!(bars, [(0, 1_000), (0, 4), (996, 4), (500, 500)]);
    }

    #[test]
    fn offsets_are_as_exact_as_their_length_needs() {
        let shown = [0, 1_234_567, 59_999_999, 61_000_000, 3 * HOUR + 5 * 60 * SECOND];
        let shown = shown.map(|micros| offset(Timestamp::EPOCH, Timestamp::from_micros(micros)));
        assert_eq!(shown, ["+0.000 s", "+1.234 s", "+59.999 s", "+1 min 01 s", "+3 h 05 min"]);
    }
}
