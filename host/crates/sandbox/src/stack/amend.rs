//! An extension's differences on a verdict.

use mcp_audit_log_contract::extension::{ExtensionManifest, Widening};
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::mask::MASKED;
use mcp_audit_log_model::value::Value;

use crate::bindings as wit;
use crate::bindings::extension as wit_extension;
use crate::fault::Fault;
use crate::from_wit::FromWit;
use crate::{Affected, Change, Keep, Verdict};

/// The changes to one verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amendment {
    pub(crate) action: Option<String>,
    pub(crate) affected: Option<Affected>,
    pub(crate) model: Option<String>,
    pub(crate) record_id: Option<String>,
    pub(crate) facts: Vec<(String, Value)>,
    pub(crate) changes: Vec<(String, ChangeEffect)>,
    /// `Some(None)` keeps nothing.
    pub(crate) payload: Option<Option<Keep>>,
}

/// The effect on a line of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeEffect {
    /// Its values are replaced by a mark.
    Hide,
    /// It is left out, unless the host reported it.
    Drop,
}

/// The facts of the host that begin a line of changes.
pub(crate) const HOST_LINES: [&str; 2] = ["setting", "field"];

impl FromWit {
    /// The amendments, one place for each event.
    pub(crate) fn amendments(
        self,
        amendments: Vec<wit_extension::Amendment>,
        events: usize,
        manifest: &Manifest,
    ) -> Result<Vec<Option<Amendment>>, Fault> {
        let mut places: Vec<Option<Amendment>> = (0..events).map(|_| None).collect();
        let mut next = 0;
        for amendment in amendments {
            let at = amendment.event as usize;
            let place = places.get_mut(at).filter(|_| at >= next);
            let place =
                place.ok_or_else(|| self.fault(format!("an amendment for event {at} of {events} is out of order")))?;
            *place = Some(self.amendment(amendment, manifest)?);
            next = at + 1;
        }
        Ok(places)
    }

    fn amendment(self, amendment: wit_extension::Amendment, manifest: &Manifest) -> Result<Amendment, Fault> {
        let wit_extension::Amendment { event: _, action, affected, model, record_id, facts, changes, payload } =
            amendment;
        let effect = |effect| match effect {
            wit_extension::ChangeEffect::Hide => ChangeEffect::Hide,
            wit_extension::ChangeEffect::Drop => ChangeEffect::Drop,
        };
        Ok(Amendment {
            action: action.map(|action| self.name(action)).transpose()?,
            affected: affected.map(|affected| self.affected(affected)).transpose()?,
            model: self.optional(model)?,
            record_id: self.optional(record_id)?,
            facts: self.list(facts, |fact| Ok((self.name(fact.name)?, self.value(fact.value)?)))?,
            changes: self.list(changes, |one| Ok((self.name(one.field)?, effect(one.effect))))?,
            payload: match payload {
                None => None,
                Some(wit::PayloadDecisionResult::None) => Some(None),
                Some(wit::PayloadDecisionResult::Keep(keep)) => Some(Some(self.keep(keep, manifest)?)),
            },
        })
    }
}

/// Applies an amendment; returns how many values it took the place of.
pub(crate) fn apply(amendment: Amendment, layer: &ExtensionManifest, verdict: &mut Verdict, event: &Event) -> u64 {
    let Amendment { action, affected, model, record_id, facts, changes, payload } = amendment;
    let mut replaced = action.as_ref().is_some_and(|action| *action != verdict.action).into();
    verdict.action = action.unwrap_or_else(|| std::mem::take(&mut verdict.action));
    replaced += name_again(&mut verdict.affected, affected);
    replaced += name_again(&mut verdict.model, model);
    replaced += name_again(&mut verdict.record_id, record_id);
    let prefix = layer.prefix();
    let prefixed = |name: String| if name.starts_with(&prefix) { name } else { format!("{prefix}{name}") };
    verdict.facts.extend(facts.into_iter().map(|(name, value)| (prefixed(name), value)));
    for (field, effect) in changes {
        change(&mut verdict.changes, &field, effect, event);
    }
    if let Some(decision) = payload {
        verdict.keep = match (verdict.keep.take(), decision) {
            (Some(below), Some(above)) => Some(both(below, above)),
            (None, Some(above)) if layer.widens(Widening::Payloads) => Some(above),
            _ => None,
        };
    }
    replaced
}

/// The last layer that names something counts.
fn name_again<T: PartialEq>(below: &mut Option<T>, above: Option<T>) -> u64 {
    let Some(above) = above else { return 0 };
    let replaced = below.as_ref().is_some_and(|below| *below != above);
    *below = Some(above);
    replaced.into()
}

fn change(changes: &mut Vec<Change>, field: &str, effect: ChangeEffect, event: &Event) {
    // Without the policy's line, the host's own would stand there as it is.
    let is_hosts = event.facts.iter().any(|(name, _)| HOST_LINES.contains(&name.as_str()));
    if effect == ChangeEffect::Drop && !is_hosts {
        return changes.retain(|change| change.field != field);
    }
    let hide = |value: &mut Value| {
        if *value != Value::Unset {
            *value = MASKED.into();
        }
    };
    let mut found = false;
    for change in changes.iter_mut().filter(|change| change.field == field) {
        found = true;
        hide(&mut change.old);
        hide(&mut change.new);
    }
    let is_line = |(name, value): &(String, Value)| HOST_LINES.contains(&name.as_str()) && *value == Value::from(field);
    if !found && event.facts.iter().any(is_line) {
        changes.push(Change { field: field.to_owned(), old: MASKED.into(), new: MASKED.into() });
    }
}

/// The masks of both, and the smaller size.
fn both(mut below: Keep, above: Keep) -> Keep {
    for mask in above.masks {
        if !below.masks.contains(&mask) {
            below.masks.push(mask);
        }
    }
    Keep { max_bytes: below.max_bytes.min(above.max_bytes), ..below }
}
