//! The facts and changes of an entry: first the host's, then the policy's.
//!
//! The host's facts take precedence. A policy fills only empty names. A fact of the policy under a name that is taken
//! or reserved is stored as `policy.<name>`. In an entry about the log itself all facts of the policy are stored so,
//! because `verify` reads these entries. A policy may hide the values of a change that the host reported, and nothing
//! else.

use serde_json::Value as Json;

use super::build_entry::{DETAIL, NAME, cut, cut_own, set};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Channel, Event};
use mcp_audit_log_model::field::{Field, FieldType, SenderRule};
use mcp_audit_log_model::mask::{MASKED, Masks};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Change, HOST_FACTS};

/// The details among the host's own that no source of events may set.
const VERDICTS: [&str; 3] = [CHANGES, "fault", "policy_digest"];
const CHANGES: &str = "changes";
const CHANGES_LEFT_OUT: &str = "changes_left_out";
const FACTS_LEFT_OUT: &str = "facts_left_out";

/// The prefix for a policy's fact whose name belongs to the host.
const POLICY: &str = "policy.";
/// The same prefix for an event source.
const SOURCE: &str = "given.";

/// The most bytes that a policy may add to one entry. The rest is counted and dropped.
const ROOM: usize = 128 << 10;
/// The overhead of a fact or a change besides its texts.
const ITEM: usize = 32;

/// The changes that the host reported for an event, kept until the policy has judged it.
pub(super) struct HostChanges {
    lines: Vec<Change>,
    /// Whether the event is about the log itself.
    of_the_log: bool,
}

/// Moves the host's facts into the entry. Facts that describe a change are kept for its list.
pub(super) fn host(entry: &mut Entry, event: &mut Event) -> HostChanges {
    let of_the_log = event.channel == Channel::System;
    let mut lines: Vec<Change> = Vec::new();
    for (name, value) in std::mem::take(&mut event.facts) {
        match (name.as_str(), &value, lines.last_mut()) {
            ("setting" | "field", Value::Text(field), _) => {
                lines.push(Change { field: named(field), old: Value::Unset, new: Value::Unset });
            }
            ("old", _, Some(line)) => line.old = value,
            ("new", _, Some(line)) => line.new = value,
            (word, ..) if VERDICTS.contains(&word) && !of_the_log => detail(entry, format!("{SOURCE}{name}"), value),
            _ => fact(entry, name, value),
        }
    }
    HostChanges { lines, of_the_log }
}

impl HostChanges {
    /// Adds the policy's facts and changes to the entry, besides the host's.
    pub(super) fn judged(self, entry: &mut Entry, facts: &[(String, Value)], changes: &[Change], masks: &Masks) {
        let mut room = ROOM;
        let mut left_out = 0_i64;
        for (name, value) in facts {
            if name == CHANGES_LEFT_OUT {
                leave_out_at_least(entry, CHANGES_LEFT_OUT, value);
                continue;
            }
            let value = shown(masks, name, value.clone(), false);
            if !takes(&mut room, name.len() + length(&value)) {
                left_out += 1;
            } else if self.of_the_log || is_taken(entry, name) {
                let name = format!("{POLICY}{name}");
                left_out += i64::from(entry.details.contains_key(&*cut(&name, NAME)));
                vacant(entry, name, value);
            } else {
                fact(entry, name.clone(), value);
            }
        }
        if left_out > 0 {
            entry.details.insert(FACTS_LEFT_OUT.to_owned(), left_out.into());
        }
        self.changes(entry, changes, masks, room);
    }

    /// Adds the host's changes to the entry if there is no verdict.
    pub(super) fn unjudged(self, entry: &mut Entry, masks: &Masks) {
        self.changes(entry, &[], masks, 0);
    }

