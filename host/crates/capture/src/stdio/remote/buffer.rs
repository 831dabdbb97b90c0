//! The events that wait until the log has them: within a bound, and beyond it counted.

use std::collections::VecDeque;

use mcp_audit_log_model::time::Timestamp;

use super::item::Item;

/// The most items of a request.
const ITEMS: usize = 500;
/// The longest request in bytes, unless one item is longer: many web servers take no more than 1 MiB.
const BATCH: usize = 900 << 10;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// Events that did not get into the log, to be reported in an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// How many found no room.
    pub(super) dropped: u64,
    /// How many the log refused.
    pub(super) refused: u64,
    /// When the first and the last of them came.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

impl Gap {
    /// How many events.
    pub(super) fn lost(&self) -> u64 {
        self.dropped + self.refused
    }
}

enum Slot {
    Item(Item),
    /// Grows until it is sent.
    Gap(Gap),
}

/// What waits, oldest first.
pub(super) struct Buffer {
    slots: VecDeque<Slot>,
    limits: Limits,
    events: usize,
    bytes: usize,
    /// Whether events are being dropped. They are until half of the room is free, so that few gaps are reported.
    overflows: bool,
    /// Whether the log keeps payloads; unknown before its first answer.
    pub(super) keeps_payloads: Option<bool>,
    /// How many events are lost for good.
    pub(super) lost: u64,
    /// How many of them an entry of the log reports.
    pub(super) reported: u64,
    /// How many the log has.
    pub(super) delivered: u64,
}

impl Buffer {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            slots: VecDeque::new(),
            limits,
            events: 0,
            bytes: 0,
            overflows: false,
            keeps_payloads: None,
            lost: 0,
            reported: 0,
            delivered: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> u64 {
        let is_event = |slot: &&Slot| matches!(slot, Slot::Item(item) if item.reports == 0);
        self.slots.iter().filter(is_event).count() as u64
    }

    /// Takes an event that came at this time, or counts it. Returns whether this is the first one that is dropped.
    pub(super) fn push(&mut self, mut item: Item, at: Timestamp) -> bool {
        if self.keeps_payloads == Some(false) {
            item.drop_payload();
        }
        let Limits { events, bytes } = self.limits;
        let (events, bytes) = if self.overflows { (events / 2, bytes / 2) } else { (events, bytes) };
        let fits = self.events < events && self.bytes + item.len() <= bytes;
        if fits {
            self.overflows = false;
            self.add(item);
            return false;
        }
        self.dropped(1, at);
        !std::mem::replace(&mut self.overflows, true)
    }

    /// Counts events that got lost before they were items.
    pub(super) fn dropped(&mut self, events: u64, at: Timestamp) {
        self.lost += events;
        self.count(at, |gap| gap.dropped += events);
    }

    fn add(&mut self, item: Item) {
        self.events += 1;
        self.bytes += item.len();
        self.slots.push_back(Slot::Item(item));
    }

    /// Counts in the gap behind everything that waits.
    fn count(&mut self, at: Timestamp, count: impl FnOnce(&mut Gap)) {
        let mut gap = match self.slots.pop_back() {
            Some(Slot::Gap(gap)) => gap,
            other => {
                self.slots.extend(other);
                Gap::default()
            }
        };
        count(&mut gap);
        gap.span = Some((gap.span.map_or(at, |(first, _)| first), at));
        self.slots.push_back(Slot::Gap(gap));
    }

    /// The body of the next request, and how many items it has, at most `most`. They stay until [`Self::answered`].
    pub(super) fn batch(&mut self, most: usize, report: impl Fn(Gap) -> Item) -> (String, usize) {
        let (mut body, mut count) = ("[".to_owned(), 0);
        for slot in self.slots.iter_mut().take(most.min(ITEMS)) {
            if let Slot::Gap(gap) = slot {
                let item = report(*gap);
                self.events += 1;
                self.bytes += item.len();
                *slot = Slot::Item(item);
            }
            let Slot::Item(item) = slot else { break };
            if count > 0 && body.len() + item.len() > BATCH {
                break;
            }
            if count > 0 {
                body.push(',');
            }
            item.write(&mut body);
            count += 1;
        }
        body.push(']');
        (body, count)
    }

    /// Removes the items that the log answered, in their order: `false` for one that it refused.
    pub(super) fn answered(&mut self, results: impl IntoIterator<Item = bool>, now: Timestamp) {
        for accepted in results {
            let Some(Slot::Item(item)) = self.slots.pop_front() else { break };
            self.events -= 1;
            self.bytes -= item.len();
            match (accepted, item.reports) {
                (true, 0) => self.delivered += 1,
                (true, lost) => self.reported += lost,
                (false, 1..) => {}
                (false, 0) => {
                    self.lost += 1;
                    self.count(now, |gap| gap.refused += 1);
                }
            }
        }
    }

