//! A vendor's policy: the default one with a rule and a record rule of its own. Copy it, and change what is yours.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
//!     cargo build --release --target wasm32-unknown-unknown -p mcp-audit-log-example-policy
//! mcp-audit-log serve --policy target/wasm32-unknown-unknown/release/mcp_audit_log_example_policy.wasm
//! ```

use mcp_audit_log_policy::Policy;
use mcp_audit_log_policy::contract::{
    Action, Comparison, Event, Grant, Group, Guest, Leaf, Operand, PolicyManifest, RetentionPlan, Setting, Token,
    Value, Verdict, Viewer,
};

/// The server whose calls are visible to one group only.
const PAYROLL: &str = "payroll";
/// The action of a call that sends an invoice.
const INVOICE_SENT: &str = "invoice.sent";

/// The vendor's policy.
#[derive(Clone, Copy, Debug)]
pub struct Vendor;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "generated code")]
mod component {
    use super::Vendor;
    mcp_audit_log_policy::bindings::export!(Vendor);
}

impl Guest for Vendor {
    fn manifest() -> PolicyManifest {
        let mut manifest = Policy::manifest();
        manifest.name = env!("CARGO_PKG_NAME").to_owned();
        manifest.groups.push(Group { name: PAYROLL.to_owned(), label: "Payroll".to_owned(), implies: Vec::new() });
        manifest.actions.push(Action { name: INVOICE_SENT.to_owned(), label: "Invoice sent".to_owned() });
        manifest
    }

    fn judge(settings: Vec<Setting>, events: Vec<Event>) -> Vec<Verdict> {
        let mut verdicts = Policy::judge(settings, events.clone());
        for (verdict, event) in verdicts.iter_mut().zip(&events) {
            rule(event, verdict);
        }
        verdicts
    }

    fn access(settings: Vec<Setting>, viewer: Viewer) -> Grant {
        let mut grant = Policy::access(settings, viewer.clone());
        // Consecutive terms are ANDed, so this can only narrow what the default policy lets the viewer see.
        if !viewer.groups.iter().any(|group| group == PAYROLL) {
            grant.rule.push(no_payroll());
            grant.usage_rule.push(no_payroll());
        }
        grant
    }

    fn retention(settings: Vec<Setting>, now: i64) -> RetentionPlan {
        Policy::retention(settings, now)
    }
}

/// A rule: the call that sends an invoice gets its own action, and its payload is never kept.
fn rule(event: &Event, verdict: &mut Verdict) {
    if event.method.as_deref() == Some("tools/call") && event.target.as_deref() == Some("send_invoice") {
        verdict.action = INVOICE_SENT.to_owned();
        verdict.payload = mcp_audit_log_policy::contract::PayloadDecision::None;
    }
}

/// A record rule: `("server", "!=", "payroll")`, for every viewer outside of that group.
fn no_payroll() -> Token {
    let operands = vec![Operand::Value(Value::Text(PAYROLL.to_owned()))];
    Token::Leaf(Leaf { field: "server".to_owned(), comparison: Comparison::NotEqual, operands })
}