    fn changes(self, entry: &mut Entry, theirs: &[Change], masks: &Masks, mut room: usize) {
        let of_the_log = self.of_the_log;
        let mut theirs = theirs.to_vec();
        let hidden =
            |line: Change| match theirs.iter().position(|their| cut(&their.field, NAME) == cut(&line.field, NAME)) {
                Some(at) => hidden_as(line, theirs.remove(at), of_the_log),
                None => line,
            };
        let ours: Vec<_> = self.lines.into_iter().map(hidden).collect();
        let line = |change: Change, of_the_log: bool| {
            let (old, new) = (
                shown(masks, &change.field, change.old, of_the_log),
                shown(masks, &change.field, change.new, of_the_log),
            );
            serde_json::json!({ "field": cut(&change.field, NAME), "old": json(old), "new": json(new) })
        };
        let mut lines: Vec<Json> = ours.into_iter().map(|change| line(change, of_the_log)).collect();
        let mut others = Vec::new();
        let mut left_out = 0;
        for change in theirs {
            let change = line(change, false);
            match takes(&mut room, change.to_string().len()) {
                true if of_the_log => others.push(change),
                true => lines.push(change),
                false => left_out += 1,
            }
        }
        for (name, lines) in [(CHANGES.to_owned(), lines), (format!("{POLICY}{CHANGES}"), others)] {
            if !lines.is_empty() {
                entry.details.insert(name, lines.into());
            }
        }
        if left_out > 0 {
            let before = entry.details.get(CHANGES_LEFT_OUT).and_then(Json::as_i64).unwrap_or(0);
            entry.details.insert(CHANGES_LEFT_OUT.to_owned(), before.saturating_add(left_out).into());
        }
    }
}

/// The host's line of changes, without the values that the policy hides. A policy cannot hide a log setting that is not
/// text: it is not secret, and `verify` needs it.
fn hidden_as(line: Change, theirs: Change, of_the_log: bool) -> Change {
    let side = |ours: Value, theirs: Value| {
        let may_hide = matches!(ours, Value::Text(_)) || (!of_the_log && ours != Value::Unset);
        if may_hide && theirs == Value::from(MASKED) { theirs } else { ours }
    };
    Change { old: side(line.old, theirs.old), new: side(line.new, theirs.new), field: line.field }
}

/// A value as it may be shown under its name: masked if the name or the value matches a mask, and truncated.
fn shown(masks: &Masks, name: &str, value: Value, of_the_log: bool) -> Value {
    match value {
        Value::Integer(_) if of_the_log => value,
        value => match masks.value(name, value) {
            Value::Text(text) => Value::Text(cut_own(text, DETAIL)),
            other => other,
        },
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Text(text) => text.into(),
        other => other.to_json(),
    }
}

/// Whether the host has set this name or reserves it.
fn is_taken(entry: &mut Entry, name: &str) -> bool {
    let of_field = field(name).is_some_and(|field| match entry.count_mut(field) {
        Some(count) => count.is_some(),
        None => entry.text(field).is_some(),
    });
    of_field || HOST_FACTS.contains(&name) || name.starts_with(POLICY) || entry.details.contains_key(&*cut(name, NAME))
}

fn vacant(entry: &mut Entry, name: String, value: Value) {
    if !entry.details.contains_key(&*cut(&name, NAME)) {
        detail(entry, name, value);
    }
}

/// A number that counts missing parts: the policy may raise it, but not lower it.
fn leave_out_at_least(entry: &mut Entry, name: &str, value: &Value) {
    let before = entry.details.get(name).and_then(Json::as_i64).unwrap_or(0);
    if let Value::Integer(more) = value
        && *more > before
    {
        entry.details.insert(name.to_owned(), (*more).into());
    }
}

fn takes(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes + ITEM);
    *room = left.unwrap_or(*room);
    left.is_some()
}

fn length(value: &Value) -> usize {
    if let Value::Text(text) = value { text.len() } else { 0 }
}

/// A state that is not an object has no name for its change.
fn named(field: &str) -> String {
    if field.trim().is_empty() { "value".to_owned() } else { field.to_owned() }
}

/// Facts that have a field are stored there; the others are details.
fn fact(entry: &mut Entry, name: String, value: Value) {
    match (field(&name), value) {
        (Some(field), Value::Integer(number)) if entry.count_mut(field).is_some() => {
            entry.count_mut(field).into_iter().for_each(|count| *count = number.try_into().ok());
        }
        (Some(field), Value::Text(text)) if field.kind() == FieldType::Text => set(entry, field, Some(&text)),
        (_, value) => detail(entry, name, value),
    }
}

fn detail(entry: &mut Entry, name: String, value: Value) {
    let json = match value {
        Value::Text(text) => cut_own(text, DETAIL).into(),
        other => other.to_json(),
    };
    entry.details.insert(cut_own(name, NAME), json);
}

/// The field that a fact of this name fills, if no other part of an event fills it.
fn field(name: &str) -> Option<Field> {
    Field::named(name).filter(|field| field.sender_rule() == SenderRule::Fact)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
