//! An extension that hides bank accounts, over any policy.
//!
//! Its mask hides IBANs by their look, in each change, fact and kept payload. What a change calls an account is hidden
//! whole, whatever it looks like.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
//!     cargo build --release --target wasm32-unknown-unknown -p mcp-audit-log-example-iban
//! mcp-audit-log serve --extend target/wasm32-unknown-unknown/release/mcp_audit_log_example_iban.wasm
//! ```

/// The bindings that wit-bindgen generates from the contract.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "audit-extension" });

    #[cfg(target_arch = "wasm32")]
    use super::Iban;
    #[cfg(target_arch = "wasm32")]
    export!(Iban with_types_in self);
}

use bindings::exports::mcp_audit_log::policy::extension::{
    Amendment, ChangeEdit, ChangeEffect, ExtensionManifest, Guest, Keeping,
};
use bindings::mcp_audit_log::policy::types::{
    Dependencies, Event, KeepPayload, Mask, PayloadDecision, Setting, Verdict,
};

/// The mask; its name has the extension's as its prefix.
const MASK: &str = "iban.accounts";

/// The extension.
#[derive(Clone, Copy, Debug)]
pub struct Iban;

impl Guest for Iban {
    fn declares() -> ExtensionManifest {
        ExtensionManifest {
            name: "iban".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            modules: Vec::new(),
            groups: Vec::new(),
            access: Vec::new(),
            settings: Vec::new(),
            filters: Vec::new(),
            crons: Vec::new(),
            actions: Vec::new(),
            masks: vec![mask()],
            keeping: Keeping { entries_days: None, payloads_days: None, usage_days: None },
            depends: reads_nothing(),
            interest: Vec::new(),
            widens: Vec::new(),
        }
    }

    fn amend(_: Vec<Setting>, _: Vec<Event>, verdicts: Vec<Verdict>) -> Vec<Amendment> {
        verdicts.iter().filter_map(amended).collect()
    }
}

/// Two letters, two digits, and 11 to 30 more, in groups of four or not.
fn mask() -> Mask {
    let pattern = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b";
    Mask { name: MASK.to_owned(), keys: vec!["iban".to_owned()], patterns: vec![pattern.to_owned()] }
}

/// It looks at verdicts alone, so an amendment is used again with the verdict that it belongs to.
fn reads_nothing() -> Vec<Dependencies> {
    let channels = ["mcp", "stdio", "oauth", "api", "admin", "system"].map(str::to_owned).into();
    vec![Dependencies { channels, fields: Vec::new(), facts: Vec::new(), arguments: Vec::new() }]
}

/// Hides lines of accounts, and adds the mask where a payload is kept.
fn amended(verdict: &Verdict) -> Option<Amendment> {
    let lines = verdict.changes.iter().filter(|change| is_account(&change.field));
    let hide = |field: &String| ChangeEdit { field: field.clone(), effect: ChangeEffect::Hide };
    let changes: Vec<_> = lines.map(|change| hide(&change.field)).collect();
    let payload = match &verdict.payload {
        PayloadDecision::None => None,
        // The sizes of the layers below stay: the smaller one counts.
        PayloadDecision::Keep(_) => {
            Some(PayloadDecision::Keep(KeepPayload { masks: vec![MASK.to_owned()], max_bytes: u32::MAX }))
        }
    };
    (!changes.is_empty() || payload.is_some()).then(|| Amendment {
        event: verdict.event,
        action: None,
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes,
        payload,
    })
}

/// `partner.bank_account`, `bankAccountNumber`.
fn is_account(field: &str) -> bool {
    let plain: String = field.chars().filter(|letter| letter.is_alphanumeric()).collect();
    plain.to_lowercase().contains("bankaccount")
}
