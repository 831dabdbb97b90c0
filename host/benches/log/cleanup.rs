//! The effect of the daily cleanup on concurrent recording.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use mcp_audit_log::time::DAY;

use crate::support::{Outcome, World, folder};
use crate::table::{Sample, Table, figure};
use crate::traffic::{Traffic, beginning};

/// How long a durable record takes, idle and while a tenth of the log is removed.
#[derive(Args)]
pub(crate) struct Cleanup {
    /// How many entries the log has before.
    #[arg(long, default_value_t = 200_000)]
    entries: u64,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";
/// Between two records: a steady load of some two hundred in a second.
const PACE: Duration = Duration::from_millis(5);
/// What the default settings keep.
const KEPT_DAYS: i64 = 90;
const SPAN_DAYS: i64 = 40;
const PIECES: usize = 100;

impl Cleanup {
    pub(crate) fn run(self) -> Outcome {
        let (entries, load) = if self.small { (2_000, 20) } else { (self.entries, 2_000) };
        let folder = folder()?;
        let world = World::open(folder.path())?;
        let mut traffic = Traffic::new(entries, SPAN_DAYS);
        // In pieces, since all that is stored together was recorded at one moment; and with checkpoints, since only what
        // an old checkpoint covers is known to be old.
        for _ in 0..PIECES {
            world.feed(traffic.by_ref().take(entries as usize / PIECES).collect())?;
            world.log.run_due()?;
        }
        // A tenth of the span is older than what is kept.
        world.clock.set(beginning().plus((KEPT_DAYS + SPAN_DAYS / 10) * DAY));
        world.log.confirm_clock(&world.access("admin"))?;
        let mut idle = record(&world, &mut traffic, |done| done < load)?;
        let (mut busy, message, took) = while_cleaning(&world, &mut traffic)?;
        let removed = world.log.recorder().gauges().cleanup.entries.load(Ordering::Relaxed);
        if !(entries / 20..=entries / 5).contains(&removed) {
            return Err(
                format!("of {entries} entries a tenth should have been removed, not {removed}: {message}").into()
            );
        }
        let mut table = Table::new(&["durable record", "records", "median µs", "p99 µs", "slowest µs"]);
        for (name, sample) in [("idle", &mut idle), ("during the cleanup", &mut busy)] {
            let count = sample.len().to_string();
            let percentiles = [50.0, 99.0, 100.0].map(|percent| figure(sample.percentile(percent)));
            table.row([name.to_owned(), count].into_iter().chain(percentiles));
        }
        let ratios = [50.0, 99.0, 100.0].map(|at| figure(busy.percentile(at) / idle.percentile(at)));
        table.row(["ratio".to_owned(), String::new()].into_iter().chain(ratios));
        table.print(&format!("cleanup: {message}, in {} s", figure(took.as_secs_f64())));
        Ok(())
    }
}

fn while_cleaning(world: &World, traffic: &mut Traffic) -> Outcome<(Sample, String, Duration)> {
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let cleaning = scope.spawn(|| {
            let begun = Instant::now();
            let state = world.log.run_cron(&world.access("admin"), CLEANUP).map_err(|error| error.to_string());
            running.store(false, Ordering::Relaxed);
            (state, begun.elapsed())
        });
        let sample = record(world, traffic, |_| running.load(Ordering::Relaxed))?;
        let (state, took) = cleaning.join().map_err(|_| "the cleanup panicked")?;
        Ok((sample, state?.last_message.unwrap_or_default(), took))
    })
}

/// Records at a steady pace while it is wanted.
fn record(world: &World, traffic: &mut Traffic, wanted: impl Fn(usize) -> bool) -> Outcome<Sample> {
    let mut sample = Sample::default();
    let mut due = Instant::now();
    while wanted(sample.len()) {
        let event = traffic.next().ok_or("no event")?;
        due += PACE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        world.record_durably(event)?;
        sample.add(begun.elapsed());
    }
    Ok(sample)
}
