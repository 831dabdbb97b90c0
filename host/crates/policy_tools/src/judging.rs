//! (short: difference and checks share it) Golden events before a policy.

use mcp_audit_log_contract::depends::Dependencies;
use mcp_audit_log_contract::settings::{LOG_PAYLOADS, Settings};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{FaultKind, LayerFault, Policy, Verdict};

/// How many events may burn all their fuel before the others are not tried: each takes a tenth of a second.
pub(crate) const BURNED: usize = 5;

/// A verdict on each event, by the policy and its first `layers` extensions, which are passed `more` than they declare.
/// All events are judged in one call, and each alone where that fails: one that fails takes its batch with it.
pub(crate) fn judge_each(
    policy: &Policy,
    settings: &Settings,
    events: &[&Event],
    more: &Dependencies,
    layers: usize,
) -> Vec<Result<Verdict, LayerFault>> {
    let results = |events: &[&Event]| match policy.try_judge(settings, events, more, layers).verdicts {
        Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
        Err(fault) => vec![Err(fault)],
    };
    let together = results(events);
    if together.len() == events.len() {
        return together;
    }
    let (mut each, mut burned) = (Vec::with_capacity(events.len()), 0);
    for event in events {
        let fault = each.last().cloned().filter(|_| burned >= BURNED);
        each.extend(fault.map_or_else(|| results(&[event]), |fault| vec![fault]));
        let is_burned =
            |result: &Result<_, LayerFault>| result.as_ref().is_err_and(|one| one.fault.kind == FaultKind::Fuel);
        burned = if each.last().is_some_and(is_burned) { burned + 1 } else { 0 };
    }
    each
}

/// The default settings with the payload switch on.
pub(crate) fn payloads_on(policy: &Policy) -> Settings {
    with(policy, LOG_PAYLOADS, Value::Boolean(true))
}

/// The default settings with the payload switch on, and another value of one of them.
pub(crate) fn with(policy: &Policy, key: &str, value: Value) -> Settings {
    let stored = [(LOG_PAYLOADS.to_owned(), Value::Boolean(true)), (key.to_owned(), value)];
    Settings::load(&policy.manifest().settings, &stored.into())
}
