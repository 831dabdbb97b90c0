//! Every group against every right, and Odoo's way of putting record rules together.

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
        ("nobody", ""),
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
            let nobody = Viewer { user: user.to_owned(), ..viewer(&[group]) };
            assert!(access(&nobody).rule.contains(&never().remove(0)), "{group}");
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
