//! The cost of `record()` for its caller.

use std::time::{Duration, Instant};

use clap::Args;
use mcp_audit_log::Event;

use crate::support::{Outcome, World, folder};
use crate::table::{Sample, Table, figure};
use crate::traffic::Traffic;

/// The cost of `record()` for its caller: at a pace that the recorder keeps up with, in a burst, and when it is full.
#[derive(Args)]
pub(crate) struct Caller {
    /// Calls of each kind.
    #[arg(long, default_value_t = 100_000)]
    calls: u64,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

/// The pause between two calls at a steady pace.
const PACE: Duration = Duration::from_micros(100);
/// The number of calls in a burst: less than the queue holds.
const BURST: usize = 10_000;

impl Caller {
    pub(crate) fn run(self) -> Outcome {
        let calls = if self.small { 2_000 } else { self.calls };
        let folder = folder()?;
        let world = World::open(folder.path())?;
        let mut traffic = Traffic::new(calls, 1);
        let mut table = Table::new(&["record()", "calls", "median µs", "p99 µs", "p99.9 µs"]);
        let nothing = measured(vec![(); calls as usize], |()| true, |_| {});
        row(&mut table, "two looks at the clock, alone", nothing.0);
        let events: Vec<_> = traffic.by_ref().take(calls as usize / 5).collect();
        row(&mut table, "one event every 100 µs", self.paced(&world, events).0);
        let mut burst = Sample::default();
        for _ in 0..calls.div_ceil(BURST as u64) {
            let events: Vec<_> = traffic.by_ref().take(BURST.min(calls as usize)).collect();
            burst.extend(self.at_once(&world, events).0);
            world.feed(traffic.by_ref().take(1).collect())?;
        }
        row(&mut table, "bursts of 10,000 events", burst);
        let events: Vec<_> = traffic.by_ref().take(calls as usize).collect();
        let (taken, refused) = self.at_once(&world, events);
        row(&mut table, "without end: taken", taken);
        row(&mut table, "without end: refused, since the queue is full", refused);
        table.print("caller: what record() costs");
        Ok(())
    }

    fn paced(&self, world: &World, events: Vec<Event>) -> (Sample, Sample) {
        let mut due = Instant::now();
        measured(
            events,
            |event| world.log.record(event).is_ok(),
            |_| {
                due += PACE;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            },
        )
    }

    fn at_once(&self, world: &World, events: Vec<Event>) -> (Sample, Sample) {
        measured(events, |event| world.log.record(event).is_ok(), |_| {})
    }
}

/// The durations of the calls that returned true, and of the others.
fn measured<T>(items: Vec<T>, mut call: impl FnMut(T) -> bool, mut before: impl FnMut(usize)) -> (Sample, Sample) {
    let (mut taken, mut refused) = (Sample::default(), Sample::default());
    for (at, item) in items.into_iter().enumerate() {
        before(at);
        let begun = Instant::now();
        let ok = call(item);
        let took = begun.elapsed();
        if ok { taken.add(took) } else { refused.add(took) }
    }
    (taken, refused)
}

fn row(table: &mut Table, name: &str, mut sample: Sample) {
    let count = sample.len().to_string();
    let percentiles = [50.0, 99.0, 99.9].map(|percent| figure(sample.percentile(percent)));
    table.row([name.to_owned(), count].into_iter().chain(percentiles));
}
