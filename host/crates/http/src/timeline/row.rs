//! A page of a timeline as rows: children below their parent, and bars on one scale.

use std::collections::HashMap;
use std::ops::Range;

use mcp_audit_log_index::Timeline;
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
/// A pause of this many microseconds or more is told.
const PAUSE: i64 = 60 * SECOND;
/// The share of the scale that a pause takes at most.
const PAUSE_SHARE: i64 = 25;
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
    /// The text above it: its session, if that is another one than before, and how long nothing ran.
    pub(crate) above: Option<String>,
    /// The link to the parent, if the page does not show it.
    pub(crate) parent: Option<Uuid>,
    /// Whether the timeline was opened from this entry.
    pub(crate) is_here: bool,
}

/// The rows of a page of `timeline`. It may be of several sessions if `names_sessions`.
pub(crate) fn lines(timeline: &Timeline, names_sessions: bool, clock: PageClock, here: Option<Uuid>) -> Vec<Line> {
    let Timeline { entries, before, .. } = timeline;
    let begun = timeline.begun.unwrap_or(clock.now);
    let mut last_session = None;
    let scale = Scale::new(entries);
    let line = |(at, depth): (usize, usize)| {
        let entry = &entries[at];
        let session = entry.text(Field::Session).filter(|_| names_sessions && depth == 0);
        let session = session.filter(|session| last_session.replace(*session) != Some(*session));
        let is_shown = |parent: &Uuid| entries.iter().any(|other| other.id == *parent);
        Line {
            number: before + at + 1,
            row: Row::new(entry, clock),
            depth: depth.min(DEEPEST),
            offset: offset(begun, entry.occurred_at),
            server: entry.text(Field::Server).map(|server| Shown::cut(server, LONGEST)),
            kind: kind(entry),
            error: error(entry),
            bar: scale.bar(entry),
            above: above(session, scale.pause_before(entry).filter(|_| depth == 0)),
            parent: entry.parent.filter(|parent| !is_shown(parent)),
            is_here: here == Some(entry.id),
        }
    };
    order(entries).into_iter().map(line).collect()
}

