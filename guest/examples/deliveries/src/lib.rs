//! An extension of a shop, over the default policy: calls of its server of deliveries get an action, a fact and a group
//! that sees them.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
//!     cargo build --release --target wasm32-unknown-unknown -p mcp-audit-log-example-deliveries
//! mcp-audit-log serve --extend target/wasm32-unknown-unknown/release/mcp_audit_log_example_deliveries.wasm
//! ```

use mcp_audit_log_policy_sdk::json::{Scalar, scalar};
use mcp_audit_log_policy_sdk::prelude::*;

/// The server, as the proxy or the platform calls it.
const SERVER: &str = "deliveries";
/// The action of a call of this tool; the prefix is the extension's name.
const BOOKED: &str = "deliveries.booked";
/// The group that sees these calls, of every caller.
const DISPATCHER: &str = "dispatcher";

/// The extension.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries;
export_extension!(Deliveries);

impl Extension for Deliveries {
    fn declares() -> ExtensionManifest {
        let of_the_server = || is("server", SERVER);
        ExtensionManifest {
            name: "deliveries".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            groups: vec![group(DISPATCHER, "Dispatcher", &[])],
            access: vec![permission(DISPATCHER, &[Right::Read], of_the_server())],
            filters: vec![filter("deliveries.all", "Deliveries", of_the_server())],
            actions: vec![action(BOOKED, "Delivery booked")],
            depends: vec![Dependencies {
                arguments: owned(&["carrier"]),
                ..reads(&["mcp", "stdio"], &["method", "target"])
            }],
            // Other events never come here.
            interest: of_the_server(),
            ..ExtensionManifest::default()
        }
    }

    /// A booking by its tool, with the carrier as a fact.
    fn amend(_: &[Setting], event: &Event, _: &Verdict) -> Option<Amendment> {
        event.calls("book").then(|| Amendment {
            action: Some(BOOKED.to_owned()),
            facts: carrier(event).into_iter().collect(),
            ..Amendment::default()
        })
    }
}

/// The host stores it as `deliveries.carrier`.
fn carrier(event: &Event) -> Option<Fact> {
    let argument = event.arguments.iter().find(|argument| argument.name == "carrier")?;
    let Some(Scalar::Text(word)) = scalar(&argument.json) else { return None };
    // A plain word; anything else is content.
    let is_plain = word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_plain && !word.is_empty()).then(|| Fact { name: "carrier".to_owned(), value: Value::Text(word) })
}
