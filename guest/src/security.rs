//! Access rights: groups, rights and record rules, as the tables of an addon's `security/` folder.
//!
//! Rights add up over a viewer's groups and deny by default; record rules narrow the entries.

use crate::contract::{self, Domain, Grant, Value, Viewer};
use crate::domain::{all_of, always, any_of, equal, never};

/// A line of `res.groups`: a role and the roles that come with it.
struct Group {
    name: &'static str,
    label: &'static str,
    implies: &'static [&'static str],
}

const fn group(name: &'static str, label: &'static str, implies: &'static [&'static str]) -> Group {
    Group { name, label, implies }
}

const GROUPS: &[Group] = &[
    group("user", "User", &[]),
    group("power-user", "Power user", &["user"]),
    group("power-user-plus", "Power user plus", &["power-user"]),
    group("admin", "Administrator", &["power-user-plus"]),
    group("owner", "Owner", &["admin"]),
    group("super-admin", "Super administrator", &["owner"]),
    // An add-on to any role, and the only one that sees payloads: the platform's operator does not.
    group("auditor", "Auditor", &[]),
    group("billing-admin", "Billing administrator", &[]),
    // For platforms that send events. It reads nothing, so that a stolen token is worth little.
    group("service", "Service", &[]),
];

/// A right, by its name in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Read,
    ReadPayloads,
    Export,
    ExportPayloads,
    ReadUsage,
    Configure,
    Manage,
    Verify,
    Record,
}

impl Right {
    fn name(self) -> String {
        let name = match self {
            Self::Read => "read",
            Self::ReadPayloads => "read-payloads",
            Self::Export => "export",
            Self::ExportPayloads => "export-payloads",
            Self::ReadUsage => "read-usage",
            Self::Configure => "configure",
            Self::Manage => "manage",
            Self::Verify => "verify",
            Self::Record => "record",
        };
        name.to_owned()
    }
}

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

/// Rights over the whole log. A viewer of one tenant must not decide for the others.
const WHOLE_LOG: &[Right] = &[Right::Configure];

/// A line of `ir.rule`. Without a group it is global.
struct Rule {
    group: Option<&'static str>,
    /// The right that the rule narrows, as `perm_read` and its kin do.
    narrows: &'static [Right],
    domain: fn(&Viewer) -> Domain,
}

const READ_AND_USAGE: &[Right] = &[Right::Read, Right::ReadUsage];

const RULES: &[Rule] = &[
    Rule { group: None, narrows: READ_AND_USAGE, domain: same_instance },
    Rule { group: None, narrows: READ_AND_USAGE, domain: known_by_name },
    Rule { group: Some("user"), narrows: READ_AND_USAGE, domain: own_entries },
    Rule { group: Some("admin"), narrows: READ_AND_USAGE, domain: all_entries },
    Rule { group: Some("auditor"), narrows: READ_AND_USAGE, domain: all_entries },
    // For figures only: together with `user` it must not open all entries.
    Rule { group: Some("billing-admin"), narrows: &[Right::ReadUsage], domain: all_entries },
];

/// A viewer of no instance sees what belongs to no instance. It never means all of them.
fn same_instance(viewer: &Viewer) -> Domain {
    equal("instance", viewer.instance.clone().map_or(Value::Unset, Value::Text))
}

/// An empty name would match entries without a user, and the access could not be attributed.
fn known_by_name(viewer: &Viewer) -> Domain {
    if viewer.user.trim().is_empty() { never() } else { always() }
}

fn own_entries(viewer: &Viewer) -> Domain {
    equal("user", Value::Text(viewer.user.clone()))
}

fn all_entries(_: &Viewer) -> Domain {
    always()
}

/// The groups for the manifest.
pub(crate) fn groups() -> Vec<contract::Group> {
    let owned = |group: &Group| contract::Group {
        name: group.name.to_owned(),
        label: group.label.to_owned(),
        implies: group.implies.iter().map(|name| (*name).to_owned()).collect(),
    };
    GROUPS.iter().map(owned).collect()
}

/// The rights of `viewer`, and the rule that selects the entries they see.
pub(crate) fn access(viewer: &Viewer) -> Grant {
    let held = held(&viewer.groups);
    let rights = rights(&held, viewer.instance.is_some());
    let rule = |right| if rights.contains(&right) { record_rule(RULES, &held, right, viewer) } else { never() };
    let (rule, usage_rule) = (rule(Right::Read), rule(Right::ReadUsage));
    Grant { rights: rights.into_iter().map(Right::name).collect(), rule, usage_rule }
}

