//! Entries that are not in a lake: which entries explain them, and what explains nothing.

use std::fs;

use mcp_audit_log::time::DAY;
use mcp_audit_log::{AuditLog, Viewer};

use crate::support::{World, ending, keys, opened, record, sealed, until, verify, watermark};

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

fn clean(log: &AuditLog) -> String {
    let admin = log.view().access(&Viewer::new("anna", ["admin"]));
    log.sign().expect("signed");
    log.run_cron(&admin, CLEANUP).expect("run").last_message.expect("a message")
}

#[tokio::test]
async fn what_the_lake_does_not_have_stays_up_to_the_bound_and_then_a_proved_entry_names_the_gap() {
    let world = World::new();
    let log = opened(|| world.options().lake(world.lake_options().hold_days(20)));
    world.day(&log).await;
    let had = watermark(&log);
    let away = world.lake.path().with_extension("away");
    fs::rename(world.lake.path(), &away).expect("renamed");
    record(&log, "waiting").await;
    log.sign().expect("signed");
    let waiting = *log.appended().borrow();
    world.clock.advance(91 * DAY);
    record(&log, "today").await;
    let message = clean(&log);
    assert!(message.contains("entries stay that the sink lake has not got yet"), "{message}");
    world.clock.advance(20 * DAY);
    clean(&log);
    fs::rename(&away, world.lake.path()).expect("renamed");
    until(&log, || watermark(&log) > waiting);
    world.clock.advance(DAY);
    sealed(&log);
    let report = verify(world.lake.path(), &keys(&log));
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let [gap] = report.logs[0].absent.as_slice() else { unreachable!("{report:?}") };
    assert_eq!(gap.range.start, had);
    assert!(gap.range.end >= waiting && gap.entry > Some(gap.range.end), "{gap:?}");

    // The next segment is removed as well: that is no part of the gap.
    let path = ending(world.lake.path(), ".json").remove(1);
    fs::remove_file(&path).expect("removed");
    let faults: Vec<_> = verify(world.lake.path(), &keys(&log)).faults.iter().map(ToString::to_string).collect();
    assert!(faults.iter().any(|fault| fault.contains(&format!("the entries from seq {had} to"))), "{faults:?}");
}

#[tokio::test]
async fn a_lake_of_an_old_log_begins_where_the_log_does_and_an_entry_says_so() {
    let world = World::new();
    let log = opened(|| world.options());
    record(&log, "old").await;
    log.sign().expect("signed");
    world.clock.advance(100 * DAY);
    record(&log, "new").await;
    clean(&log);
    drop(log);
    let log = world.open();
    world.clock.advance(DAY);
    sealed(&log);
    let report = verify(world.lake.path(), &keys(&log));
    let [begin] = report.logs[0].absent.as_slice() else { unreachable!("{report:?}") };
    assert!(report.faults.is_empty() && begin.range.start == 0 && begin.entry.is_some(), "{report:?}");
}

#[tokio::test]
async fn without_its_first_segments_a_lake_does_not_explain_itself() {
    let (world, log) = World::with_days(3).await;
    for path in [".json", ".parquet"].map(|end| ending(world.lake.path(), end).remove(0)) {
        fs::remove_file(path).expect("removed");
    }
    let report = verify(world.lake.path(), &keys(&log));
    let [begin] = report.logs[0].absent.as_slice() else { unreachable!("{report:?}") };
    assert_eq!((begin.range.start, begin.entry), (0, None));
}
