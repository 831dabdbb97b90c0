//! Judges a log from outside: it knows what was sent and what was acknowledged, as another process reported it, and
//! compares that with the log afterwards.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::verify_log;

/// The log's answer about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is about to be sent.
    Sent,
    /// It is durable, at this `seq`.
    Stored(u64),
    /// It is durable; its `seq` was not reported.
    Duplicate,
    /// It was not accepted, and a gap entry counts it.
    Full,
    /// It was not accepted, and its sender still has it.
    Refused,
    /// The result is unknown.
    Unknown,
}

/// An entry as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its `seq`.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// Its method, `-` if it has none.
    pub method: String,
    /// Its user, `-` if it has none.
    pub user: String,
    /// The number of lost events, if it is a gap entry.
    pub dropped: u64,
}

/// The sent events, and the answers.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    sent: HashSet<String>,
    /// With the `seq`, if it is known.
    acknowledged: HashMap<String, Option<u64>>,
    dropped: HashSet<String>,
    refused: HashSet<String>,
}

impl Oracle {
    /// Reads a line: a word and an id. `false`: it is about something else.
    pub fn hear(&mut self, line: &str) -> bool {
        let Some((word, id)) = Word::of(line) else { return false };
        self.learn(id, word);
        true
    }

    /// Stores the answer about an event.
    pub fn learn(&mut self, id: &str, word: Word) {
        let id = id.to_owned();
        match word {
            Word::Sent => assert!(self.sent.insert(id.clone()), "{id} was sent twice"),
            Word::Stored(seq) => drop(self.acknowledged.insert(id, Some(seq))),
            Word::Duplicate => drop(self.acknowledged.entry(id).or_default()),
            Word::Full => drop(self.dropped.insert(id)),
            Word::Refused => drop(self.refused.insert(id)),
            Word::Unknown => {}
        }
    }

    /// How many were sent.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// How many were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// The number of events that did not fit into the queue.
    pub fn dropped(&self) -> usize {
        self.dropped.len()
    }

    /// What was acknowledged and is not where it should be.
    pub fn missing(&self, seen: &[Seen]) -> Vec<String> {
        let places: HashMap<_, _> = seen.iter().map(|seen| (&seen.id, seen.seq)).collect();
        let is_there = |id: &String, place: &Option<u64>| {
            places.get(id).is_some_and(|found| place.is_none_or(|place| place == *found))
        };
        self.acknowledged.iter().filter(|(id, place)| !is_there(id, place)).map(|(id, _)| id.clone()).collect()
    }

    /// Fails unless the whole log is correct: `seq` without holes from the first one on, each id once, all acknowledged
    /// events, no unknown event, and no refused event.
    pub fn judge(&self, seen: &[Seen]) {
        for (place, seen) in seen.iter().enumerate() {
            assert_eq!(seen.seq, place as u64, "a hole");
        }
        let ids: HashSet<_> = seen.iter().map(|seen| &seen.id).collect();
        assert_eq!(ids.len(), seen.len(), "an entry is there twice");
        let missing = self.missing(seen);
        assert!(missing.is_empty(), "{} of {} acknowledged ones: {missing:?}", missing.len(), self.acknowledged.len());
        for seen in calls(seen) {
            assert!(self.sent.contains(&seen.id), "nobody sent {}", seen.id);
            let taken = !self.dropped.contains(&seen.id) && !self.refused.contains(&seen.id);
            assert!(taken, "{} was said not to be taken", seen.id);
        }
    }

    /// Fails unless the log accounts for every event: it is stored, or counted in a gap, or was refused so that its
    /// sender still has it. For a log that was closed.
    pub fn account(&self, seen: &[Seen]) {
        self.judge(seen);
        let (stored, told) = (calls(seen).count(), seen.iter().map(|seen| seen.dropped).sum::<u64>());
        assert_eq!(told, self.dropped.len() as u64, "gaps are counted exactly");
        assert_eq!(self.sent.len(), stored + self.dropped.len() + self.refused.len(), "and nothing is left over");
    }
}

/// The sent events; the others are the log's own.
fn calls(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(|seen| seen.method == "tools/call")
}

/// Fails unless tree, tables and index agree in every entry, and go on from what was signed last.
pub fn verified(folder: &Path) {
    if let Err(wrong) = verify_log(folder, &SignerOptions::default(), Vec::new(), &|_, _, _| {}) {
        panic!("not verified: {wrong}");
    }
}

impl Word {
    /// The answer in a line, and its event.
    fn of(line: &str) -> Option<(Self, &str)> {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["sent", id] => Some((Self::Sent, id)),
            ["stored", id, seq] => Some((Self::Stored(seq.parse().ok()?), id)),
            ["duplicate", id] => Some((Self::Duplicate, id)),
            ["full", id] => Some((Self::Full, id)),
            ["unknown", id] => Some((Self::Unknown, id)),
            _ => None,
        }
    }
}

impl From<&Entry> for Seen {
    fn from(entry: &Entry) -> Self {
        let text = |field| entry.text(field).unwrap_or("-").to_owned();
        let (method, user) = (text(Field::Method), text(Field::User));
        let is_gap = (entry.text(Field::Channel), method.as_str()) == (Some("system"), "log.gap");
        let dropped = entry.details.get("dropped").and_then(serde_json::Value::as_u64).filter(|_| is_gap);
        Self { seq: entry.seq, id: entry.id.to_string(), method, user, dropped: dropped.unwrap_or_default() }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, id, method, user, dropped } = self;
        write!(f, "entry {seq} {id} {method} {user} {dropped}")
    }
}

impl FromStr for Seen {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let ["entry", seq, id, method, user, dropped] = line.split(' ').collect::<Vec<_>>()[..] else { return Err(()) };
        let number = |text: &str| text.parse().map_err(drop);
        let (seq, dropped) = (number(seq)?, number(dropped)?);
        let [id, method, user] = [id, method, user].map(str::to_owned);
        Ok(Self { seq, id, method, user, dropped })
    }
}
