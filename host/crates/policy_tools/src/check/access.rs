//! Every set of up to three groups, within a tenant and without: rights, and whose entries a rule shows.

use std::collections::{BTreeMap, BTreeSet};

use mcp_audit_log_contract::access::{Right, Viewer};
use mcp_audit_log_contract::manifest::UserGroup;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::OwnGrant;

use super::{CheckRule, Run};
use crate::golden::NOW;
use crate::inspect::{VIEWER, default_settings, viewer};
use crate::shown;

/// With more groups than this only pairs are tried: the sets of three would be thousands.
const GROUPS: usize = 30;
/// How many failures are enough.
const FAILURES: usize = 20;
const TENANT: &str = "tenant-of-the-viewer";
const OTHER_TENANT: &str = "another-tenant";
const OTHER_USER: &str = "another-user";

pub(super) fn check(run: &mut Run<'_>) {
    let policy = run.policy;
    let groups = &policy.manifest().groups;
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let most = if names.len() > GROUPS { 2 } else { 3 };
    if most == 2 {
        run.note(format!("Of {} groups only pairs were tried, not sets of three.", names.len()));
    }
    let settings = default_settings(policy);
    let mut rights_of: BTreeMap<(&str, Option<&str>), BTreeSet<Right>> = BTreeMap::new();
    let (mut failures, mut relies) = (0, false);
    'all: for set in sets(&names, most) {
        for tenant in [None, Some(TENANT)] {
            let Some(grant) = granted(run, &settings, &viewer(&set, tenant)) else {
                failures += 1;
                if failures >= FAILURES {
                    break 'all;
                }
                continue;
            };
            let who = who(&set, tenant);
            rights(run, &grant, tenant, &who);
            let reads = grant.rights.contains(&Right::Read);
            relies |= reads && tenant.is_some() && sees(&grant.rule, Some(OTHER_USER), Some(OTHER_TENANT));
            if set.is_empty() && reads && sees(&grant.rule, Some(OTHER_USER), tenant) {
                run.find(CheckRule::ViewerUngrouped, "a viewer without a group sees entries of others", &who);
            }
            if let [name] = set[..] {
                rights_of.insert((name, tenant), grant.rights);
            }
        }
    }
    implied(run, groups, &rights_of);
    unnamed(run, &settings, &names);
    if relies {
        run.note(
            "Its rule shows a viewer of a tenant entries of other tenants; the host's floor keeps them apart, unless \
             policy_rules_tenants is set.",
        );
    }
}

/// Every set of up to `most` names, the empty one first.
fn sets<'a>(names: &[&'a str], most: usize) -> Vec<Vec<&'a str>> {
    let mut sets: Vec<Vec<&str>> = vec![Vec::new()];
    let mut last = 0;
    for _ in 0..most {
        let longer: Vec<_> = sets[last..]
            .iter()
            .flat_map(|set| {
                let next =
                    set.last().and_then(|last| names.iter().position(|name| name == last)).map_or(0, |at| at + 1);
                names.iter().skip(next).map(move |name| [set.as_slice(), &[*name]].concat())
            })
            .collect();
        last = sets.len();
        sets.extend(longer);
    }
    sets
}

fn who(groups: &[&str], tenant: Option<&str>) -> String {
    let place = if tenant.is_some() { "of a tenant" } else { "without a tenant" };
    format!("a viewer {place} with the groups {}", shown::list(groups))
}

fn granted(run: &mut Run<'_>, settings: &Settings, viewer: &Viewer) -> Option<OwnGrant> {
    run.report.viewers += 1;
    match run.policy.own_access(settings, viewer, NOW) {
        Ok(grant) => Some(grant),
        Err(fault) => {
            let groups: Vec<_> = viewer.groups.iter().map(String::as_str).collect();
            let witness = format!("{}: {}", who(&groups, viewer.instance.as_deref()), fault.message);
            run.find(CheckRule::AccessAnswers, format!("access fails ({})", fault.kind.as_str()), witness);
            None
        }
    }
}

fn rights(run: &mut Run<'_>, grant: &OwnGrant, tenant: Option<&str>, who: &str) {
    for name in &grant.unknown {
        run.find(CheckRule::RightUnknown, format!("it grants {name:?}, which is no right"), who);
    }
    if tenant.is_some() && grant.rights.contains(&Right::Configure) {
        run.find(CheckRule::TenantConfigure, "it gives configure to a viewer of a tenant", who);
    }
    let needing = [Right::ReadPayloads, Right::Export, Right::ExportPayloads];
    let lacking: Vec<_> = needing.iter().filter(|right| grant.rights.contains(right)).collect();
    if !lacking.is_empty() && !grant.rights.contains(&Right::Read) {
        run.find(CheckRule::RightNeedsRead, format!("it gives {} without read", shown::rights(lacking)), who);
    }
}

/// Whether an entry matches that has this user and tenant and nothing else.
fn sees(rule: &Domain, user: Option<&str>, tenant: Option<&str>) -> bool {
    let value = |text: Option<&str>| text.map_or(Value::Unset, Value::from);
    rule.holds(&|field| match field {
        Field::User => value(user),
        Field::Instance => value(tenant),
        _ => Value::Unset,
    })
}

/// A group has what the groups have that it implies.
fn implied(run: &mut Run<'_>, groups: &[UserGroup], rights_of: &BTreeMap<(&str, Option<&str>), BTreeSet<Right>>) {
    for ((name, tenant), own) in rights_of {
        let group = groups.iter().find(|group| group.name == *name);
        for implied in group.into_iter().flat_map(|group| &group.implies) {
            let Some(theirs) = rights_of.get(&(implied.as_str(), *tenant)) else { continue };
            let lacking: Vec<_> = theirs.difference(own).collect();
            if !lacking.is_empty() {
                let what = format!("{name} implies {implied} and lacks its {}", shown::rights(lacking));
                run.find(CheckRule::GroupImplies, what, who(&[name], *tenant));
            }
        }
    }
}

/// A viewer without a name, with each group.
fn unnamed(run: &mut Run<'_>, settings: &Settings, names: &[&str]) {
    for user in ["", " "] {
        for name in names {
            let viewer = Viewer { user: user.to_owned(), ..viewer(&[*name], None) };
            let Some(grant) = granted(run, settings, &viewer) else { continue };
            let sees = [None, Some(VIEWER), Some("")].into_iter().any(|user| sees(&grant.rule, user, None));
            if grant.rights.contains(&Right::Read) && sees {
                let witness = format!("a user {user:?} with the group {name}");
                run.find(CheckRule::ViewerUnnamed, "a viewer without a name sees entries", witness);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sets;

    #[test]
    fn each_set_comes_once() {
        let names = ["a", "b", "c", "d"];
        assert_eq!([0, 1, 2, 3].map(|most| sets(&names, most).len()), [1, 5, 11, 15]);
        assert!(sets(&names, 3).contains(&vec!["a", "c", "d"]));
    }
}