fn above(session: Option<&str>, pause: Option<i64>) -> Option<String> {
    let session = session.map(|session| format!("session {}", Shown::cut(session, LONGEST)));
    match (session, pause.map(span)) {
        (Some(session), Some(pause)) => Some(format!("{session}, after {pause} without entries")),
        (None, Some(pause)) => Some(format!("{pause} without entries")),
        (session, None) => session,
    }
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

/// The scale of a page's bars: the time in which something ran. A pause takes little of it, so that what happened is
/// seen. A stream runs beside the calls and for as long as its client is there, so it does not stretch the scale.
struct Scale {
    /// The times in which something ran, ascending and apart.
    busy: Vec<Range<i64>>,
    /// The width of a pause at most, in microseconds.
    pause: i64,
}

impl Scale {
    fn new(entries: &[Entry]) -> Self {
        let is_call = |entry: &&Entry| entry.text(Field::Kind) != Some(Kind::Stream.as_str());
        let has_calls = entries.iter().any(|entry| is_call(&entry));
        let counts = |entry: &&Entry| !has_calls || is_call(entry);
        let mut times: Vec<_> =
            entries.iter().filter(counts).map(|entry| entry.occurred_at.as_micros()..end(entry)).collect();
        times.sort_unstable_by_key(|time| (time.start, time.end));
        let mut busy: Vec<Range<i64>> = Vec::new();
        for time in times {
            match busy.last_mut() {
                Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
                _ => busy.push(time),
            }
        }
        let ran = busy.iter().map(|time| time.end.saturating_sub(time.start)).fold(0, i64::saturating_add);
        Self { pause: (ran / PAUSE_SHARE).max(1), busy }
    }

    /// The place of a moment: the time in which something ran before it, and the pauses.
    fn place(&self, micros: i64) -> i64 {
        let (mut place, mut last) = (0_i64, None);
        for time in &self.busy {
            let pause = last.map_or(0, |last| time.start.saturating_sub(last));
            place = place.saturating_add(
                micros.min(time.start).saturating_sub(last.unwrap_or(time.start)).clamp(0, pause.min(self.pause)),
            );
            if micros <= time.start {
                return place;
            }
            place = place.saturating_add(micros.min(time.end).saturating_sub(time.start));
            last = Some(time.end);
        }
        place
    }

    /// The beginning and the length of an entry's bar.
    fn bar(&self, entry: &Entry) -> (u64, u64) {
        let whole = u128::from(self.busy.last().map_or(0, |last| self.place(last.end)).unsigned_abs()).max(1);
        let units = |micros: i64| {
            u64::try_from(u128::from(self.place(micros).unsigned_abs()) * u128::from(SCALE) / whole)
                .unwrap_or(SCALE)
                .min(SCALE)
        };
        let start = units(entry.occurred_at.as_micros()).min(SCALE - NARROWEST);
        (start, units(end(entry)).saturating_sub(start).clamp(NARROWEST, SCALE - start))
    }

    /// How long nothing ran before this entry, if that is long.
    fn pause_before(&self, entry: &Entry) -> Option<i64> {
        let begun = entry.occurred_at.as_micros();
        let at = self.busy.iter().position(|time| time.start == begun)?;
        let before = self.busy.get(at.checked_sub(1)?)?;
        Some(begun.saturating_sub(before.end)).filter(|pause| *pause >= PAUSE)
    }
}

fn end(entry: &Entry) -> i64 {
    let took = i64::try_from(entry.duration_us.unwrap_or(0)).unwrap_or(i64::MAX);
    entry.occurred_at.as_micros().saturating_add(took)
}

/// The time since the beginning, as exact as its length needs it.
fn offset(begun: Timestamp, at: Timestamp) -> String {
    format!("+{}", span(at.as_micros().saturating_sub(begun.as_micros()).max(0)))
}

fn span(micros: i64) -> String {
    let seconds = micros / SECOND;
    match micros {
        ..60_000_000 => format!("{}.{:03} s", seconds, micros % SECOND / 1_000),
        _ if micros < HOUR => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
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
        let timeline =
            Timeline { entries: entries.to_vec(), before: 200, begun: Some(Timestamp::EPOCH), ..Timeline::default() };
        let lines = lines(&timeline, false, clock, Some(Uuid::from_u128(4)));
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [201, 203, 204, 202, 205]);
        assert!(lines[2].is_here && !lines[3].is_here);
        assert_eq!(lines[4].parent, Some(Uuid::from_u128(9)), "its parent is elsewhere");
    }

    fn timed(second: i64, took: Option<u64>) -> Entry {
        let mut entry = entry(1, second, None);
        entry.duration_us = took;
        entry
    }

    #[test]
    fn every_bar_is_visible_and_within_the_scale() {
        let entries =
            [timed(0, Some(3_600_000_000)), timed(1, Some(5)), timed(3_600, None), timed(1_800, Some(u64::MAX))];
        let bars = |shown: usize| {
            let scale = Scale::new(&entries[..shown]);
            entries.iter().map(|entry| scale.bar(entry)).collect::<Vec<_>>()
        };
        assert_eq!(bars(3), [(0, 1_000), (0, 4), (996, 4), (500, 500)]);
        assert_eq!(bars(4)[3], (0, 1_000), "the end of time");
        assert_eq!(bars(0)[0], (0, 4), "nothing has a scale of its own");
        let instants = [timed(0, None), timed(10, None)];
        let scale = Scale::new(&instants);
        assert_eq!(instants.each_ref().map(|entry| scale.bar(entry)), [(0, 4), (996, 4)]);
    }

    #[test]
    fn a_pause_is_told_and_takes_little_of_the_scale() {
        let entries = [timed(0, Some(1_000_000)), timed(1, Some(1_000_000)), timed(3_600, Some(2_000_000))];
        let scale = Scale::new(&entries);
        let bars = entries.each_ref().map(|entry| scale.bar(entry));
        // Four seconds in which something ran, and a pause of a twenty-fifth.
        assert_eq!(bars, [(0, 240), (240, 240), (519, 481)]);
        let pauses = entries.each_ref().map(|entry| scale.pause_before(entry));
        assert_eq!(pauses, [None, None, Some(3_598 * SECOND)]);
        let short = [timed(0, None), timed(59, None)];
        assert_eq!(Scale::new(&short).pause_before(&short[1]), None);
    }

    #[test]
    fn a_stream_does_not_stretch_the_scale() {
        let stream = |second, seconds: u64| {
            let mut stream = timed(second, Some(seconds * 1_000_000));
            stream.set_text(Field::Kind, Some(Kind::Stream.as_str()));
            stream
        };
        let entries = [stream(0, 3_600), timed(10, Some(1_000_000)), timed(11, Some(1_000_000))];
        let scale = Scale::new(&entries);
        let bars = entries.each_ref().map(|entry| scale.bar(entry));
        assert_eq!(bars, [(0, 1_000), (0, 500), (500, 500)]);
        let alone = [stream(0, 60), stream(30, 60)];
        let scale = Scale::new(&alone);
        assert_eq!(alone.each_ref().map(|entry| scale.bar(entry)), [(0, 666), (333, 667)]);
    }

    #[test]
    fn offsets_are_as_exact_as_their_length_needs() {
        let shown = [0, 1_234_567, 59_999_999, 61_000_000, 3 * HOUR + 5 * 60 * SECOND];
        let shown = shown.map(|micros| offset(Timestamp::EPOCH, Timestamp::from_micros(micros)));
        assert_eq!(shown, ["+0.000 s", "+1.234 s", "+59.999 s", "+1 min 01 s", "+3 h 05 min"]);
    }
}
