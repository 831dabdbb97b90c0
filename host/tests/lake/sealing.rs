//! When segments are sealed, what survives kills, and what entries about the lake say.

use std::fs;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::time::{DAY, HOUR};
use mcp_audit_log::{AuditLog, Viewer};

use crate::support::{World, ending, files, keys, opened, record, sealed, until, verify, watermark};

fn of_action(log: &AuditLog, action: &str) -> Vec<Entry> {
    let access = log.view().access(&Viewer::new("anna", ["admin"]));
    let domain = Domain::equals(Field::Action, action);
    log.view().reader(&access).page(domain, None, 500).expect("a page").entries
}

#[tokio::test]
async fn a_segment_is_sealed_when_its_day_is_over_and_is_never_written_again() {
    let world = World::new();
    let log = world.open();
    record(&log, "search").await;
    world.clock.advance(6 * HOUR);
    record(&log, "search").await;
    until(&log, || log.sinks()[0].status.arrived == Some(0));
    assert!(files(world.lake.path()).is_empty(), "the day is not over");
    let first_day = *log.appended().borrow();
    world.clock.advance(12 * HOUR);
    record(&log, "fetch").await;
    until(&log, || watermark(&log) == first_day);
    let written: Vec<_> =
        files(world.lake.path()).into_iter().map(|path| (fs::read(&path).expect("read"), path)).collect();
    let names: Vec<_> =
        written.iter().map(|(_, path)| path.strip_prefix(world.lake.path()).expect("below it")).collect();
    assert!(names[0].starts_with(names[1].parent().and_then(|path| path.parent()).expect("the log's folder")));
    assert!(
        names[0].to_string_lossy().contains(&format!("/day=2026-01-01/{:020}-{first_day:020}.parquet", 0)),
        "{names:?}"
    );
    drop(log);

    // The next day is sealed after a restart, with the stop and the start in it.
    let log = world.open();
    world.clock.advance(DAY);
    sealed(&log);
    assert!(written.iter().all(|(bytes, path)| fs::read(path).expect("read") == *bytes), "nothing is rewritten");
    let report = verify(world.lake.path(), &keys(&log));
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let [found] = report.logs.as_slice() else { unreachable!("{report:?}") };
    assert_eq!((found.segments, found.entries, found.seqs.clone()), (2, watermark(&log), 0..watermark(&log)));
    assert!(keys(&log).iter().any(|key| key.name() == found.origin), "{found:?}");
    assert!(found.time.is_some() && found.absent.is_empty(), "{found:?}");
    assert_eq!(of_action(&log, "lake.began").len(), 1, "and not at each start");
    let started = of_action(&log, "log.started");
    assert!(started[0].details["sinks"].as_str().is_some_and(|sinks| sinks.contains("lake at ")), "{started:?}");
}

#[tokio::test]
async fn what_a_kill_leaves_is_compared_and_finished() {
    let (world, log) = World::with_days(2).await;
    drop(log);
    let log = opened(|| world.options());
    let access = log.view().access(&Viewer::new("anna", ["admin"]));
    let manifests = ending(world.lake.path(), ".json");
    let rows = ending(world.lake.path(), ".parquet");
    let before: Vec<_> = rows.iter().map(|path| fs::read(path).expect("read")).collect();

    // Everything is there, and the watermark was not stored: the answer was lost.
    log.rewind_sink(&access, "lake", 0).expect("set back");
    drop(log);
    let log = world.open();
    world.clock.advance(DAY);
    sealed(&log);
    assert!(verify(world.lake.path(), &keys(&log)).faults.is_empty());
    drop(log);

    // The rows are there, the manifest is not, and something half written is.
    let log = opened(|| world.options());
    log.rewind_sink(&access, "lake", 0).expect("set back");
    drop(log);
    fs::remove_file(&manifests[1]).expect("removed");
    fs::write(manifests[1].with_extension("json.partial"), "{").expect("written");
    let log = world.open();
    world.clock.advance(DAY);
    sealed(&log);
    assert!(verify(world.lake.path(), &keys(&log)).faults.is_empty());
    assert!(rows.iter().zip(&before).all(|(path, bytes)| fs::read(path).expect("read") == *bytes));
    assert!(ending(world.lake.path(), ".partial").is_empty());
    assert!(of_action(&log, "sink.failing").is_empty(), "nothing of this is a failure");
}

#[tokio::test]
async fn another_file_in_the_place_of_a_segment_is_never_overwritten() {
    let (world, log) = World::with_days(1).await;
    drop(log);
    let rows = ending(world.lake.path(), ".parquet");
    let manifests = ending(world.lake.path(), ".json");
    fs::remove_file(&manifests[0]).expect("removed");
    fs::write(&rows[0], "something else").expect("written");
    let log = opened(|| world.options());
    let access = log.view().access(&Viewer::new("anna", ["admin"]));
    log.rewind_sink(&access, "lake", 0).expect("set back");
    drop(log);
    let log = world.open();
    until(&log, || of_action(&log, "sink.failing").len() == 1);
    assert!(log.sinks()[0].status.conflict);
    let why = of_action(&log, "sink.failing")[0].details["reason"].to_string();
    assert!(why.contains("is there already and is another file: its rows cannot be read"), "{why}");
    assert_eq!(fs::read(&rows[0]).expect("read"), b"something else");
    fs::remove_file(&rows[0]).expect("removed");
    until(&log, || of_action(&log, "sink.recovered").len() == 1);
    world.clock.advance(DAY);
    sealed(&log);
    assert!(verify(world.lake.path(), &keys(&log)).faults.is_empty());
}

#[tokio::test]
async fn a_lake_needs_a_viewer_who_sees_everything_and_its_folder() {
    let world = World::new();
    let lake = world.lake_options();
    let one =
        mcp_audit_log::lake::LakeOptions::new(crate::support::lake_at(world.lake.path()), Viewer::new("uma", ["user"]));
    let log = opened(|| world.options().lake(one.clone()));
    record(&log, "search").await;
    world.clock.advance(DAY);
    until(&log, || log.sinks()[0].status.failing.is_some());
    assert!(files(world.lake.path()).is_empty());
    drop(log);
    fs::remove_dir(world.lake.path()).expect("removed");
    let log = opened(|| world.options().lake(lake.clone()));
    until(&log, || log.sinks()[0].status.failing.as_deref().is_some_and(|why| why.contains("is missing: create it")));
    fs::create_dir(world.lake.path()).expect("created");
    world.clock.advance(DAY);
    sealed(&log);
    assert_eq!(verify(world.lake.path(), &[]).logs[0].entries, watermark(&log));
}
