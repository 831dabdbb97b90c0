//! What policies cost, measured by turns on the golden events, so that what else the machine does falls on all of them.

use std::time::Instant;

use mcp_audit_log_contract::depends::Dependencies;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_sandbox::{CallCost, LayerFault, Policy};
use serde::Serialize;

use crate::golden;
use crate::judging::payloads_on;

/// The events of a large batch, as many as the recorder hands over at once.
const BATCH: usize = 256;
/// How many calls are timed together where one is short.
const CALLS: usize = 32;
/// How often a measurement is tried in one round.
const TRIES: usize = 3;
/// Rounds that warm up and are not counted.
const WARM: usize = 3;

/// What is measured, in the order of a report.
pub const MEASURES: [&str; 5] = [
    "µs an event, 256 in a call",
    "µs an event, alone",
    "µs an event, remembered",
    "µs an instance, without events",
    "µs a grant",
];

/// The middle of many measurements, and between what half of them lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The first quartile.
    pub low: f64,
    /// The third quartile.
    pub high: f64,
}

/// What one policy costs.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyFigures {
    /// Its name and version.
    pub title: String,
    /// The size of all its components, in bytes.
    pub bytes: usize,
    /// Times in the order of [`MEASURES`].
    pub times: Vec<Spread>,
    /// Fuel an event of a large batch, with all extensions. The same in every run.
    pub fuel: u64,
    /// Memory of the largest instance after a large batch, in bytes.
    pub memory_bytes: usize,
}

/// Figures of some policies.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Each of them.
    pub policies: Vec<PolicyFigures>,
    /// The second against the first, by the times of each round, in the order of [`MEASURES`].
    pub ratios: Vec<Spread>,
}

/// One policy and what it is asked.
struct Contender<'a> {
    policy: &'a Policy,
    settings: Settings,
    layers: usize,
    /// The golden events that it judges.
    events: Vec<&'a Event>,
    /// Microseconds by measure.
    times: [Vec<f64>; MEASURES.len()],
}

/// Measures one policy, or two by turns.
///
/// # Errors
/// A policy judges none of the golden events.
pub fn bench(policies: &[&Policy], rounds: usize) -> Result<BenchReport, LayerFault> {
    let golden = golden::events();
    let mut contenders = Vec::new();
    for policy in policies {
        contenders.push(Contender::new(policy, golden.iter().map(|golden| &golden.event).collect())?);
    }
    for round in 0..rounds + WARM {
        // The one that begins is another one each time.
        let count = contenders.len().max(1);
        for at in 0..contenders.len() {
            if let Some(contender) = contenders.get_mut((at + round) % count) {
                contender.round(round >= WARM);
            }
        }
    }
    let ratios = match contenders.as_slice() {
        [first, second] => {
            let ratio = |(second, first): (&Vec<f64>, &Vec<f64>)| {
                spread(second.iter().zip(first).map(|(second, first)| second / first).collect())
            };
            second.times.iter().zip(&first.times).map(ratio).collect()
        }
        _ => Vec::new(),
    };
    Ok(BenchReport { policies: contenders.iter().map(Contender::figures).collect(), ratios })
}

impl<'a> Contender<'a> {
    fn new(policy: &'a Policy, golden: Vec<&'a Event>) -> Result<Self, LayerFault> {
        let (settings, layers) = (payloads_on(policy), policy.layers().len());
        let judge = |event: &Event| policy.try_judge(&settings, &[event], &Dependencies::default(), layers).verdicts;
        let mut fault = None;
        let judged =
            golden.into_iter().filter(|event| judge(event).inspect_err(|new| fault = Some(new.clone())).is_ok());
        let judged: Vec<_> = judged.collect();
        match fault {
            Some(fault) if judged.is_empty() => return Err(fault),
            _ => {}
        }
        let events = judged.iter().copied().cycle().take(BATCH).collect();
        Ok(Self { policy, settings, layers, events, times: Default::default() })
    }

    fn judge(&self, events: &[&Event]) -> Vec<CallCost> {
        let trial = self.policy.try_judge(&self.settings, events, &Dependencies::default(), self.layers);
        trial.costs.into_iter().flatten().collect()
    }

    fn round(&mut self, counts: bool) {
        let owned: Vec<Event> = self.events.iter().map(|event| (*event).clone()).collect();
        let group = self.policy.manifest().groups.first().map(|group| group.name.as_str());
        let viewer = crate::inspect::viewer(group.as_slice(), None);
        let several = self.events.iter().step_by(BATCH / CALLS).copied();
        let times = [
            timed(self.events.len(), || drop(self.judge(&self.events))),
            timed(CALLS, || several.clone().for_each(|event| drop(self.judge(&[event])))),
            timed(owned.len(), || drop(self.policy.judge(&self.settings, &owned))),
            timed(CALLS, || (0..CALLS).for_each(|_| drop(self.judge(&[])))),
            timed(CALLS, || {
                (0..CALLS).for_each(|_| drop(self.policy.own_access(&self.settings, &viewer, golden::NOW)));
            }),
        ];
        if counts {
            self.times.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
        }
    }

    fn figures(&self) -> PolicyFigures {
        let costs = self.judge(&self.events);
        let extensions = self.policy.extensions();
        let title = std::iter::once(format!("{} {}", self.policy.manifest().name, self.policy.manifest().version))
            .chain(extensions.iter().map(|one| format!("{} {}", one.name, one.version)));
        PolicyFigures {
            title: crate::shown::list(title),
            bytes: self.policy.component_bytes() + extensions.iter().map(|one| one.bytes).sum::<usize>(),
            times: self.times.iter().map(|times| spread(times.clone())).collect(),
            fuel: costs.iter().map(|cost| cost.fuel).sum::<u64>() / BATCH as u64,
            memory_bytes: costs.iter().map(|cost| cost.memory_bytes).max().unwrap_or_default(),
        }
    }
}

/// Microseconds for each of `parts`: the best of some tries, since other work on the machine only ever adds.
fn timed(parts: usize, mut work: impl FnMut()) -> f64 {
    let took = (0..TRIES).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    });
    took.min().unwrap_or_default().as_secs_f64() * 1e6 / parts.max(1) as f64
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let at = |part: usize| values.get(values.len() * part / 4).or(values.last()).copied().unwrap_or_default();
    Spread { median: at(2), low: at(1), high: at(3) }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_sandbox::Limits;

    use super::*;

    #[test]
    fn half_of_the_values_lie_within_the_spread() {
        let values = (1..=8).map(f64::from).rev().collect();
        assert_eq!(spread(values), Spread { low: 3.0, median: 5.0, high: 7.0 });
        assert_eq!(spread(Vec::new()), Spread::default());
    }

    #[test]
    fn a_policy_costs_the_same_fuel_as_itself() {
        let load = || Policy::builtin(Limits::default(), golden::NOW).expect("the default policy");
        let report = bench(&[&load(), &load()], 2).expect("it judges");
        let [first, second] = &report.policies[..] else { panic!("two policies") };
        assert!(first.fuel > 0 && first.memory_bytes > 0 && first.bytes > 0);
        assert_eq!((first.fuel, first.memory_bytes, report.ratios.len()), (second.fuel, second.memory_bytes, 5));
        assert!(first.times.iter().all(|time| time.median > 0.0 && time.low <= time.high));
    }
}
