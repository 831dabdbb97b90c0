//! The cost of the ledger in recording: its work alone, on entries that were recorded with it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::Args;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::ledger::{Content, Frontier, Hash, Leaf};
use mcp_audit_log::reader::PageAnchor;

use crate::support::{Outcome, World, folder};
use crate::table::{Table, figure};
use crate::threads;
use crate::traffic::Traffic;

/// What the ledger does for an entry, beside all that is done for it. There is no log without a ledger to compare with:
/// one that was recorded so could never be verified.
#[derive(Args)]
pub(crate) struct Sealing {
    /// How many entries.
    #[arg(long, default_value_t = 300_000)]
    entries: u64,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

impl Sealing {
    pub(crate) fn run(self) -> Outcome {
        let entries = if self.small { 2_000 } else { self.entries };
        let folder = folder()?;
        let world = World::open(folder.path())?;
        let before = threads::processor_time();
        let took = world.feed(Traffic::new(entries, 40).take(entries as usize).collect())?;
        let worked = threads::worked_since(&before, entries);
        let (content, tree, read) = alone(&world)?;
        let micros = |time: Duration, count: u64| figure(time.as_secs_f64() * 1e6 / count.max(1) as f64);
        let mut table = Table::new(&["what", "µs an entry"]);
        table.row(["recorded, judged, stored".to_owned(), micros(took, entries)]);
        table.row(["of that, processor time of the recorder's threads".to_owned(), worked]);
        table.row(["content, on the thread that judges".to_owned(), micros(content, read)]);
        table.row(["leaf and tree, on the thread that stores".to_owned(), micros(tree, read)]);
        table.print(&format!("ledger: {} entries", figure(entries as f64)));
        Ok(())
    }
}

/// Repeats the work for every entry. Returns the durations of both parts, and the number of entries.
fn alone(world: &World) -> Outcome<(Duration, Duration, u64)> {
    let access = world.access("admin");
    let (mut content, mut tree, mut read) = (Duration::ZERO, Duration::ZERO, 0);
    let (mut frontier, mut from) = (Frontier::default(), PageAnchor::Newest);
    loop {
        let page = world.log.view().reader(&access).page(Domain::TRUE, from, 500)?;
        let began = Instant::now();
        let hashes: Vec<Hash> = page.entries.iter().map(|entry| Content::of(entry).hash()).collect();
        content += began.elapsed();
        let began = Instant::now();
        let leaf = |(entry, hash): (&Entry, Hash)| Leaf::new(entry.seq, entry.recorded_at.as_micros(), hash).hash();
        page.entries.iter().zip(hashes).for_each(|found| frontier.push(leaf(found), |_, _| {}));
        black_box(frontier.root());
        tree += began.elapsed();
        read += page.entries.len() as u64;
        let Some(next) = page.next else { return Ok((content, tree, read)) };
        from = PageAnchor::Before(next);
    }
}
