//! (short: one file per channel) The rules for what the log does or notices itself: start and stop, gaps, retention,
//! settings, holds, shared views, readings of payloads, exports.

use super::{action, changes};
use crate::contract::{Affected, Event, Verdict};
use crate::sdk::verdict::{by_id, by_name, called, cut, text_fact};

/// The verdict on an event of the log itself. The host names the action as the method.
pub(super) fn rule(event: &Event) -> Verdict {
    let Some(action) = action::named(event) else {
        return called(action::spelled("log", event.method.as_deref()));
    };
    changes::add(event, Verdict { affected: affected(action, event), ..called(action) })
}

fn affected(action: &str, event: &Event) -> Option<Affected> {
    let target = event.target.as_deref();
    match action::resource(action) {
        "settings" => by_id("setting", text_fact(event, "setting").or(target)),
        // What is read or erased is the payload of an entry, which has the id.
        "payload" | "entry" => by_id("entry", text_fact(event, "entry").or(target)),
        "export" => by_id("export", text_fact(event, "export").or(target)),
        "retention" | "cron" => by_name("cron", text_fact(event, "cron").or(target)),
        "signing_key" => by_id("signing_key", text_fact(event, "key").or(target)),
        "checkpoint" => by_name("place", text_fact(event, "place").or(target)),
        "alert" => by_name("alert", text_fact(event, "alert").or(target)),
        "sink" => by_name("sink", text_fact(event, "sink").or(target)),
        "hold" => by_id("hold", text_fact(event, "hold").or(target)),
        "view" => by_id("view", text_fact(event, "view").or(target))
            .map(|view| Affected { name: text_fact(event, "name").map(cut), ..view }),
        "connection" => by_name("connection", target),
        resource => by_name(resource, target),
    }
}
