//! Makes the list of old and new values of a change: of its facts, and of the states before and after it.

use std::collections::BTreeMap;

use super::state::{self, Content, Leaf};
use super::{cut, masks};
use crate::contract::{Change, Event, Fact, Value, Verdict};

/// What a secret's value is replaced by: that it changed is worth knowing, its value is not.
const MASKED: &str = "[masked]";

/// Changes beyond this many are counted and left out: the host takes a list that is too long for a fault.
const MOST: usize = 500;

/// The detail that counts what is left out; the host counts in it what it did not hand over.
const LEFT_OUT: &str = "changes_left_out";

/// Adds the changes of an event to its verdict.
pub(super) fn add(event: &Event, verdict: Verdict) -> Verdict {
    let mut changes = of_facts(&event.facts);
    changes.extend(of_states(event));
    let beyond = changes.len().saturating_sub(MOST);
    changes.truncate(MOST);
    let mut facts = verdict.facts;
    if beyond > 0 {
        let before = event.facts.iter().find(|fact| fact.name == LEFT_OUT).map(|fact| &fact.value);
        let before = if let Some(Value::Integer(before)) = before { *before } else { 0 };
        let all = before.saturating_add(i64::try_from(beyond).unwrap_or(i64::MAX));
        facts.push(Fact { name: LEFT_OUT.to_owned(), value: Value::Integer(all) });
    }
    Verdict { changes, facts, ..verdict }
}

/// Each `setting` or `field` begins a change, the `old` and `new` behind it belong to it.
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

/// What differs between the states that the event brings as its arguments `old` and `new`, field by field: those of the
/// old one in its order, then those that are new.
fn of_states(event: &Event) -> Vec<Change> {
    let state = |name| event.arguments.iter().find(|argument| argument.name == name);
    let leaves = |name| state(name).map(|argument| state::leaves(&argument.json)).unwrap_or_default();
    let old = leaves("old");
    let mut new: BTreeMap<String, (usize, Leaf<'_>)> =
        leaves("new").into_iter().enumerate().map(|(at, leaf)| (leaf.path.clone(), (at, leaf))).collect();
    let mut changes = Vec::new();
    for leaf in old {
        let after = new.remove(&leaf.path).map(|(_, leaf)| leaf);
        changes.extend(difference(Some(leaf), after));
    }
    let mut added: Vec<_> = new.into_values().collect();
    added.sort_by_key(|(at, _)| *at);
    changes.extend(added.into_iter().filter_map(|(_, leaf)| difference(None, Some(leaf))));
    changes
}

fn difference(old: Option<Leaf<'_>>, new: Option<Leaf<'_>>) -> Option<Change> {
    let (before, after) = (Content::of(old.as_ref()), Content::of(new.as_ref()));
    if before == after {
        return None;
    }
    let field = named(&old.as_ref().or(new.as_ref())?.path);
    let secret = [&old, &new].into_iter().flatten().any(|leaf| leaf.secret);
    Some(Change { field, old: shown(before.value(), secret), new: shown(after.value(), secret) })
}

/// A state that is no object has no name for what changed.
fn named(field: &str) -> String {
    if field.trim().is_empty() { "value".to_owned() } else { cut(field) }
}

fn shown(value: Value, secret: bool) -> Value {
    match value {
        Value::Unset => Value::Unset,
        _ if secret => Value::Text(MASKED.to_owned()),
        Value::Text(text) => Value::Text(cut(&text)),
        other => other,
    }
}

#[cfg(test)]
mod tests;
