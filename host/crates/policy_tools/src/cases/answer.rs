//! What the policy answers, as JSON: what is empty is left out.

use mcp_audit_log_contract::access::{GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Affected, Keep, Policy, Verdict};
use serde_json::{Map, Value as Json, json};

use super::Touched;
use crate::check::{CheckRule, depends};
use crate::golden::NOW;

/// The verdict of all layers. What the verdict depends on without a declaration is added to `undeclared`.
///
/// # Errors
/// A layer failed.
pub(super) fn verdict(
    policy: &Policy,
    settings: &Settings,
    event: &Event,
    touched: &mut Touched,
    undeclared: &mut Vec<String>,
) -> Result<Json, String> {
    touched.channels.insert(event.channel.as_str().to_owned());
    let trial = policy.try_judge(settings, &[event], &Default::default(), policy.layers().len());
    let verdicts = trial.verdicts.map_err(|fault| format!("{}: {}", fault.layer, fault.fault))?;
    // One event has one verdict.
    let Some(verdict) = verdicts.into_iter().next() else { return Ok(Json::Null) };
    touched.actions.insert(verdict.action.clone());
    let layers = policy.layers().len();
    undeclared.extend(
        depends::undeclared(policy, settings, event, &verdict, layers)
            .map(|reads| format!("{reads}, so this verdict was made without it: {}", CheckRule::Depends.advice())),
    );
    Ok(shown(policy, &verdict, touched))
}

fn shown(policy: &Policy, verdict: &Verdict, touched: &mut Touched) -> Json {
    let Verdict { action, affected, model, record_id, facts, changes, keep, faults: _ } = verdict;
    let mut json = Map::new();
    json.insert("action".to_owned(), action.as_str().into());
    let changes: Vec<_> = changes
        .iter()
        .map(|one| json!({ "field": one.field, "old": one.old.to_json(), "new": one.new.to_json() }))
        .collect();
    for (name, value) in [
        ("affected", affected.as_ref().map(self::affected)),
        ("model", model.as_deref().map(Json::from)),
        ("record_id", record_id.as_deref().map(Json::from)),
        ("facts", (!facts.is_empty()).then(|| self::facts(facts))),
        ("changes", (!changes.is_empty()).then_some(Json::Array(changes))),
        ("payload", keep.as_ref().map(|keep| payload(policy, keep, touched))),
    ] {
        json.extend(value.map(|value| (name.to_owned(), value)));
    }
    Json::Object(json)
}

fn affected(affected: &Affected) -> Json {
    let Affected { kind, id, name } = affected;
    let parts = [("kind", Some(kind)), ("id", id.as_ref()), ("name", name.as_ref())];
    parts.into_iter().filter_map(|(part, text)| Some((part.to_owned(), Json::from(text?.as_str())))).collect()
}

/// An object, or pairs where a name comes twice.
fn facts(facts: &[(String, Value)]) -> Json {
    let named: Map<_, _> = facts.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
    match named.len() == facts.len() {
        true => Json::Object(named),
        false => facts.iter().map(|(name, value)| json!([name, value.to_json()])).collect(),
    }
}

fn payload(policy: &Policy, keep: &Keep, touched: &mut Touched) -> Json {
    let names: Vec<_> = keep.masks.iter().filter_map(|at| policy.manifest().masks.get(*at)).collect();
    let names: Vec<_> = names.into_iter().map(|mask| mask.name.clone()).collect();
    touched.masks.extend(names.iter().cloned());
    match names.is_empty() {
        true => json!({ "max_bytes": keep.max_bytes }),
        false => json!({ "masks": names, "max_bytes": keep.max_bytes }),
    }
}

/// The grant, with the host's floors.
///
/// # Errors
/// The policy failed.
pub(super) fn access(
    policy: &Policy,
    settings: &Settings,
    viewer: &Viewer,
    touched: &mut Touched,
) -> Result<Json, String> {
    touched.hold(policy, &viewer.groups);
    let grant = policy.access(settings, viewer, NOW).map_err(|fault| fault.to_string())?;
    let rights = Right::names().filter(|(right, _)| grant.may(*right)).map(|(_, name)| name);
    let rule = |rule: &Domain| serde_json::from_str::<Json>(&rule.to_string()).unwrap_or_default();
    Ok(json!({
        "rights": rights.collect::<Vec<_>>(),
        "rule": rule(grant.rule()),
        "usage_rule": rule(grant.usage_rule()),
    }))
}

/// The plan, with the host's floors, in days.
///
/// # Errors
/// The policy failed.
pub(super) fn retention(policy: &Policy, settings: &Settings) -> Result<Json, String> {
    let plan = policy.retention(settings, NOW).map_err(|fault| fault.to_string())?;
    let days = |moment: Option<Timestamp>| moment.map(|moment| (NOW.as_micros() - moment.as_micros()) / DAY);
    Ok(json!({
        "entries_days": days(plan.entries_before),
        "payloads_days": days(plan.payloads_before),
        "usage_days": days(plan.usage_before),
    }))
}
