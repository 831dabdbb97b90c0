//! Old segments leave the lake: the manifest first, the rows a day later, what is held stays, and all of it is proved.

use std::fs;
use std::path::Path;

use mcp_audit_log::hold::NewHold;
use mcp_audit_log::time::DAY;
use mcp_audit_log::{AuditLog, Viewer};

use crate::support::{World, ending, files, keys, opened, record, sealed, verify};

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

/// Runs the daily cleanup, and returns its message.
fn clean(log: &AuditLog) -> String {
    let admin = log.view().access(&Viewer::new("anna", ["admin"]));
    log.sign().expect("signed");
    log.run_cron(&admin, CLEANUP).expect("run").last_message.expect("a message")
}

/// The numbers of manifests, of records of removals, and of files with rows.
fn counts(lake: &Path) -> [usize; 3] {
    let of = |folder: &str| files(lake).iter().filter(|path| path.to_string_lossy().contains(folder)).count();
    [of("/manifests/"), of("/removed/"), ending(lake, ".parquet").len()]
}

async fn days(world: &World, log: &AuditLog, days: usize) {
    for _ in 0..days {
        record(log, "search").await;
        log.sign().expect("signed");
        world.clock.advance(DAY);
        sealed(log);
    }
}

#[tokio::test]
async fn manifests_go_first_and_rows_a_day_later_and_what_stays_is_proved() {
    let world = World::new();
    let log = opened(|| world.options().lake(world.lake_options().keep_days(5)));
    days(&world, &log, 8).await;
    assert_eq!(counts(world.lake.path()), [8, 0, 8]);
    let message = clean(&log);
    assert!(message.ends_with("segments removed from the lake"), "{message}");
    let [manifests, removed, rows] = counts(world.lake.path());
    assert!(removed > 0 && manifests + removed == 8 && rows == 8, "{manifests} {removed} {rows}");

    // The entry about it is in no segment yet: nothing is wrong, and the beginning is not explained.
    let report = verify(world.lake.path(), &keys(&log));
    let [absent] = report.logs[0].absent.as_slice() else { unreachable!("{report:?}") };
    assert!(report.faults.is_empty() && absent.range.start == 0 && absent.entry.is_none(), "{report:?}");

    world.clock.advance(DAY);
    sealed(&log);
    clean(&log);
    let [_, more, rows] = counts(world.lake.path());
    assert_eq!(rows, 9 - removed, "rows whose manifest went a day ago are gone, and no others");
    assert!(more > removed, "the next one is old enough");
    world.clock.advance(DAY);
    sealed(&log);
    let report = verify(world.lake.path(), &keys(&log));
    let [absent] = report.logs[0].absent.as_slice() else { unreachable!("{report:?}") };
    assert!(report.faults.is_empty() && absent.range.start == 0 && absent.entry.is_some(), "{report:?}");

    // A person who removes one more segment cannot write the record of that.
    let path = ending(world.lake.path(), ".json").into_iter().find(|path| path.to_string_lossy().contains("manifests"));
    let path = path.expect("a manifest");
    let forged = path.to_string_lossy().replace("manifests", "removed");
    let text = fs::read_to_string(&path).expect("text");
    let record = serde_json::json!({
        "format": "mcp-audit-log-removed-v1",
        "removed_at": "2026-01-08T12:00:00.000000Z",
        "manifest": serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
    });
    fs::write(forged, record.to_string()).expect("written");
    fs::remove_file(&path).expect("removed");
    let report = verify(world.lake.path(), &keys(&log));
    assert!(report.logs[0].absent.iter().any(|absent| absent.entry.is_none()), "{report:?}");
}

#[tokio::test]
async fn a_hold_and_a_jump_of_the_clock_keep_segments() {
    let world = World::new();
    let options = world.options().lake(world.lake_options().keep_days(5));
    let log = options.open().expect("a log");
    days(&world, &log, 3).await;
    let held = log.view().now();
    days(&world, &log, 8).await;
    let admin = log.view().access(&Viewer::new("anna", ["admin"]));
    log.place_hold(&admin, NewHold::new(held, "case 7")).expect("placed");
    clean(&log);
    let [manifests, removed, _] = counts(world.lake.path());
    assert_eq!(manifests + removed, 11);
    assert!((1..=3).contains(&removed), "what was recorded from the hold on stays: {removed}");
    drop(log);

    let world = World::new();
    let clock = std::sync::Arc::clone(&world.clock) as std::sync::Arc<dyn mcp_audit_log::time::Clock>;
    let options = mcp_audit_log::Options::new(world.data.path()).clock(clock).own_schedule();
    let log = options.lake(world.lake_options().keep_days(5)).open().expect("a log");
    days(&world, &log, 2).await;
    world.clock.advance(4_000 * DAY);
    clean(&log);
    assert_eq!(counts(world.lake.path())[1], 0, "no operator confirmed the clock");
}

#[tokio::test]
async fn a_lake_that_is_away_does_not_keep_the_log_from_its_cleanup() {
    let world = World::new();
    let log = opened(|| world.options().lake(world.lake_options().keep_days(5)));
    days(&world, &log, 8).await;
    fs::rename(world.lake.path(), world.lake.path().with_extension("away")).expect("renamed");
    let message = clean(&log);
    assert!(message.contains("old segments stay in the lake until the next run: the folder "), "{message}");
}
