//! The speed from `record()` to the disk, with judging in the sandbox, compared with a bare append of the same rows.

use std::time::Duration;

use clap::Args;

use crate::bare::Bare;
use crate::support::{Outcome, World, folder};
use crate::table::{Table, figure, rate};
use crate::threads;
use crate::traffic::Traffic;

/// Recorded, judged and stored durably with all indexes, against a bare append of the same rows in as large batches.
#[derive(Args)]
pub(crate) struct Ingest {
    /// How many entries.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// Only without payloads, or only with those of 2 KB.
    #[arg(long)]
    payloads: Option<bool>,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

/// The size of both bodies together.
const PAYLOAD: usize = 2_048;
/// The number of events that are made before the time is taken.
const CHUNK: u64 = 50_000;

impl Ingest {
    pub(crate) fn run(self) -> Outcome {
        let entries = if self.small { 2_000 } else { self.entries };
        for payload in [0, PAYLOAD] {
            if self.payloads.is_none_or(|wanted| wanted == (payload > 0)) {
                ingest(entries, payload)?;
            }
        }
        Ok(())
    }
}

fn ingest(entries: u64, payload: usize) -> Outcome {
    let folder = folder()?;
    let world = World::open(folder.path())?;
    if payload > 0 {
        world.keep_payloads()?;
    }
    let mut bare = Bare::beside(folder.path())?;
    bare.catch_up(1)?;
    let mut traffic = Traffic::new(entries, 40).with_payload(payload);
    let mut table =
        Table::new(&["entries", "log rows/s", "bare rows/s", "ratio", "entries a commit", "processor µs an entry"]);
    let mut totals = (0, Duration::ZERO, 0, Duration::ZERO);
    for tenth in 1..=10 {
        let commits = world.commits();
        let (fed, took, worked) = feed(&world, &mut traffic, entries / 10)?;
        let batch = fed / (world.commits() - commits).max(1);
        let (copied, copying) = bare.catch_up(batch)?;
        let (log, append) = (rate(fed, took), rate(copied, copying));
        let cells = [figure(log), figure(append), figure(log / append), batch.to_string(), worked];
        table.row([format!("to {}", figure((entries / 10 * tenth) as f64))].into_iter().chain(cells));
        totals = (totals.0 + fed, totals.1 + took, totals.2 + copied, totals.3 + copying);
    }
    let (log, append) = (rate(totals.0, totals.1), rate(totals.2, totals.3));
    let cells = [figure(log), figure(append), figure(log / append), String::new(), String::new()];
    table.row(["all".to_owned()].into_iter().chain(cells));
    let what = if payload > 0 { "with payloads of 2 KB" } else { "metadata only" };
    table.print(&format!("ingest: {} entries, {what}", figure(entries as f64)));
    Ok(())
}

/// Feeds `count` events. The time does not include making them.
fn feed(world: &World, traffic: &mut Traffic, count: u64) -> Outcome<(u64, Duration, String)> {
    let (mut fed, mut took) = (0, Duration::ZERO);
    let before = threads::processor_time();
    while fed < count {
        let events: Vec<_> = traffic.by_ref().take(CHUNK.min(count - fed) as usize).collect();
        fed += events.len() as u64;
        took += world.feed(events)?;
    }
    Ok((fed, took, threads::worked_since(&before, fed)))
}
