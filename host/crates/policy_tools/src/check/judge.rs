//! Each golden event alone, in batches and in another order: that there is an answer, always the same one, and what it
//! costs.

use mcp_audit_log_contract::depends::Dependencies;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::format::{bytes, count};
use mcp_audit_log_sandbox::{FaultKind, Limits, Policy, Verdict};

use super::{CheckRule, Run, depends};
use crate::judging::{BURNED, payloads_on};

/// The events of a small batch.
const SMALL: usize = 7;

/// An event that was judged alone.
pub(super) struct Judged<'a> {
    pub(super) name: &'a str,
    pub(super) event: &'a Event,
    pub(super) verdict: Verdict,
}

/// The policy and its first `depth` extensions before the golden events; whether any of them was judged.
pub(super) fn check(run: &mut Run<'_>, depth: usize) -> bool {
    let settings = payloads_on(run.policy);
    let judged = alone(run, &settings, depth);
    batches(run, &settings, &judged, depth);
    depends::check(run, &settings, &judged, depth);
    !judged.is_empty()
}

/// Each event in a call of its own.
fn alone<'a>(run: &mut Run<'a>, settings: &Settings, depth: usize) -> Vec<Judged<'a>> {
    let (mut judged, mut costs, mut burned) = (Vec::new(), Vec::new(), 0);
    let policy: &Policy = run.policy;
    for golden in run.golden {
        let judge = |events: &[&Event]| policy.try_judge(settings, events, &Dependencies::default(), depth);
        let trial = judge(&[&golden.event]);
        if let Some(mut cost) = trial.costs.get(depth).copied().flatten() {
            // What a call burns once, however many events it has, has a budget of its own.
            if trial.verdicts.is_ok() {
                let twice = judge(&[&golden.event; 2]).costs.get(depth).copied().flatten();
                cost.fuel = twice.map_or(cost.fuel, |twice| twice.fuel.saturating_sub(cost.fuel));
            }
            costs.push(cost);
        }
        match trial.verdicts {
            Ok(verdicts) => judged.extend(verdicts.into_iter().map(|verdict| Judged {
                name: &golden.name,
                event: &golden.event,
                verdict,
            })),
            // Otherwise it is the fault of a layer below.
            Err(fault) if fault.layer == run.layer => {
                let (function, kind) = (fault.fault.function, fault.fault.kind.as_str());
                let witness = format!("{}: {}", golden.name, fault.fault.message);
                run.find(CheckRule::JudgeAnswers, format!("{function} fails ({kind})"), witness);
                burned += usize::from(fault.fault.kind == FaultKind::Fuel);
            }
            Err(_) => {}
        }
        if burned >= BURNED {
            run.note(format!("After {BURNED} events that burned all their fuel, the others were not tried."));
            break;
        }
    }
    cost(run, costs.iter().map(|cost| cost.fuel).collect(), costs.iter().map(|cost| cost.memory_bytes).collect());
    judged
}

fn cost(run: &mut Run<'_>, fuel: Vec<u64>, memory: Vec<usize>) {
    let limits = Limits::default();
    let (fuel, memory) = (p99(fuel), p99(memory));
    let witness = "the events that cost most";
    if fuel > limits.fuel_per_event {
        let limit = count(limits.fuel_per_event);
        run.find(CheckRule::Fuel, format!("an event takes {} fuel at p99, above {limit}", count(fuel)), witness);
    }
    let half = limits.memory_bytes / 2;
    if memory > half {
        let (memory, half) = (bytes(memory as u64), bytes(half as u64));
        run.find(CheckRule::Memory, format!("an event takes {memory} at p99, above {half}"), witness);
    }
    run.report.fuel_p99 = run.report.fuel_p99.max(fuel);
    run.report.memory_p99 = run.report.memory_p99.max(memory);
}

/// The value that a hundredth is above.
fn p99<T: Ord + Default>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    let at = values.len().saturating_sub(1) - values.len() / 100;
    values.into_iter().nth(at).unwrap_or_default()
}

/// All together, the other way round, and in small batches.
fn batches(run: &mut Run<'_>, settings: &Settings, judged: &[Judged<'_>], depth: usize) {
    if judged.is_empty() {
        return;
    }
    let forward: Vec<_> = judged.iter().collect();
    let backward: Vec<_> = judged.iter().rev().collect();
    let small = forward.chunks(SMALL).map(<[_]>::to_vec);
    for batch in small.chain([forward.clone(), backward]) {
        let events: Vec<_> = batch.iter().map(|one| one.event).collect();
        match run.policy.try_judge(settings, &events, &Dependencies::default(), depth).verdicts {
            Ok(verdicts) => {
                let other = batch.iter().zip(verdicts).filter(|(alone, verdict)| alone.verdict != *verdict);
                for (alone, _) in other {
                    run.find(CheckRule::JudgeBatch, "an event gets another verdict in another batch", alone.name);
                }
            }
            Err(fault) if fault.layer == run.layer => {
                let witness = format!("{} events: {}", events.len(), fault.fault.message);
                run.find(CheckRule::JudgeBatch, "it fails on a batch of events that it judges one by one", witness);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::p99;

    #[test]
    fn one_of_a_hundred_is_left_out() {
        assert_eq!(p99((0..100).collect::<Vec<u64>>()), 98);
        assert_eq!(p99((0..300).collect::<Vec<u64>>()), 296);
        assert_eq!((p99(vec![7]), p99(Vec::<u64>::new())), (7, 0));
    }
}
