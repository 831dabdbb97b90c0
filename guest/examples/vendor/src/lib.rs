//! A vendor's policy: the default one with a rule and a record rule of its own. Copy it, and change what is yours.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
//!     cargo build --release --target wasm32-unknown-unknown -p mcp-audit-log-example-policy
//! mcp-audit-log serve --policy target/wasm32-unknown-unknown/release/mcp_audit_log_example_policy.wasm
//! ```

use mcp_audit_log_policy::DefaultPolicy;
use mcp_audit_log_policy_sdk::prelude::*;

/// The server whose calls are visible to one group only, and that group.
const PAYROLL: &str = "payroll";
/// The action of a call that sends an invoice.
const INVOICE_SENT: &str = "invoice.sent";

/// The vendor's policy.
#[derive(Clone, Copy, Debug)]
pub struct Vendor;
export_policy!(Vendor);

impl Policy for Vendor {
    fn manifest() -> PolicyManifest {
        let mut manifest = DefaultPolicy::manifest();
        manifest.name = env!("CARGO_PKG_NAME").to_owned();
        manifest.groups.push(group(PAYROLL, "Payroll", &[]));
        manifest.actions.push(action(INVOICE_SENT, "Invoice sent"));
        manifest
    }

    /// The call that sends an invoice gets its own action, and its payload is never kept.
    fn rule(settings: &[Setting], event: &Event) -> Verdict {
        let verdict = DefaultPolicy::rule(settings, event);
        if !event.calls("send_invoice") {
            return verdict;
        }
        Verdict { action: INVOICE_SENT.to_owned(), payload: PayloadDecision::None, ..verdict }
    }

    /// A record rule: `("server", "!=", "payroll")`, for every viewer outside of that group. It can only narrow.
    fn access(settings: &[Setting], viewer: &Viewer) -> Grant {
        let mut grant = DefaultPolicy::access(settings, viewer);
        if !viewer.has(PAYROLL) {
            grant.narrow(is_not("server", PAYROLL));
        }
        grant
    }
}
