//! Administrative changes, with the state before and after them.

use serde_json::Value as Json;

use super::state::{self, States};
use super::{Argument, Channel, Detail, Event, Kind, Resource, Target};
use crate::time::Timestamp;

impl Event {
    /// An administrative change: the action as `<resource>.<verb>` (`user.role_changed`), and the changed resource.
    /// Vendors choose the verb; one that the policy does not know is recorded as well.
    pub fn admin(at: Timestamp, action: impl Into<String>, on: Resource) -> Self {
        let Resource { kind, id, name } = on;
        let mut event = Self::new(at, Channel::Admin, Kind::Request, Detail::Ok).fact("resource_type", kind);
        event.facts.extend(name.map(|name| ("resource_name".to_owned(), name.into())));
        Self { method: Some(action.into()), target: Some(Target::Other(id)), ..event }
    }

    /// `<kind>.created`, with the state that it was created in.
    pub fn created(at: Timestamp, resource: Resource, new: &Json) -> Self {
        Self::admin(at, format!("{}.created", resource.kind), resource).states(None, Some(new))
    }

    /// `<kind>.updated`, with the state before and after.
    pub fn updated(at: Timestamp, resource: Resource, old: &Json, new: &Json) -> Self {
        Self::admin(at, format!("{}.updated", resource.kind), resource).changed(old, new)
    }

    /// `<kind>.deleted`, with the state that it had.
    pub fn deleted(at: Timestamp, resource: Resource, old: &Json) -> Self {
        Self::admin(at, format!("{}.deleted", resource.kind), resource).states(Some(old), None)
    }

    /// The state before and after a change, mostly as JSON objects. The policy compares them field by field, hides
    /// secrets, and makes the change list; the states themselves are not stored.
    ///
    /// Of a state of more than 16 KiB only what differs is handed over, long texts as their length; what does not fit
    /// even then is counted in the detail `changes_left_out`.
    pub fn changed(self, old: &Json, new: &Json) -> Self {
        self.states(Some(old), Some(new))
    }

    /// The same, where one of them may be missing.
    #[doc(hidden)]
    pub fn states(mut self, old: Option<&Json>, new: Option<&Json>) -> Self {
        let States { old, new, left_out } = state::fitting(old, new);
        for (name, json) in [("old", old), ("new", new)] {
            self.arguments.extend(json.map(|json| Argument { name: name.to_owned(), json }));
        }
        match i64::try_from(left_out) {
            Ok(0) => self,
            left_out => self.fact("changes_left_out", left_out.unwrap_or(i64::MAX)),
        }
    }
}
