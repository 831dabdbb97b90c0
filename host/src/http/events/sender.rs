//! Turns an item into an event on behalf of its sender. Values that a sender may not set are refused.

use serde_json::value::RawValue;

use super::body::{LONG_TEXT, MEMBERS, TEXT};
use super::draft::Draft;
use super::fields::{FIELDS, Rule};
use super::values::{Refusal, members, number, short, text};
use crate::AuditLog;
use crate::access::Viewer;
use crate::domain::meant;
use crate::event::{Argument, Event};
use crate::time::Timestamp;
use crate::value::Value;

/// The sender and the time.
pub(in crate::http) struct Sender<'a> {
    log: &'a AuditLog,
    viewer: &'a Viewer,
    now: Timestamp,
    keeps_payloads: bool,
}

impl<'a> Sender<'a> {
    pub(in crate::http) fn new(log: &'a AuditLog, viewer: &'a Viewer) -> Self {
        Self { log, viewer, now: log.now(), keeps_payloads: log.keeps_payloads() }
    }

    /// The event that the item is.
    pub(in crate::http) fn event(&self, item: &RawValue) -> Result<Event, Refusal> {
        let mut draft = Draft::new(self.now);
        for (name, json) in members(item, FIELDS.len().max(MEMBERS)).map_err(Refusal::whole)? {
            let (_, rule) = FIELDS.iter().find(|(field, _)| *field == name).ok_or_else(|| unknown(&name))?;
            // An entry shows what is not set as null.
            if json.get() != "null" {
                give(&mut draft, &name, rule, json).map_err(|reason| Refusal::of(&name, reason))?;
            }
        }
        let mut event = draft.finish()?;
        self.own(&mut event)?;
        Ok(event)
    }

    /// What the sender's token decides, and the log's settings.
    fn own(&self, event: &mut Event) -> Result<(), Refusal> {
        let instance = &mut event.caller.instance;
        match (&self.viewer.instance, instance.as_ref()) {
            (Some(own), Some(given)) if own != given => {
                return Err(Refusal::of("instance", format!("this token belongs to the tenant {}", short(own))));
            }
            (Some(own), None) => *instance = Some(own.clone()),
            _ => {}
        }
        // A session's id is a credential; an entry that capture made names the same session in the same way.
        event.client.session = event.client.session.take().map(|session| self.log.secret().session(&session));
        event.path = event.path.take().map(|path| without_query(&path).to_owned());
        event.payload = event.payload.take().filter(|_| self.keeps_payloads);
        event.facts.push(("sent_by".to_owned(), self.viewer.user.as_str().into()));
        Ok(())
    }
}

fn give(draft: &mut Draft, name: &str, rule: &Rule, json: &RawValue) -> Result<(), String> {
    match rule {
        Rule::Ours(advice) => return Err((*advice).to_owned()),
        Rule::Text(place) => *place(draft) = text(json, TEXT)?,
        Rule::Long(place) => *place(draft) = text(json, LONG_TEXT)?,
        Rule::Fact => {
            let text = text(json, TEXT)?;
            draft.event.facts.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        Rule::Count => {
            let count = number(json, 0..=i64::MAX)?;
            draft.event.facts.push((name.to_owned(), Value::Integer(count)));
        }
        Rule::Argument => {
            let text = text(json, TEXT)?;
            draft.named.extend(text.map(|_| Argument { name: name.to_owned(), json: json.get().to_owned() }));
        }
        Rule::Read(read, _) => read(draft, json)?,
    }
    Ok(())
}

fn unknown(name: &str) -> Refusal {
    let known = || FIELDS.iter().filter(|(_, rule)| !matches!(rule, Rule::Ours(_))).map(|(name, _)| *name);
    let advice = match meant(name, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use one of: {}; send anything else as facts", known().collect::<Vec<_>>().join(", ")),
    };
    Refusal::of(name, format!("unknown field; {advice}"))
}

/// A query may carry secrets.
fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;

    #[test]
    fn every_field_of_an_entry_has_a_sender_rule() {
        for field in Field::ALL {
            let rules = FIELDS.iter().filter(|(name, _)| *name == field.name()).count();
            assert_eq!(rules, 1, "{}: say in events/fields.rs whether a sender may give it", field.name());
        }
    }
}
