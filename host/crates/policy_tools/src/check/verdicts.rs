//! What verdicts say: names of actions, payloads that are kept, facts under the host's names, and secrets.

use mcp_audit_log_contract::settings::LOG_PAYLOADS;
use mcp_audit_log_model::event::{Channel, Event};
use mcp_audit_log_model::mask::{Masks, floor};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{HOST_FACTS, Policy, Verdict};

use super::{CheckRule, Run};
use crate::golden::secrets::{KINDS, MARK};
use crate::judging::{judge_each, payloads_on, with};
use crate::shown;

/// Texts that no mask has a reason to hide.
const ORDINARY: [&str; 3] = [
    "Open orders of today, please; ship them on Monday.",
    "Three rows were found in the list of partners.",
    "Grüße aus Wien",
];

pub(super) fn check(run: &mut Run<'_>, depth: usize) {
    let (policy, events) = (run.policy, run.events());
    let judge = |settings, events: &[&Event]| judge_each(policy, &settings, events, &Default::default(), depth);
    let off = with(policy, LOG_PAYLOADS, Value::Boolean(false));
    let (on, off) = (judge(payloads_on(policy), &events), judge(off, &events));
    for ((golden, on), off) in run.golden.iter().zip(on).zip(off) {
        if off.is_ok_and(|verdict| verdict.keep.is_some()) {
            run.find(CheckRule::PayloadSwitch, "it keeps a payload while log_payloads is off", &golden.name);
        }
        let Ok(verdict) = on else { continue };
        if !is_action(&verdict.action) {
            let what = format!("the action {} is not <resource>.<verb>", shown::quoted(&verdict.action));
            run.find(CheckRule::ActionName, what, &golden.name);
        }
        if golden.event.channel == Channel::Oauth && verdict.keep.is_some() {
            run.find(CheckRule::PayloadOauth, "it keeps the payload of an OAuth exchange", &golden.name);
        }
        for (name, _) in verdict.facts.iter().filter(|(name, _)| HOST_FACTS.contains(&name.as_str())) {
            run.find(CheckRule::HostFacts, format!("the fact {name:?} has a name of the host"), &golden.name);
        }
    }
    secrets(run, depth);
}

/// Lower-case words with dots between them, as the catalogue has them.
fn is_action(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter == '_' || letter == '-' || letter.is_alphanumeric())
    };
    name.contains('.') && name.split('.').all(is_word) && !name.chars().any(char::is_uppercase)
}

/// Whether a secret of any kind is left in what an entry shows of a verdict, after the host's masks.
fn secrets(run: &mut Run<'_>, depth: usize) {
    let settings = payloads_on(run.policy);
    for kind in KINDS {
        let events = kind.events();
        let events: Vec<_> = events.iter().collect();
        let verdicts = judge_each(run.policy, &settings, &events, &Default::default(), depth);
        for (event, verdict) in events.iter().zip(verdicts) {
            let Ok(verdict) = verdict else { continue };
            if let Some(part) = leak(run.policy, event, &verdict) {
                run.find(CheckRule::Secrets, format!("a secret stands in {part}"), format!("a {}", kind.name));
            }
        }
    }
}

/// The part of the verdict that shows the secret.
fn leak(policy: &Policy, event: &Event, verdict: &Verdict) -> Option<String> {
    let masks = policy.masks();
    let has = |text: &str| text.contains(MARK);
    let optional = |text: &Option<String>| text.as_deref().is_some_and(has);
    let masked = |name: &str, value: &Value| has(&masks.value(name, value.clone()).to_string());
    if has(&verdict.action) {
        return Some("the action".to_owned());
    }
    if verdict.affected.as_ref().is_some_and(|one| has(&one.kind) || optional(&one.id) || optional(&one.name)) {
        return Some("the affected resource".to_owned());
    }
    if optional(&verdict.model) || optional(&verdict.record_id) {
        return Some("model or record_id".to_owned());
    }
    if let Some((name, _)) = verdict.facts.iter().find(|(name, value)| has(name) || masked(name, value)) {
        return Some(format!("the fact {name:?}"));
    }
    let changes = verdict.changes.iter();
    let mut shown =
        changes.filter(|one| has(&one.field) || masked(&one.field, &one.old) || masked(&one.field, &one.new));
    if let Some(change) = shown.next() {
        return Some(format!("the change of {:?}", change.field));
    }
    let request = event.payload.as_ref().and_then(|payload| payload.request.as_ref());
    let (keep, request) = (verdict.keep.as_ref()?, request?);
    has(&masks.body(&keep.masks, &request.bytes).0).then(|| "the kept payload".to_owned())
}

/// Masks that hide what is none of a secret, and masks that no verdict names.
pub(super) fn masks(run: &mut Run<'_>) {
    let policy = run.policy;
    let without_floor: Vec<_> = floor().map(str::to_owned).collect();
    for mask in &policy.manifest().masks {
        let alone = Masks::new(&without_floor, std::slice::from_ref(mask));
        for text in ORDINARY.iter().filter(|text| alone.body(&[0], text.as_bytes()).1) {
            run.find(CheckRule::MaskHarmless, format!("the mask {:?} hides an ordinary text", mask.name), *text);
        }
    }
    let layers = policy.layers().len();
    let verdicts = judge_each(policy, &payloads_on(policy), &run.events(), &Default::default(), layers);
    let kept: Vec<_> = verdicts.iter().flatten().filter_map(|verdict| verdict.keep.as_ref()).collect();
    for (at, mask) in policy.manifest().masks.iter().enumerate() {
        if kept.iter().all(|keep| !keep.masks.contains(&at)) {
            run.note(format!(
                "No golden event keeps its payload under the mask {:?}; it applies to changes and facts alone.",
                mask.name
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_action;

    #[test]
    fn an_action_has_a_resource_and_a_verb() {
        assert!(["tool.called", "deliveries.booked", "mcp.x-vendor_do_it", "a.b.c"].iter().all(|name| is_action(name)));
        assert!(["called", "Tool.called", "tool called.x", "tool.", ".", "a..b"].iter().all(|name| !is_action(name)));
    }
}
