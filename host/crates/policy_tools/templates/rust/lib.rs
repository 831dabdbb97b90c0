//! The policy {{name}}: what calls are named, who sees which entries, what is kept and for how long.
//!
//! The functions are pure: the same arguments give the same answer, and nothing is remembered between calls.

use mcp_audit_log_policy_sdk::prelude::*;

/// The longest payload, in KiB.
const PAYLOAD_KIB: &str = "payload_kib";

const SECURITY: Security = Security {
    roles: &[
        role("user", "User", &[]),
        role("seller", "Seller", &["user"]),
        role("admin", "Administrator", &["user"]),
        role("auditor", "Auditor", &[]),
        role("service", "Service", &[]),
    ],
    // What each group may do; whatever is not listed is denied.
    rights: &[
        ("user", &[Right::Read, Right::ReadUsage]),
        ("admin", &[Right::Read, Right::Export, Right::ReadUsage, Right::Configure, Right::Manage, Right::Verify]),
        (
            "auditor",
            &[Right::Read, Right::ReadPayloads, Right::Export, Right::ExportPayloads, Right::ReadUsage, Right::Verify],
        ),
        ("service", &[Right::Record]),
    ],
    // Which entries each group sees; with several groups, those of each of them. The global rules narrow all of them.
    rules: &[
        Rule::global(same_instance),
        Rule::global(known_by_name),
        Rule::of("user", own_entries),
        Rule::of("seller", |_| is("server", "shop")),
        Rule::of("admin", all_entries),
        Rule::of("auditor", all_entries),
    ],
};

struct Mine;
export_policy!(Mine);

impl Policy for Mine {
    fn manifest() -> PolicyManifest {
        let help = "The rest of a longer payload is cut.";
        PolicyManifest {
            name: "{{name}}".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "What {{name}} records, who sees it, and how long it is kept".to_owned(),
            groups: SECURITY.groups(),
            settings: vec![
                log_payloads(),
                retention_days(90),
                number(PAYLOAD_KIB, "Longest payload (KiB)", help, 64, (1, 64)),
            ],
            filters: vec![filter("orders", "Orders", is("action", "order.placed"))],
            actions: vec![action("tool.called", "Tool called"), action("order.placed", "Order placed")],
            masks: vec![mask("ibans", &["*iban"], &[r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"])],
            // What `rule` reads, and nothing else: so verdicts are remembered.
            depends: vec![reads(CHANNELS, &["channel", "method", "target", "has-payload"])],
            ..PolicyManifest::default()
        }
    }

    fn rule(settings: &[Setting], event: &Event) -> Verdict {
        let method = event.method.as_deref().unwrap_or_default();
        let verdict = if event.is_tool_call() {
            let action = if event.calls("place_order") { "order.placed" } else { "tool.called" };
            Verdict { affected: by_name("tool", event.target.as_deref()), ..called(action) }
        } else if matches!(event.channel.as_str(), "admin" | "system") && is_action(method) {
            called(method)
        } else {
            called(format!("{}.recorded", event.channel))
        };
        Verdict { payload: payload(settings, event), ..verdict }
    }

    fn access(_: &[Setting], viewer: &Viewer) -> Grant {
        SECURITY.access(viewer)
    }
}

fn payload(settings: &[Setting], event: &Event) -> PayloadDecision {
    if !is_on(settings, LOG_PAYLOADS) || !event.has_payload || event.channel == "oauth" {
        return PayloadDecision::None;
    }
    let kib = integer(settings, PAYLOAD_KIB).and_then(|kib| u32::try_from(kib).ok()).unwrap_or(1);
    keep(&["ibans"], kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tables_fit_together() {
        assert_eq!(super::SECURITY.mistakes(), [""; 0]);
    }
}