/// The assigned groups and all that they imply. Undeclared names are ignored.
fn held(assigned: &[String]) -> Vec<&'static str> {
    let known = GROUPS.iter().filter(|group| assigned.iter().any(|name| name == group.name));
    let mut held: Vec<&Group> = known.collect();
    let mut next = 0;
    while let Some(group) = held.get(next) {
        let implied = GROUPS.iter().filter(|other| group.implies.contains(&other.name));
        let new: Vec<_> = implied.filter(|other| held.iter().all(|group| group.name != other.name)).collect();
        held.extend(new);
        next += 1;
    }
    held.into_iter().map(|group| group.name).collect()
}

fn rights(held: &[&str], of_an_instance: bool) -> Vec<Right> {
    let mut rights = Vec::new();
    for (_, granted) in RIGHTS.iter().filter(|(group, _)| held.contains(group)) {
        for right in granted.iter().filter(|right| !of_an_instance || !WHOLE_LOG.contains(right)) {
            if !rights.contains(right) {
                rights.push(*right);
            }
        }
    }
    rights
}

/// Odoo's `AND(global rules) ∧ (OR(rules of groups held) if there are any, else TRUE)`, for one right.
fn record_rule(rules: &[Rule], held: &[&str], right: Right, viewer: &Viewer) -> Domain {
    let rules = || rules.iter().filter(|rule| rule.narrows.contains(&right));
    let global = all_of(rules().filter(|rule| rule.group.is_none()).map(|rule| (rule.domain)(viewer)));
    let of_groups = rules().filter(|rule| rule.group.is_some_and(|group| held.contains(&group)));
    let mut of_groups = of_groups.map(|rule| (rule.domain)(viewer)).peekable();
    let of_groups = if of_groups.peek().is_some() { any_of(of_groups) } else { always() };
    all_of([global, of_groups])
}

/// Every group against every right, and Odoo's way of putting record rules together.
#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_reader_is_under_the_rule_of_a_group() {
        for group in GROUPS {
            let assigned = [group.name.to_owned()];
            let held = held(&assigned);
            for right in rights(&held, false).iter().filter(|right| READ_AND_USAGE.contains(right)) {
                let ruled =
                    |rule: &Rule| rule.narrows.contains(right) && rule.group.is_some_and(|name| held.contains(&name));
                assert!(RULES.iter().any(ruled), "{} has {right:?} without a rule", group.name);
            }
        }
    }

    #[test]
    fn the_tables_name_only_groups_that_exist() {
        let implied = GROUPS.iter().flat_map(|group| group.implies.iter().copied());
        let named = RIGHTS.iter().map(|(group, _)| *group).chain(RULES.iter().filter_map(|rule| rule.group));
        for name in implied.chain(named) {
            assert!(GROUPS.iter().any(|group| group.name == name), "{name}");
        }
    }

    /// Odoo's formula on a table made for it: two global rules, two groups' rules, one of them for usage only.
    #[test]
    fn global_rules_and_group_rules_or() {
        fn is(field: &str) -> Domain {
            equal(field, Value::Boolean(true))
        }
        const READ: &[Right] = &[Right::Read];
        const TABLE: &[Rule] = &[
            Rule { group: None, narrows: READ, domain: |_| is("g1") },
            Rule { group: Some("a"), narrows: READ, domain: |_| is("a") },
            Rule { group: None, narrows: READ, domain: |_| is("g2") },
            Rule { group: Some("b"), narrows: READ, domain: |_| all_of([is("b1"), is("b2")]) },
            Rule { group: Some("b"), narrows: &[Right::ReadUsage], domain: |_| is("u") },
        ];
        let rule = |held: &[&str], right| record_rule(TABLE, held, right, &viewer(&[]));
        let global = || all_of([is("g1"), is("g2")]);
        let b = || all_of([is("b1"), is("b2")]);

        assert_eq!(rule(&["a"], Right::Read), all_of([global(), is("a")]));
        assert_eq!(rule(&["b"], Right::Read), all_of([global(), b()]));
        assert_eq!(rule(&["a", "b"], Right::Read), all_of([global(), any_of([is("a"), b()])]));
        assert_eq!(rule(&["c"], Right::Read), global(), "rules of groups that are not held are ignored");
        assert_eq!(rule(&["a", "b"], Right::ReadUsage), is("u"), "rules for another right are ignored");
        assert_eq!(rule(&["a"], Right::Verify), always(), "without a rule everything is visible");
    }
}
