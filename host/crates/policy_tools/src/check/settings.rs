//! What the settings decide: a plan that deletes nothing early, and an answer under every extreme value.

use mcp_audit_log_contract::manifest::SettingField;
use mcp_audit_log_contract::settings::{PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, Settings, USAGE_RETENTION_DAYS};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Fault, Plan, Policy};

use super::{CheckRule, Run};
use crate::golden::NOW;
use crate::inspect::{default_settings, viewer};
use crate::judging::{payloads_on, with};
use crate::shown;

/// Every how manieth golden event is judged under each value.
const STEP: usize = 5;

pub(super) fn check(run: &mut Run<'_>) {
    let policy = run.policy;
    let default = default_settings(policy);
    retention(run, &default, "the default settings");
    let failing = [&default, &payloads_on(policy)].map(|settings| failures(run, settings)).concat();
    for field in &policy.manifest().settings {
        for value in values(field) {
            run.report.settings += 1;
            let settings = with(policy, &field.key, value.clone());
            let shown = format!("{} is {}", field.key, shown::quoted(&value.to_string()));
            if [RETENTION_DAYS, PAYLOAD_RETENTION_DAYS, USAGE_RETENTION_DAYS].contains(&field.key.as_str()) {
                retention(run, &settings, &shown);
            }
            for fault in failures(run, &settings) {
                // What fails anyway is found without the value.
                if failing.iter().all(|other| other.function != fault.function) {
                    let what = format!("{} fails where {shown}", fault.function);
                    run.find(CheckRule::SettingValues, what, fault.message);
                }
            }
        }
    }
}

/// What the setting allows and a rule may not expect.
fn values(field: &SettingField) -> Vec<Value> {
    let texts = ["".to_owned(), " ".to_owned(), "x".repeat(16_000), "ü\u{0}\u{202e}🎉%".to_owned()];
    let values: Vec<Value> = match field.default {
        Value::Boolean(_) => [true, false].map(Value::Boolean).into(),
        Value::Integer(_) => {
            let (least, most) = (field.minimum.unwrap_or(i64::MIN), field.maximum.unwrap_or(i64::MAX));
            let numbers = [least, least.saturating_add(1), -1, 0, 1, most.saturating_sub(1), most];
            numbers.map(Value::Integer).into()
        }
        _ => texts.map(Value::Text).into(),
    };
    let mut allowed = Vec::new();
    for value in values {
        if field.check(&value).is_ok() && !allowed.contains(&value) {
            allowed.push(value);
        }
    }
    allowed
}

/// How the policy fails under these settings, once for each function.
fn failures(run: &Run<'_>, settings: &Settings) -> Vec<Fault> {
    let policy = run.policy;
    let events: Vec<&Event> = run.golden.iter().step_by(STEP).map(|golden| &golden.event).collect();
    let judged = policy.try_judge(settings, &events, &Default::default(), policy.layers().len()).verdicts;
    let group = policy.manifest().groups.first().map(|group| group.name.as_str());
    let asked = viewer(group.as_slice(), None);
    let access = policy.own_access(settings, &asked, NOW).err();
    let retention = policy.own_retention(settings, NOW).err();
    judged.err().map(|fault| fault.fault).into_iter().chain(access).chain(retention).collect()
}

fn retention(run: &mut Run<'_>, settings: &Settings, witness: &str) {
    let policy: &Policy = run.policy;
    let (own, floored) = match (policy.own_retention(settings, NOW), policy.retention(settings, NOW)) {
        (Ok(own), Ok(floored)) => (own, floored),
        (Err(fault), _) | (_, Err(fault)) => {
            let witness = format!("{witness}: {}", fault.message);
            return run.find(
                CheckRule::RetentionAnswers,
                format!("retention fails ({})", fault.kind.as_str()),
                witness,
            );
        }
    };
    let moments = |plan: &Plan| [plan.entries_before, plan.payloads_before, plan.usage_before];
    for ((what, own), floored) in ["entries", "payloads", "usage"].into_iter().zip(moments(&own)).zip(moments(&floored))
    {
        if own > floored {
            let early = |own: Timestamp| (own.as_micros() - floored.map_or(0, Timestamp::as_micros)) / DAY;
            let days = own.map_or(0, early);
            let witness = format!("{witness}, {days} days early");
            run.find(
                CheckRule::RetentionEarly,
                format!("it plans to delete {what} earlier than the settings say"),
                witness,
            );
        }
    }
    if own == Plan::default() && witness.starts_with("the default") {
        run.note("Under the default settings it never deletes anything.");
    }
}
