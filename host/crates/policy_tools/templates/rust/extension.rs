//! The extension {{name}}, over any policy: an action, a fact, a filter, a group and a mask.
//!
//! The functions are pure: the same arguments give the same answer, and nothing is remembered between calls.

use mcp_audit_log_policy_sdk::prelude::*;

struct Mine;
export_extension!(Mine);

/// The events that `amend` is asked about, and the entries that the group sees.
fn orders() -> Domain {
    is("server", "shop")
}

impl Extension for Mine {
    fn declares() -> ExtensionManifest {
        ExtensionManifest {
            name: "{{name}}".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "What {{name}} adds to the policy below".to_owned(),
            groups: vec![group("seller", "Seller", &[])],
            access: vec![permission("seller", &[Right::Read], orders())],
            // A new name begins with the extension's name and a dot.
            filters: vec![filter("{{name}}.orders", "Orders", is("action", "{{name}}.placed"))],
            actions: vec![action("{{name}}.placed", "Order placed")],
            masks: vec![mask("{{name}}.ibans", &["*iban"], &[r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"])],
            // What `amend` reads of an event, beside the verdict: so verdicts are remembered.
            depends: vec![reads(CHANNELS, &["method", "target"])],
            interest: orders(),
            ..ExtensionManifest::default()
        }
    }

    fn amend(_: &[Setting], event: &Event, verdict: &Verdict) -> Option<Amendment> {
        let keeps = matches!(verdict.payload, PayloadDecision::Keep(_));
        Some(Amendment {
            action: event.calls("place_order").then(|| "{{name}}.placed".to_owned()),
            // The smaller size counts, and the masks of all layers apply.
            payload: keeps.then(|| keep(&["{{name}}.ibans"], u32::MAX)),
            ..Amendment::default()
        })
    }
}