    /// Whether the log keeps payloads. If not, those that wait are not sent.
    pub(super) fn payloads(&mut self, keeps: bool) {
        self.keeps_payloads = Some(keeps);
        for slot in self.slots.iter_mut().filter(|_| !keeps) {
            if let Slot::Item(item) = slot {
                self.bytes -= item.len();
                item.drop_payload();
                self.bytes += item.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};

    const LIMITS: Limits = Limits { events: 4, bytes: 1 << 20 };

    fn event(number: i64) -> Event {
        let at = Timestamp::from_seconds(1_800_000_000);
        Event::new(at, Channel::Stdio, Kind::Request, OutcomeDetail::Ok).fact("number", number)
    }

    fn pushed(buffer: &mut Buffer, numbers: std::ops::Range<i64>) -> Vec<i64> {
        numbers.filter(|number| buffer.push(Item::new(event(*number)), event(*number).occurred_at)).collect()
    }

    /// What a batch has: numbers of events, and of a gap minus the dropped ones.
    fn sent(buffer: &mut Buffer, most: usize) -> Vec<i64> {
        let report = |gap: Gap| Item::gap(event(-gap.lost().cast_signed()), gap.lost());
        let (body, count) = buffer.batch(most, report);
        let items: Vec<serde_json::Value> = serde_json::from_str(&body).expect("JSON");
        assert_eq!(items.len(), count);
        items.iter().map(|item| item["facts"]["number"].as_i64().expect("a number")).collect()
    }

    fn accept(buffer: &mut Buffer, count: usize) {
        buffer.answered(std::iter::repeat_n(true, count), Timestamp::EPOCH);
    }

    #[test]
    fn beyond_the_bound_events_are_counted_until_half_of_it_is_free() {
        let mut buffer = Buffer::new(LIMITS);
        assert_eq!(pushed(&mut buffer, 0..10), [4], "the first loss is told once");
        assert_eq!((buffer.lost, buffer.waiting()), (6, 4));
        assert_eq!(sent(&mut buffer, 2), [0, 1]);
        accept(&mut buffer, 2);
        assert_eq!(pushed(&mut buffer, 10..11), [] as [i64; 0], "still lost");
        assert_eq!(sent(&mut buffer, 9), [2, 3, -7]);
        accept(&mut buffer, 3);
        assert_eq!(pushed(&mut buffer, 11..12), [] as [i64; 0]);
        assert_eq!(sent(&mut buffer, 9), [11]);
        accept(&mut buffer, 1);
        assert_eq!((buffer.lost, buffer.reported, buffer.delivered), (7, 7, 5));
        assert_eq!((buffer.is_empty(), buffer.bytes, buffer.events), (true, 0, 0));
    }

    #[test]
    fn a_request_that_is_sent_again_has_the_same_items() {
        let mut buffer = Buffer::new(LIMITS);
        pushed(&mut buffer, 0..6);
        let (first, _) = buffer.batch(9, |gap| Item::gap(event(-gap.lost().cast_signed()), gap.lost()));
        pushed(&mut buffer, 6..9);
        let (again, _) = buffer.batch(5, |_| panic!("it was made already"));
        assert_eq!(first, again);
        accept(&mut buffer, 5);
        assert_eq!(sent(&mut buffer, 9), [-3], "what was lost since then");
    }

    #[test]
    fn refused_events_are_lost_and_reported_but_a_refused_report_is_not() {
        let mut buffer = Buffer::new(LIMITS);
        pushed(&mut buffer, 0..3);
        assert_eq!(sent(&mut buffer, 9).len(), 3);
        buffer.answered([true, false, true], Timestamp::EPOCH);
        assert_eq!((sent(&mut buffer, 9), buffer.lost, buffer.delivered), (vec![-1], 1, 2));
        buffer.answered([false], Timestamp::EPOCH);
        assert_eq!((buffer.is_empty(), buffer.lost, buffer.reported), (true, 1, 0));
    }

    #[test]
    fn bytes_are_bounded_too_and_payloads_leave_when_the_log_keeps_none() {
        use mcp_audit_log_model::event::{Body, Payload};
        let with_payload = |number| {
            let request = Some(Body::whole("x".repeat(40 << 10)));
            Item::new(Event { payload: Some(Payload { request, response: None }), ..event(number) })
        };
        let mut buffer = Buffer::new(Limits { events: 100, bytes: 100 << 10 });
        let full: Vec<_> = (0..4).filter(|number| buffer.push(with_payload(*number), Timestamp::EPOCH)).collect();
        assert_eq!((full, buffer.waiting()), (vec![2], 2));
        buffer.payloads(false);
        assert!(buffer.bytes < 2_000);
        buffer.push(with_payload(4), Timestamp::EPOCH);
        let (body, _) = buffer.batch(9, |gap| Item::gap(event(-gap.lost().cast_signed()), gap.lost()));
        assert!(!body.contains("xxx") && buffer.bytes < 3_000);
    }
}
