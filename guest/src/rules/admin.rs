//! (short: one file per channel) The rules for administrative changes: the vendor names the action, the resource and
//! what changed.

use super::{action, changes};
use crate::contract::{Affected, Event, Verdict};
use crate::sdk::verdict::{called, cut, text_fact};

/// The verdict on an administrative event. Its method is the action (`model.enabled`), for every vendor.
pub(super) fn rule(event: &Event) -> Verdict {
    let verdict = match action::named(event) {
        Some(action) => Verdict { affected: affected(action, event), ..called(action) },
        None => called(action::spelled("admin", event.method.as_deref())),
    };
    changes::add(event, verdict)
}

/// The resource's kind, id and name: from the facts, else the action's resource and the event's target.
fn affected(action: &str, event: &Event) -> Option<Affected> {
    let fact = |name| text_fact(event, name).map(cut);
    let id = fact("resource_id").or_else(|| event.target.as_deref().map(cut));
    let name = fact("resource_name");
    let kind = fact("resource_type").unwrap_or_else(|| action::resource(action).to_owned());
    (id.is_some() || name.is_some()).then_some(Affected { kind, id, name })
}
