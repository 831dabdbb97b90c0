//! Access rights of the default policy: groups, rights and record rules, as the tables of an addon's `security/` folder.

use mcp_audit_log_policy_sdk::security::{
    Right, Role, Rule, Security, all_entries, known_by_name, own_entries, role, same_instance,
};

/// The tables.
pub(crate) const SECURITY: Security = Security { roles: ROLES, rights: RIGHTS, rules: RULES };

const ROLES: &[Role] = &[
    role("user", "User", &[]),
    role("power-user", "Power user", &["user"]),
    role("power-user-plus", "Power user plus", &["power-user"]),
    role("admin", "Administrator", &["power-user-plus"]),
    role("owner", "Owner", &["admin"]),
    role("super-admin", "Super administrator", &["owner"]),
    // An add-on to any role, and the only one that sees payloads: the platform's operator does not.
    role("auditor", "Auditor", &[]),
    role("billing-admin", "Billing administrator", &[]),
    // For platforms that send events. It reads nothing, so that a stolen token is worth little.
    role("service", "Service", &[]),
];

/// `ir.model.access`: what each group adds. Whatever is not listed is denied.
const RIGHTS: &[(&str, &[Right])] = &[
    ("user", &[Right::Read, Right::ReadUsage]),
    ("admin", &[Right::Read, Right::Export, Right::ReadUsage, Right::Configure, Right::Manage, Right::Verify]),
    (
        "auditor",
        &[Right::Read, Right::ReadPayloads, Right::Export, Right::ExportPayloads, Right::ReadUsage, Right::Verify],
    ),
    ("billing-admin", &[Right::ReadUsage]),
    ("service", &[Right::Record]),
];

const RULES: &[Rule] = &[
    Rule::global(same_instance),
    Rule::global(known_by_name),
    Rule::of("user", own_entries),
    Rule::of("admin", all_entries),
    Rule::of("auditor", all_entries),
    // For figures only: together with `user` it must not open all entries.
    Rule::of("billing-admin", all_entries).for_rights(&[Right::ReadUsage]),
];

/// Every group against every right.
#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_policy_sdk::contract::{Domain, Grant, Value, Viewer};
    use mcp_audit_log_policy_sdk::domain::{all_of, equal, never};

    fn access(viewer: &Viewer) -> Grant {
        SECURITY.access(viewer)
    }

    const RIGHTS_IN_ORDER: [Right; 9] = [
        Right::Read,
        Right::ReadPayloads,
        Right::Export,
        Right::ExportPayloads,
        Right::ReadUsage,
        Right::Configure,
        Right::Manage,
        Right::Verify,
        Right::Record,
    ];

    fn viewer(groups: &[&str]) -> Viewer {
        let groups = groups.iter().map(|name| (*name).to_owned()).collect();
        Viewer { user: "ada".to_owned(), groups, instance: Some("eu".to_owned()) }
    }

    fn granted(groups: &[&str]) -> String {
        let grant = access(&Viewer { instance: None, ..viewer(groups) });
        let names = RIGHTS_IN_ORDER.map(Right::name).into_iter().filter(|name| grant.rights.contains(name));
        assert_eq!(names.clone().count(), grant.rights.len(), "a right is listed twice");
        names.collect::<Vec<_>>().join(" ")
    }

    fn instance() -> Domain {
        equal("instance", Value::Text("eu".to_owned()))
    }

    fn own() -> Domain {
        all_of([instance(), equal("user", Value::Text("ada".to_owned()))])
    }

    #[test]
    fn every_group_has_exactly_its_rights() {
        const USER: &str = "read read-usage";
        const ADMIN: &str = "read export read-usage configure manage verify";
        const AUDITOR: &str = "read read-payloads export export-payloads read-usage verify";
        for (group, expected) in [
            ("user", USER),
            ("power-user", USER),
            ("power-user-plus", USER),
            ("admin", ADMIN),
            ("owner", ADMIN),
            ("super-admin", ADMIN),
            ("auditor", AUDITOR),
            ("billing-admin", "read-usage"),
            ("service", "record"),
            ("unknown", ""),
            ("Admin", ""),
            ("", ""),
        ] {
            assert_eq!(granted(&[group]), expected, "{group}");
        }
    }

    #[test]
    fn rights_add_up() {
        assert_eq!(
            granted(&["admin", "auditor"]),
            "read read-payloads export export-payloads read-usage configure manage verify"
        );
        assert_eq!(granted(&["billing-admin", "unknown"]), "read-usage");
        assert_eq!(granted(&[]), "");
    }

    #[test]
    fn every_group_sees_exactly_its_entries() {
        for (groups, expected) in [
            (&["user"][..], own()),
            (&["power-user"], own()),
            (&["power-user-plus"], own()),
            (&["admin"], instance()),
            (&["owner"], instance()),
            (&["super-admin"], instance()),
            (&["auditor"], instance()),
            (&["billing-admin"], never()),
            (&["user", "auditor"], instance()),
            (&["user", "unknown"], own()),
            (&["service"], never()),
            (&["user", "service"], own()),
            (&["unknown"], never()),
            (&[], never()),
        ] {
            assert_eq!(access(&viewer(groups)).rule, expected, "{groups:?}");
        }
    }

    #[test]
    fn usage_of_all_does_not_open_all_entries() {
        for (groups, entries, figures) in [
            (&["user", "billing-admin"][..], own(), instance()),
            (&["billing-admin"], never(), instance()),
            (&["user"], own(), own()),
            (&["user", "auditor"], instance(), instance()),
            (&["service"], never(), never()),
        ] {
            let grant = access(&viewer(groups));
            assert_eq!((grant.rule, grant.usage_rule), (entries, figures), "{groups:?}");
        }
    }

    #[test]
    fn a_viewer_of_a_tenant_decides_nothing_for_the_whole_log() {
        let of = |instance: Option<&str>| Viewer { instance: instance.map(str::to_owned), ..viewer(&["super-admin"]) };
        assert!(access(&of(None)).rights.contains(&Right::Configure.name()));
        let rights = access(&of(Some("eu"))).rights;
        assert!(!rights.contains(&Right::Configure.name()) && rights.contains(&Right::Manage.name()), "{rights:?}");
    }

    #[test]
    fn no_tenant_is_not_every_tenant() {
        let nowhere = Viewer { instance: None, ..viewer(&["admin"]) };
        assert_eq!(access(&nowhere).rule, equal("instance", Value::Unset));
    }

    #[test]
    fn a_viewer_without_groups_sees_nothing() {
        for user in ["", " ", "\t"] {
            for group in ["user", "admin", "auditor", "super-admin", "billing-admin"] {
                let unnamed = Viewer { user: user.to_owned(), ..viewer(&[group]) };
                assert!(access(&unnamed).rule.contains(&never().remove(0)), "{group}");
            }
        }
    }

    #[test]
    fn the_tables_fit_together() {
        assert_eq!(SECURITY.mistakes(), [""; 0]);
    }
}
