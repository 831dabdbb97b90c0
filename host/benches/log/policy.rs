//! What judging costs in the sandbox, against the same rules compiled for this machine.

use std::time::Instant;

use clap::Args;
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::settings::Settings;

use crate::native;
use crate::support::Outcome;
use crate::table::{Sample, Table, figure};
use crate::traffic::{Traffic, beginning};

/// The default policy's judgement of events, in the sandbox and natively, by the size of the batch.
#[derive(Args)]
pub(crate) struct Judging {
    /// Events of each batch size.
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    /// How many events in a call (repeatable).
    #[arg(long, default_values_t = [1, 16, 100, 256, 1_024])]
    batch: Vec<usize>,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

impl Judging {
    pub(crate) fn run(self) -> Outcome {
        let events = if self.small { 2_048 } else { self.events };
        let policy = Policy::builtin(Limits::default(), beginning())?;
        let settings = Settings::load(&policy.manifest().settings, &Default::default());
        let mut table =
            Table::new(&["events in a call", "sandbox µs", "native µs", "sandbox ÷ native", "native, rules alone µs"]);
        for batch in self.batch {
            let [sandbox, native, rules] = compare(&policy, &settings, batch, events)?;
            let figures = [sandbox, native, sandbox / native, rules].map(figure);
            table.row([batch.to_string()].into_iter().chain(figures));
        }
        table.print("policy: judging one event");
        Ok(())
    }
}

/// What one event takes in the sandbox, natively, and by the rules alone, measured by turns. Of all turns the fastest
/// tenth counts: what is slower than that was interrupted by something else on the machine.
fn compare(policy: &Policy, settings: &Settings, batch: usize, events: usize) -> Outcome<[f64; 3]> {
    let traffic: Vec<_> = Traffic::new(1_000_000, 40).take(events.min(16 * batch)).collect();
    let mut turns = [const { None }; 3].map(|_: Option<()>| Sample::default());
    for turn in 0..events / batch {
        let events = traffic.chunks(batch).nth(turn % traffic.len().div_ceil(batch)).ok_or("no events")?;
        let begun = Instant::now();
        let verdicts = policy.judge(settings, events);
        turns[0].add(begun.elapsed());
        if let Some(fault) = verdicts.into_iter().find_map(Result::err) {
            return Err(fault.into());
        }
        let begun = Instant::now();
        std::hint::black_box(native::judge(settings, events));
        turns[1].add(begun.elapsed());
        turns[2].add(native::rules_alone(events));
    }
    Ok(turns.map(|mut turns| turns.percentile(10.0) / batch as f64))
}
