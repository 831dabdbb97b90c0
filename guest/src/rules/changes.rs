//! Builds the list of old and new values of a change, from its facts and from its old and new state.

use super::masks;
use super::state::{self, Differences};
use crate::contract::{Change, Event, Fact, Value, Verdict};
use crate::sdk::verdict::cut;

/// Replaces a secret's value. An auditor needs to know that it changed, not what it is.
const MASKED: &str = "[masked]";

/// Further changes are counted and left out, because the host treats a too long list as a fault.
const MOST: usize = 500;

/// The detail that counts the left out changes; the host adds those that it did not pass.
const LEFT_OUT: &str = "changes_left_out";

/// The facts that a change is made of.
pub(super) const FACTS: &[&str] = &["setting", "field", "old", "new", LEFT_OUT];
/// The arguments that are the state before and after a change.
pub(super) const STATES: &[&str] = &["old", "new"];

/// Adds the changes of an event to its verdict.
pub(super) fn add(event: &Event, verdict: Verdict) -> Verdict {
    let mut changes = of_facts(&event.facts);
    let beyond = changes.len().saturating_sub(MOST);
    changes.truncate(MOST);
    let states = of_states(event, MOST - changes.len());
    changes.extend(states.changes);
    let left_out = left_out(event, beyond + states.left_out);
    let facts = verdict.facts.into_iter().chain(left_out).collect();
    Verdict { changes, facts, ..verdict }
}

/// The number of missing changes, including those that the host did not pass.
fn left_out(event: &Event, beyond: usize) -> Option<Fact> {
    let before = event.facts.iter().find(|fact| fact.name == LEFT_OUT).map(|fact| &fact.value);
    let before = if let Some(Value::Integer(before)) = before { *before } else { 0 };
    let all = before.saturating_add(i64::try_from(beyond).unwrap_or(i64::MAX));
    (beyond > 0).then(|| Fact { name: LEFT_OUT.to_owned(), value: Value::Integer(all) })
}

/// Each `setting` or `field` begins a change; the following `old` and `new` belong to it.
fn of_facts(facts: &[Fact]) -> Vec<Change> {
    let mut changes = Vec::new();
    for fact in facts {
        collect(&mut changes, fact);
    }
    changes
}

fn collect(changes: &mut Vec<Change>, fact: &Fact) {
    match (fact.name.as_str(), &fact.value) {
        ("setting" | "field", Value::Text(field)) => {
            changes.push(Change { field: named(field), old: Value::Unset, new: Value::Unset });
        }
        ("old", value) => set(changes, value, |change| &mut change.old),
        ("new", value) => set(changes, value, |change| &mut change.new),
        _ => {}
    }
}

/// An `old` or `new` that belongs to no field is left to the facts.
fn set(changes: &mut [Change], value: &Value, side: fn(&mut Change) -> &mut Value) {
    if let Some(change) = changes.last_mut() {
        *side(change) = shown(value.clone(), masks::is_secret(&change.field));
    }
}

/// The differences between the event's arguments `old` and `new`.
fn of_states(event: &Event, most: usize) -> Differences {
    let state = |name| event.arguments.iter().find(|argument| argument.name == name);
    let [old, new] = ["old", "new"].map(|name| state(name).map(|argument| argument.json.trim()));
    state::differences(old, new, most)
}

/// A state that is not an object has no name for its change.
pub(super) fn named(field: &str) -> String {
    if field.trim().is_empty() { "value".to_owned() } else { cut(field) }
}

pub(super) fn shown(value: Value, secret: bool) -> Value {
    match value {
        Value::Unset => Value::Unset,
        _ if secret => Value::Text(MASKED.to_owned()),
        Value::Text(text) => Value::Text(cut(&text)),
        other => other,
    }
}

#[cfg(test)]
mod tests;
