//! The cost of judging in the sandbox, compared with the same rules compiled for this machine, and of several stacks.

use std::path::Path;
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
    /// Instead, compares policies by turns, with batches of 256: `default` or a file, and `+FILE` for each extension
    /// (repeatable).
    #[arg(long)]
    stack: Vec<String>,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

impl Judging {
    pub(crate) fn run(self) -> Outcome {
        let events = if self.small { 2_048 } else { self.events };
        if !self.stack.is_empty() {
            return stacks(&self.stack, events);
        }
        let load = |limits| Policy::builtin(limits, beginning());
        let plain = Limits { verdict_cache_bytes: 0, ..Limits::default() };
        let mut table = Table::new(&[
            "events in a call",
            "sandbox µs",
            "native µs",
            "sandbox ÷ native",
            "native, rules alone µs",
            "with cache µs",
            "cache ÷ sandbox",
            "remembered %",
            "fuel an event",
            "with cache",
        ]);
        for batch in self.batch {
            // New ones for each size, so that nothing is remembered of another.
            let policies = [load(plain)?, load(Limits::default())?];
            let settings = Settings::load(&policies[0].manifest().settings, &Default::default());
            let [sandbox, cached, native, rules] = compare(&policies, &settings, batch, events)?;
            let counts = policies.each_ref().map(|policy| (policy.health().cache(), policy.health().fuel() as f64));
            let [((_, asked), fuel), ((hits, misses), cached_fuel)] = counts;
            let share = 100.0 * hits as f64 / (hits + misses) as f64;
            let fuels = [fuel / asked as f64, cached_fuel / asked as f64];
            let figures = [sandbox, native, sandbox / native, rules, cached, cached / sandbox, share];
            table.row([batch.to_string()].into_iter().chain(figures.into_iter().chain(fuels).map(figure)));
        }
        table.print("policy: judging one event");
        Ok(())
    }
}

/// The events of a call, where several policies are compared.
const TOGETHER: usize = 256;

/// What each of these costs, asked each time and with cached verdicts, and as a ratio to the first.
fn stacks(names: &[String], events: usize) -> Outcome {
    let traffic: Vec<_> = Traffic::new(1_000_000, 40).take(events.min(DIFFERENT)).collect();
    let plain = Limits { verdict_cache_bytes: 0, ..Limits::default() };
    let mut policies = Vec::new();
    for name in names {
        for limits in [plain, Limits::default()] {
            policies.push((stack(name, limits)?, Sample::default()));
        }
    }
    let settings: Vec<_> =
        policies.iter().map(|(policy, _)| Settings::load(&policy.manifest().settings, &Default::default())).collect();
    for batch in 0..events / TOGETHER {
        let events = traffic.chunks_exact(TOGETHER).nth(batch % (traffic.len() / TOGETHER)).ok_or("no events")?;
        for ((policy, turns), settings) in policies.iter_mut().zip(&settings) {
            let begun = Instant::now();
            let verdicts = policy.judge(settings, events);
            turns.add(begun.elapsed());
            if let Some(fault) = verdicts.into_iter().find_map(Result::err) {
                return Err(fault.into());
            }
        }
    }
    let mut table = Table::new(&["policy", "asked µs", "÷ first", "with cache µs", "÷ first", "remembered %"]);
    let medians: Vec<_> = policies.iter_mut().map(|(_, turns)| turns.median() / TOGETHER as f64).collect();
    for ((name, medians_of), pair) in names.iter().zip(medians.chunks(2)).zip(policies.chunks(2)) {
        let (hits, misses) = pair[1].0.health().cache();
        let [asked, cached] = [medians_of[0], medians_of[1]];
        let share = 100.0 * hits as f64 / (hits + misses) as f64;
        let files: Vec<_> = name.split('+').filter_map(|file| Path::new(file).file_name()?.to_str()).collect();
        let figures = [asked, asked / medians[0], cached, cached / medians[1], share].map(figure);
        table.row([files.join(" + ")].into_iter().chain(figures));
    }
    table.print("policy: judging one event, by policies, 256 in a call");
    Ok(())
}

fn stack(name: &str, limits: Limits) -> Outcome<Policy> {
    let read = |file: &str| match file {
        "default" => Ok(Policy::builtin_component().to_vec()),
        file => std::fs::read(file).map_err(|error| format!("{file}: {error}")),
    };
    let mut files = name.split('+');
    let policy = Policy::load(&read(files.next().unwrap_or_default())?, limits, beginning())?;
    let extensions = files.map(read).collect::<Result<Vec<_>, _>>()?;
    if extensions.is_empty() { Ok(policy) } else { Ok(policy.extended(&extensions, beginning())?) }
}

/// The number of different events. After these, the same events come again.
const DIFFERENT: usize = 50_000;

/// The time of one event in the sandbox, with cached verdicts, as native code, and by the rules alone, measured in
/// turns. For each, the fastest tenth of all turns counts, because slower turns were interrupted by other work of the
/// machine. With cached verdicts the median counts, since a turn's time depends on the earlier events.
fn compare(policies: &[Policy; 2], settings: &Settings, batch: usize, events: usize) -> Outcome<[f64; 4]> {
    let traffic: Vec<_> = Traffic::new(1_000_000, 40).take(events.min(DIFFERENT.max(batch))).collect();
    let mut turns = [const { None }; 4].map(|_: Option<()>| Sample::default());
    for turn in 0..events / batch {
        let events = traffic.chunks(batch).nth(turn % traffic.len().div_ceil(batch)).ok_or("no events")?;
        for (policy, turns) in policies.iter().zip(&mut turns) {
            let begun = Instant::now();
            let verdicts = policy.judge(settings, events);
            turns.add(begun.elapsed());
            if let Some(fault) = verdicts.into_iter().find_map(Result::err) {
                return Err(fault.into());
            }
        }
        let begun = Instant::now();
        std::hint::black_box(native::judge(settings, events));
        turns[2].add(begun.elapsed());
        turns[3].add(native::rules_alone(events));
    }
    let percentiles = [10.0, 50.0, 10.0, 10.0].into_iter();
    let mut figures = turns.iter_mut().zip(percentiles).map(|(turns, at)| turns.percentile(at) / batch as f64);
    Ok(std::array::from_fn(|_| figures.next().unwrap_or(f64::NAN)))
}
