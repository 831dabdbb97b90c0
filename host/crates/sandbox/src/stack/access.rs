//! Access lines of extensions on a grant: permissions of the viewer's groups are added, then restrictions narrow, as
//! Odoo's access rights and record rules.

use mcp_audit_log_contract::access::{Right, Viewer};
use mcp_audit_log_contract::extension::{AccessEffect, AccessLine, Keeping};
use mcp_audit_log_contract::manifest::UserGroup;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::{Domain, from_tokens};
use mcp_audit_log_model::time::{DAY, Timestamp};

use crate::from_wit::GrantParts;

/// The groups that a viewer holds: those that were assigned, and what they imply.
pub(crate) fn held(groups: &[UserGroup], assigned: &[String]) -> Vec<String> {
    let mut held = assigned.to_vec();
    let mut next = 0;
    while let Some(name) = held.get(next) {
        let implied = groups.iter().filter(|group| group.name == *name).flat_map(|group| &group.implies);
        let new: Vec<_> = implied.filter(|name| !held.contains(name)).cloned().collect();
        held.extend(new);
        next += 1;
    }
    held
}

/// The grant of the policy with `lines` for a viewer who holds these groups.
pub(crate) fn amended(
    parts: GrantParts,
    lines: &[&AccessLine],
    held: &[String],
    viewer: &Viewer,
    now: Timestamp,
) -> GrantParts {
    if lines.is_empty() {
        return parts;
    }
    let applies = |line: &AccessLine| line.group.as_ref().is_none_or(|group| held.contains(group));
    // A line about a value that the viewer lacks matches nothing: it gives nothing, or leaves nothing.
    let domain = |line: &AccessLine| from_tokens(&line.domain, &viewer.context(now)).unwrap_or(Domain::FALSE);
    let of = |effect| lines.iter().copied().filter(move |line| line.effect == effect && applies(line));
    // Access of a viewer without a name could not be attributed.
    let is_named = !viewer.user.trim().is_empty();
    let permissions: Vec<_> = of(AccessEffect::Permission).filter(|_| is_named).collect();
    let rule = |right: Right, below: Domain| {
        // A rule counts for a right that is there: another layer's right must not open what the policy left open.
        let below = if parts.rights.contains(&right) { below } else { Domain::FALSE };
        let more = permissions.iter().filter(|line| line.rights.contains(&right)).map(|line| domain(line));
        let rule = Domain::any_of([below].into_iter().chain(more));
        let restrictions = of(AccessEffect::Restriction).filter(|line| line.rights.contains(&right));
        restrictions.fold(rule, |rule, line| rule.narrowed(&domain(line)))
    };
    let (rule, usage_rule) = (rule(Right::Read, parts.rule.clone()), rule(Right::ReadUsage, parts.usage_rule.clone()));
    let rights = parts.rights.iter().chain(permissions.iter().flat_map(|line| &line.rights)).copied().collect();
    GrantParts { rights, rule, usage_rule }
}

/// The plan of the policy where extensions keep for longer: the latest keeper wins.
pub(crate) fn kept(plan: Plan, keeping: &[Keeping], now: Timestamp) -> Plan {
    let not_after = |planned: Option<Timestamp>, days: fn(&Keeping) -> Option<u32>| {
        let longest = keeping.iter().filter_map(days).max();
        let due = longest.map(|days| now.plus(i64::from(days).saturating_mul(DAY).saturating_neg()));
        planned.map(|planned| due.map_or(planned, |due| planned.min(due)))
    };
    Plan {
        entries_before: not_after(plan.entries_before, |keeping| keeping.entries_days),
        payloads_before: not_after(plan.payloads_before, |keeping| keeping.payloads_days),
        usage_before: not_after(plan.usage_before, |keeping| keeping.usage_days),
    }
}
