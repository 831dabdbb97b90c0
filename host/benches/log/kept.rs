//! Logs of a given size for read-only benchmarks: kept for later runs, or temporary.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::TempDir;

use crate::support::{Outcome, World, folder};
use crate::table::figure;
use crate::traffic::Traffic;

/// The log to read.
#[derive(Args)]
pub(crate) struct Which {
    /// How many entries.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// A folder in which logs are kept for the next run, one of each size.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    pub(crate) small: bool,
}

/// A closed log.
pub(crate) struct Kept {
    pub(crate) folder: PathBuf,
    pub(crate) entries: u64,
    /// Deletes the log when dropped, unless it is to be kept.
    _temporary: Option<TempDir>,
}

impl Which {
    /// Opens the kept log, or makes a log.
    pub(crate) fn open(&self) -> Outcome<Kept> {
        self.open_as("entries", |entries| Traffic::new(entries, 40))
    }

    /// The same with traffic of another kind.
    pub(crate) fn open_as(&self, kind: &str, traffic: fn(u64) -> Traffic) -> Outcome<Kept> {
        let entries = if self.small { 2_000 } else { self.entries };
        let Some(kept) = &self.log else {
            let temporary = folder()?;
            make(temporary.path(), entries, traffic(entries))?;
            return Ok(Kept { folder: temporary.path().to_owned(), entries, _temporary: Some(temporary) });
        };
        let folder = kept.join(format!("{kind}-{entries}"));
        let complete = folder.join("complete");
        if !complete.is_file() {
            // What was left half made is made again.
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder)?;
            make(&folder, entries, traffic(entries))?;
            fs::write(complete, "")?;
        }
        Ok(Kept { folder, entries, _temporary: None })
    }
}

fn make(folder: &Path, entries: u64, mut traffic: Traffic) -> Outcome {
    println!("\nmaking a log of {} entries", figure(entries as f64));
    let world = World::open(folder)?;
    let mut made = 0;
    while made < entries {
        let events: Vec<_> = traffic.by_ref().take(10_000.min(entries - made) as usize).collect();
        made += events.len() as u64;
        world.feed(events)?;
    }
    world.log.close();
    Ok(())
}
