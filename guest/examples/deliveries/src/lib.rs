//! An extension of a shop, over the default policy: calls of its server of deliveries get an action, a fact and a group
//! that sees them.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
//!     cargo build --release --target wasm32-unknown-unknown -p mcp-audit-log-example-deliveries
//! mcp-audit-log serve --extend target/wasm32-unknown-unknown/release/mcp_audit_log_example_deliveries.wasm
//! ```

/// The bindings that wit-bindgen generates from the contract.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "audit-extension" });

    #[cfg(target_arch = "wasm32")]
    use super::Deliveries;
    #[cfg(target_arch = "wasm32")]
    export!(Deliveries with_types_in self);
}

use bindings::exports::mcp_audit_log::policy::extension::{
    AccessEffect, AccessLine, Amendment, ExtensionManifest, Guest, Keeping,
};
use bindings::mcp_audit_log::policy::types::{
    Action, Comparison, Dependencies, Domain, Event, Fact, Group, Leaf, Operand, SavedFilter, Setting, Token, Value,
    Verdict,
};

/// The server, as the proxy or the platform calls it.
const SERVER: &str = "deliveries";
/// The action of a call of this tool; the prefix is the extension's name.
const BOOKED: &str = "deliveries.booked";
/// The group that sees these calls, of every caller.
const DISPATCHER: &str = "dispatcher";

/// The extension.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries;

impl Guest for Deliveries {
    fn declares() -> ExtensionManifest {
        ExtensionManifest {
            name: "deliveries".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            modules: Vec::new(),
            groups: vec![Group { name: DISPATCHER.to_owned(), label: "Dispatcher".to_owned(), implies: Vec::new() }],
            access: vec![AccessLine {
                effect: AccessEffect::Permission,
                group: Some(DISPATCHER.to_owned()),
                rights: vec!["read".to_owned()],
                domain: of_the_server(),
            }],
            settings: Vec::new(),
            filters: vec![SavedFilter {
                name: "deliveries.all".to_owned(),
                label: "Deliveries".to_owned(),
                domain: of_the_server(),
            }],
            crons: Vec::new(),
            actions: vec![Action { name: BOOKED.to_owned(), label: "Delivery booked".to_owned() }],
            masks: Vec::new(),
            keeping: Keeping { entries_days: None, payloads_days: None, usage_days: None },
            depends: depends(),
            // Other events never come here.
            interest: of_the_server(),
            widens: Vec::new(),
        }
    }

    fn amend(_: Vec<Setting>, events: Vec<Event>, _: Vec<Verdict>) -> Vec<Amendment> {
        (0..).zip(&events).filter_map(|(at, event)| amended(at, event)).collect()
    }
}

/// `[("server", "=", "deliveries")]`.
fn of_the_server() -> Domain {
    let operands = vec![Operand::Value(Value::Text(SERVER.to_owned()))];
    vec![Token::Leaf(Leaf { field: "server".to_owned(), comparison: Comparison::Equal, operands })]
}

fn depends() -> Vec<Dependencies> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vec![Dependencies {
        channels: owned(&["mcp", "stdio"]),
        fields: owned(&["method", "target"]),
        facts: Vec::new(),
        arguments: owned(&["carrier"]),
    }]
}

/// A booking by its tool, with the carrier as a fact.
fn amended(at: u32, event: &Event) -> Option<Amendment> {
    let is_booking = event.method.as_deref() == Some("tools/call") && event.target.as_deref() == Some("book");
    is_booking.then(|| Amendment {
        event: at,
        action: Some(BOOKED.to_owned()),
        affected: None,
        model: None,
        record_id: None,
        facts: carrier(event).into_iter().collect(),
        changes: Vec::new(),
        payload: None,
    })
}

/// The host stores it as `deliveries.carrier`.
fn carrier(event: &Event) -> Option<Fact> {
    let argument = event.arguments.iter().find(|argument| argument.name == "carrier")?;
    // A plain word; anything else is content.
    let word = argument.json.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| Fact { name: "carrier".to_owned(), value: Value::Text(word.to_owned()) })
}
