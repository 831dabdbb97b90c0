//! What judging costs in the sandbox, against the same rules compiled for this machine.

use std::time::Instant;

use clap::Args;
use mcp_audit::policy::{Limits, Policy};
use mcp_audit::settings::Settings;

use crate::native;
use crate::table::{Table, figure, median};
use crate::traffic::{Traffic, beginning};
use crate::world::Outcome;

/// The default policy's judgement of events, in the sandbox and natively, by the size of the batch.
#[derive(Args)]
pub(crate) struct Judging {
    /// Events of each batch size.
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    /// A run of seconds whose figures mean nothing.
    #[arg(long)]
    small: bool,
}

const BATCHES: [usize; 5] = [1, 16, 100, 256, 1_024];

impl Judging {
    pub(crate) fn run(self) -> Outcome {
        let events = if self.small { 2_048 } else { self.events };
        let policy = Policy::builtin(Limits::default(), beginning())?;
        let settings = Settings::load(&policy.manifest().settings, &Default::default());
        let mut table =
            Table::new(&["events in a call", "sandbox µs", "native µs", "sandbox ÷ native", "native, rules alone µs"]);
        for batch in BATCHES {
            let [sandbox, native, rules] = compare(&policy, &settings, batch, events)?;
            let figures = [sandbox, native, sandbox / native, rules].map(figure);
            table.row([batch.to_string()].into_iter().chain(figures));
        }
        table.print("policy: judging one event");
        Ok(())
    }
}

/// The medians of one event in the sandbox, natively, and of the rules alone, measured by turns.
fn compare(policy: &Policy, settings: &Settings, batch: usize, events: usize) -> Outcome<[f64; 3]> {
    let traffic: Vec<_> = Traffic::new(1_000_000, 40).take(events.min(16 * batch)).collect();
    let mut figures = [const { Vec::new() }; 3];
    for round in 0..events / batch {
        let events = traffic.chunks(batch).nth(round % traffic.len().div_ceil(batch)).ok_or("no events")?;
        let micros = |took: std::time::Duration| took.as_secs_f64() * 1e6 / events.len() as f64;
        let begun = Instant::now();
        let verdicts = policy.judge(settings, events);
        figures[0].push(micros(begun.elapsed()));
        if let Some(fault) = verdicts.into_iter().find_map(Result::err) {
            return Err(fault.into());
        }
        let begun = Instant::now();
        std::hint::black_box(native::judge(settings, events));
        figures[1].push(micros(begun.elapsed()));
        figures[2].push(micros(native::rules_alone(events)));
    }
    Ok(figures.map(median))
}
