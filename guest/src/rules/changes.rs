//! Turns the facts of a change into its list of old and new values.

use super::{cut, masks};
use crate::contract::{Change, Event, Fact, Value};

/// What a secret's value is replaced by: that it changed is worth knowing, its value is not.
const MASKED: &str = "[masked]";

/// Changes beyond this many are left to the facts: the host takes a list that is too long for a fault.
const MOST: usize = 500;

/// The changes of an event: each `setting` or `field` begins one, the `old` and `new` behind it belong to it.
pub(super) fn of(event: &Event) -> Vec<Change> {
    let mut changes = Vec::new();
    for fact in &event.facts {
        collect(&mut changes, fact);
    }
    changes.truncate(MOST);
    changes
}

fn collect(changes: &mut Vec<Change>, fact: &Fact) {
    match (fact.name.as_str(), &fact.value) {
        ("setting" | "field", Value::Text(field)) => {
            changes.push(Change { field: cut(field), old: Value::Unset, new: Value::Unset });
        }
        ("old", value) => set(changes, value, |change| &mut change.old),
        ("new", value) => set(changes, value, |change| &mut change.new),
        _ => {}
    }
}

/// An `old` or `new` that belongs to no field is left to the facts as well.
fn set(changes: &mut [Change], value: &Value, side: fn(&mut Change) -> &mut Value) {
    if let Some(change) = changes.last_mut() {
        *side(change) = shown(&change.field, value);
    }
}

fn shown(field: &str, value: &Value) -> Value {
    match value {
        Value::Unset => Value::Unset,
        _ if masks::is_secret(field) => Value::Text(MASKED.to_owned()),
        Value::Text(text) => Value::Text(cut(text)),
        other => other.clone(),
    }
}
