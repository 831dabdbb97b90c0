//! Verdicts that were given before, by the values that they depend on. Most events are alike, and then none of them has
//! to cross into the sandbox.
//!
//! One cache belongs to one loaded policy, so to its digest, and to the settings in force: other settings empty it. A
//! fault is never remembered. Two generations bound it: when the younger is full it becomes the older, and what was not
//! used since is dropped with the older one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use mcp_audit_log_contract::depends::{Dependencies, EventField};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Event, Target};
use mcp_audit_log_model::value::Value;

use super::Verdict;

/// Longest key that is remembered, in bytes. A state of a megabyte does not come a second time.
const LONGEST_KEY: usize = 2_048;
/// Longest verdict, in bytes.
const LONGEST_VERDICT: usize = 8_192;
/// The overhead of a cached verdict besides its texts, in bytes.
const OVERHEAD: usize = 400;
/// The same of each fact and change.
const ITEM: usize = 96;

/// The values that a verdict depends on, one after another.
pub(super) type Key = Box<[u8]>;

/// Verdicts by key.
pub(super) struct VerdictCache {
    state: Mutex<State>,
    /// The bytes of a generation.
    room: usize,
}

#[derive(Default)]
struct State {
    settings: Settings,
    young: HashMap<Key, Arc<Verdict>, RandomState>,
    old: HashMap<Key, Arc<Verdict>, RandomState>,
    /// The size of the younger generation.
    bytes: usize,
}

impl VerdictCache {
    /// A cache of at most this many bytes; 0 remembers nothing.
    pub(super) fn new(bytes: usize) -> Self {
        Self { state: Mutex::default(), room: bytes / 2 }
    }

    /// Whether nothing is remembered.
    pub(super) fn is_off(&self) -> bool {
        self.room == 0
    }

    /// The remembered verdicts under these settings.
    pub(super) fn open(&self, settings: &Settings) -> OpenCache<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.settings != *settings {
            *state = State { settings: settings.clone(), ..State::default() };
        }
        OpenCache { state, room: self.room }
    }
}

/// A cache while it is used.
pub(super) struct OpenCache<'a> {
    state: MutexGuard<'a, State>,
    room: usize,
}

impl OpenCache<'_> {
    /// The verdict for `key`.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<Arc<Verdict>> {
        if let Some(verdict) = self.state.young.get(key) {
            return Some(Arc::clone(verdict));
        }
        let (key, verdict) = self.state.old.remove_entry(key)?;
        self.put(key, &verdict);
        Some(verdict)
    }

    /// Remembers a verdict, if it is not too long.
    pub(super) fn put(&mut self, key: Key, verdict: &Arc<Verdict>) {
        let length = length(verdict);
        if length > LONGEST_VERDICT {
            return;
        }
        let bytes = key.len() + length + OVERHEAD;
        if self.state.bytes + bytes > self.room {
            self.state.old = std::mem::take(&mut self.state.young);
            self.state.bytes = 0;
        }
        if bytes <= self.room && self.state.young.insert(key, Arc::clone(verdict)).is_none() {
            self.state.bytes += bytes;
        }
    }

    /// How many verdicts there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.young.len() + self.state.old.len()
    }
}

fn length(verdict: &Verdict) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let value = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
    let affected = verdict.affected.iter().map(|one| one.kind.len() + text(&one.id) + text(&one.name));
    let facts = verdict.facts.iter().map(|(name, fact)| ITEM + name.len() + value(fact));
    let changes = verdict.changes.iter().map(|one| ITEM + one.field.len() + value(&one.old) + value(&one.new));
    let lists = affected.chain(facts).chain(changes).sum::<usize>();
    verdict.action.len() + text(&verdict.model) + text(&verdict.record_id) + lists
}

/// Writes the values that `depends` names into `key`; `false` where they are too long to be remembered.
///
/// Each value says itself where it ends, so two events have the same key only where all of these values are the same.
pub(super) fn write_key(key: &mut Vec<u8>, depends: &Dependencies, event: &Event) -> bool {
    key.clear();
    let mut writer = Writer { key, fits: true };
    writer.byte(event.channel as u8);
    for field in depends.fields.iter() {
        writer.field(field, event);
    }
    for (name, value) in event.facts.iter().filter(|(name, _)| depends.facts.contains(name)) {
        writer.byte(1);
        writer.text(name);
        writer.value(value);
    }
    writer.byte(0);
    for argument in event.arguments.iter().filter(|argument| depends.arguments.contains(&argument.name)) {
        writer.byte(1);
        writer.text(&argument.name);
        writer.text(&argument.json);
    }
    writer.fits
}

struct Writer<'a> {
    key: &'a mut Vec<u8>,
    fits: bool,
}

impl Writer<'_> {
    fn field(&mut self, field: EventField, event: &Event) {
        match field {
            // It is written anyway.
            EventField::Channel => {}
            EventField::Kind => self.byte(event.kind as u8),
            EventField::Method => self.optional(event.method.as_deref()),
            EventField::Target => self.target(event.target.as_ref()),
            EventField::Server => self.optional(event.server.as_deref()),
            EventField::Path => self.optional(event.path.as_deref()),
            EventField::Outcome => self.byte(event.detail.outcome() as u8),
            EventField::OutcomeDetail => self.byte(event.detail as u8),
            EventField::StatusCode => self.number(event.status_code.map(i64::from)),
            EventField::ErrorCode => self.number(event.failure.as_ref().and_then(|failure| failure.code)),
            EventField::DurationUs => self.number(event.duration_us.map(u64::cast_signed)),
            EventField::HasDuration => self.byte(event.duration_us.is_some().into()),
            EventField::User => self.optional(event.caller.user.as_deref()),
            EventField::Connection => self.optional(event.caller.connection.as_deref()),
            EventField::Instance => self.optional(event.caller.instance.as_deref()),
            EventField::ClientName => self.optional(event.client.name.as_deref()),
            EventField::HasPayload => self.byte(event.payload.is_some().into()),
            EventField::HasArguments => self.byte((!event.arguments.is_empty()).into()),
        }
    }

    /// Its kind as well: an interest distinguishes tools from prompts.
    fn target(&mut self, target: Option<&Target>) {
        self.byte(match target {
            None | Some(Target::Other(_)) => 0,
            Some(Target::Tool(_)) => 1,
            Some(Target::Prompt(_)) => 2,
            Some(Target::Resource(_)) => 3,
        });
        self.optional(target.map(Target::name));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Unset => self.byte(0),
            Value::Boolean(value) => self.byte(1 + u8::from(*value)),
            Value::Integer(value) => {
                self.byte(3);
                self.write(&value.to_le_bytes());
            }
            Value::Text(text) => {
                self.byte(4);
                self.text(text);
            }
        }
    }

    fn number(&mut self, number: Option<i64>) {
        self.value(&number.map_or(Value::Unset, Value::Integer));
    }

    fn optional(&mut self, text: Option<&str>) {
        self.byte(text.is_some().into());
        self.text(text.unwrap_or_default());
    }

    fn text(&mut self, text: &str) {
        self.write(&text.len().to_le_bytes());
        self.write(text.as_bytes());
    }

    fn byte(&mut self, byte: u8) {
        self.write(&[byte]);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.fits &= self.key.len() + bytes.len() <= LONGEST_KEY;
        if self.fits {
            self.key.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
#[path = "verdict_cache_tests.rs"]
mod tests;
