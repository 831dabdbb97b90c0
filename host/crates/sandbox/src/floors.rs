//! The floors: no policy can go below these.

use super::Plan;
use mcp_audit_log_contract::access::{Grant, GrantInternals, Right};
use mcp_audit_log_contract::settings::{PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, Settings, USAGE_RETENTION_DAYS};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::value::Value;

/// A viewer of a tenant cannot change the whole log, and sees and counts only that tenant's entries. A viewer without a
/// tenant sees entries without a tenant, unless the operator leaves tenants to the policy.
pub(super) fn access(access: Grant, policy_rules_tenants: bool) -> Grant {
    let access = if access.viewer().instance.is_some() { access.without(Right::Configure) } else { access };
    if policy_rules_tenants {
        return access;
    }
    let tenant = match &access.viewer().instance {
        Some(instance) => Domain::equals(Field::Instance, instance.as_str()),
        None => Domain::unset(Field::Instance),
    };
    access.narrowed(&tenant)
}

/// Nothing is deleted earlier than the settings in force allow.
pub(super) fn plan(plan: Plan, settings: &Settings, now: Timestamp) -> Plan {
    let days = |key| match settings.get(key) {
        Value::Integer(days) if *days > 0 => Some(*days),
        _ => None,
    };
    // Entries whose period is unknown are kept.
    let entries = days(RETENTION_DAYS);
    let not_after = |planned: Option<Timestamp>, days: Option<i64>| {
        let due = now.plus(days?.saturating_mul(DAY).saturating_neg());
        planned.map(|planned| planned.min(due))
    };
    Plan {
        entries_before: not_after(plan.entries_before, entries),
        payloads_before: not_after(plan.payloads_before, days(PAYLOAD_RETENTION_DAYS).or(entries)),
        usage_before: not_after(plan.usage_before, days(USAGE_RETENTION_DAYS).or(entries)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use mcp_audit_log_contract::manifest::SettingField;

    fn day(day: i64) -> Timestamp {
        Timestamp::EPOCH.plus(20_000 * DAY + day * DAY)
    }

    fn settings(days: &[(&str, i64)]) -> Settings {
        let field = |(key, days): &(&str, i64)| SettingField {
            key: (*key).to_owned(),
            label: String::new(),
            help: String::new(),
            default: Value::Integer(*days),
            minimum: None,
            maximum: None,
        };
        Settings::load(&days.iter().map(field).collect::<Vec<_>>(), &BTreeMap::new())
    }

    #[test]
    fn a_plan_never_deletes_earlier_than_the_settings() {
        let all =
            |moment| Plan { entries_before: Some(moment), payloads_before: Some(moment), usage_before: Some(moment) };
        let three = [(RETENTION_DAYS, 90), (PAYLOAD_RETENTION_DAYS, 10), (USAGE_RETENTION_DAYS, 400)];
        let expected =
            Plan { entries_before: Some(day(910)), payloads_before: Some(day(990)), usage_before: Some(day(600)) };
        assert_eq!(plan(all(day(1_000)), &settings(&three), day(1_000)), expected);
        assert_eq!(plan(all(day(5)), &settings(&three), day(1_000)), all(day(5)), "it may keep for longer");
        assert_eq!(plan(Plan::default(), &settings(&three), day(1_000)), Plan::default());
        let as_entries = [(RETENTION_DAYS, 90), (PAYLOAD_RETENTION_DAYS, 0)];
        assert_eq!(plan(all(day(1_000)), &settings(&as_entries), day(1_000)), all(day(910)));
        assert_eq!(plan(all(day(1_000)), &settings(&[]), day(1_000)), Plan::default());
    }
}
