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

use mcp_audit_log_policy_sdk::prelude::*;

/// The mask; its name has the extension's as its prefix.
const MASK: &str = "iban.accounts";
/// Two letters, two digits, and 11 to 30 more, in groups of four or not.
const PATTERN: &str = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b";

/// The extension.
#[derive(Clone, Copy, Debug)]
pub struct Iban;
export_extension!(Iban);

impl Extension for Iban {
    fn declares() -> ExtensionManifest {
        ExtensionManifest {
            name: "iban".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            masks: vec![mask(MASK, &["iban"], &[PATTERN])],
            // It looks at verdicts alone, so an amendment is used again with the verdict that it belongs to.
            depends: vec![reads(CHANNELS, &[])],
            ..ExtensionManifest::default()
        }
    }

    /// Hides lines of accounts, and adds the mask where a payload is kept.
    fn amend(_: &[Setting], _: &Event, verdict: &Verdict) -> Option<Amendment> {
        let lines = verdict.changes.iter().filter(|change| is_account(&change.field));
        let hide = |field: &String| ChangeEdit { field: field.clone(), effect: ChangeEffect::Hide };
        let changes: Vec<_> = lines.map(|change| hide(&change.field)).collect();
        // The sizes of the layers below stay: the smaller one counts.
        let is_kept = matches!(verdict.payload, PayloadDecision::Keep(_));
        let payload = is_kept.then(|| keep(&[MASK], u32::MAX));
        (!changes.is_empty() || is_kept).then(|| Amendment { changes, payload, ..Amendment::default() })
    }
}

/// `partner.bank_account`, `bankAccountNumber`.
fn is_account(field: &str) -> bool {
    let plain: String = field.chars().filter(|letter| letter.is_alphanumeric()).collect();
    plain.to_lowercase().contains("bankaccount")
}
