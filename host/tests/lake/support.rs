//! A log with a manual clock, and its lake.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::lake::{Lake, LakeOptions, LakeReport, verify_lake};
use mcp_audit_log::ledger::VerifierKey;
use mcp_audit_log::reader::StoreError;
use mcp_audit_log::time::{Clock, DAY, ManualClock, Timestamp};
use mcp_audit_log::{AuditLog, OpenError, Options, Viewer};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) data: TempDir,
    pub(crate) lake: TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time"));
        let folder = || tempfile::tempdir().expect("a folder");
        Self { data: folder(), lake: folder(), clock: Arc::new(clock) }
    }

    pub(crate) fn options(&self) -> Options {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Options::new(self.data.path()).clock(clock).own_schedule().believe_clock()
    }

    pub(crate) fn lake_options(&self) -> LakeOptions {
        LakeOptions::new(lake_at(self.lake.path()), Viewer::new("sink:lake", ["auditor"]))
    }

    pub(crate) fn open(&self) -> AuditLog {
        opened(|| self.options().lake(self.lake_options()))
    }

    /// A lake with a segment for each of so many days.
    pub(crate) async fn with_days(days: usize) -> (Self, AuditLog) {
        let world = Self::new();
        let log = world.open();
        for _ in 0..days {
            world.day(&log).await;
        }
        (world, log)
    }

    /// Records some entries, and lets a day pass.
    pub(crate) async fn day(&self, log: &AuditLog) {
        for tool in ["search", "fetch", "search"] {
            record(log, tool).await;
        }
        self.clock.advance(DAY);
        sealed(log);
    }
}

/// Opens a log. The lake's thread may hold the one of before for another moment.
pub(crate) fn opened(options: impl Fn() -> Options) -> AuditLog {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match options().open() {
            Err(OpenError::Store(StoreError::InUse(_))) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.expect("a log"),
        }
    }
}

pub(crate) fn lake_at(folder: &Path) -> Lake {
    Lake::at(folder.to_str().expect("a path")).expect("a lake")
}

pub(crate) fn verify(folder: &Path, keys: &[VerifierKey]) -> LakeReport {
    verify_lake(&lake_at(folder), keys, &|_, _| {}).expect("a lake")
}

pub(crate) fn keys(log: &AuditLog) -> Vec<VerifierKey> {
    log.view().verifier_keys().expect("keys").iter().map(|key| VerifierKey::parse(key).expect("a key")).collect()
}

pub(crate) async fn record(log: &AuditLog, tool: &str) {
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok).fact("note", "ä\u{1f600}");
    let event = Event { method: Some("tools/call".into()), target: Some(Target::Tool(tool.into())), ..event };
    log.record_durably(event).await.expect("stored");
}

/// Waits until a condition is true.
pub(crate) fn until(log: &AuditLog, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{:?}", log.sinks());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The `seq` up to which the log knows that its lake has everything.
pub(crate) fn watermark(log: &AuditLog) -> u64 {
    log.view().stored_sink("lake").expect("read").map_or(0, |stored| stored.watermark)
}

/// Waits until the lake has every entry.
pub(crate) fn sealed(log: &AuditLog) {
    let admin = log.view().access(&Viewer::new("root", ["admin"]));
    let next = || {
        let newest = log.view().reader(&admin).page(Domain::TRUE, None, 1).expect("a page");
        newest.entries.first().map_or(0, |entry| entry.seq + 1)
    };
    until(log, || watermark(log) == next());
}

/// All files in a folder, sorted, below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).expect("a folder") {
            let path = item.expect("an item").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The files that end so.
pub(crate) fn ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}
