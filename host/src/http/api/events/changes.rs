//! `old` and `new`: the state before and after an administrative change, as the facts of which the policy makes its list
//! of changes.

use serde_json::value::RawValue;

use super::draft::Draft;
use super::given::{Refusal, scalar};
use super::limits::{MEMBERS, NAME};
use super::members::members;
use crate::event::Channel;
use crate::value::Value;

/// One side: an object of single values.
pub(super) fn side(json: &RawValue) -> Result<Vec<(String, Value)>, String> {
    let one = |(name, value): (String, &RawValue)| {
        if name.is_empty() || name.chars().count() > NAME {
            return Err(format!("give names of 1 to {NAME} characters"));
        }
        let value = scalar(value).map_err(|_| {
            "give single values (null, true, false, whole numbers, texts up to 1024 characters), and what is nested by \
             its path, such as limits.daily"
                .to_owned()
        })?;
        Ok((name, value))
    };
    members(json, MEMBERS)?.into_iter().map(one).collect()
}

impl Draft {
    /// Adds what differs to the facts.
    pub(super) fn changes(&mut self, channel: Channel) -> Result<(), Refusal> {
        if self.old.is_none() && self.new.is_none() {
            return Ok(());
        }
        // Elsewhere no rule turns them into a list with masks, and they would be stored as they are.
        if channel != Channel::Admin {
            let field = if self.old.is_some() { "old" } else { "new" };
            return Err(Refusal::of(field, "only events of the channel admin have an old and a new state"));
        }
        let (old, new) = (self.old.take().unwrap_or_default(), self.new.take().unwrap_or_default());
        let of = |side: &[(String, Value)], name: &str| {
            side.iter().find(|(other, _)| other == name).map_or(Value::Unset, |(_, value)| value.clone())
        };
        let added = new.iter().filter(|(name, _)| old.iter().all(|(other, _)| other != name));
        for (name, _) in old.iter().chain(added) {
            let (before, after) = (of(&old, name), of(&new, name));
            if before != after {
                self.facts.push(("field".to_owned(), name.as_str().into()));
                self.facts.push(("old".to_owned(), before));
                self.facts.push(("new".to_owned(), after));
            }
        }
        Ok(())
    }
}
