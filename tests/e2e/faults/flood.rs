//! Ten times more events than the queue holds, while the disk is frozen: every lost event is counted.

use mcp_audit_log_tests::fault::{ALWAYS, Image, Oracle, Shim, Subject, Sync};

use crate::service::entries;

/// The number of events that may wait.
const QUEUE: usize = 500;

#[test]
fn under_tenfold_overload_every_event_is_stored_or_counted() {
    let (folder, shim) = (tempfile::tempdir().expect("a folder"), Shim::new());
    let mut oracle = Oracle::default();
    let mut subject = Subject::narrow(folder.path(), &shim, QUEUE);
    // Twice, so that there is a gap between entries as well.
    for _ in 0..2 {
        subject.does("send 10", &mut oracle).expect("it lives");
        shim.sync(Sync::Stall, ALWAYS);
        subject.does(&format!("fling {}", 10 * QUEUE), &mut oracle).expect("it lives");
        shim.sync(Sync::Pass, 0);
    }
    subject.does("send 10", &mut oracle).expect("it lives");
    subject.close(&mut oracle);
    accounts_for(folder.path(), &oracle);
}

/// The same while the file system itself is frozen.
#[test]
fn while_the_file_system_is_frozen_each_event_is_stored_or_counted() {
    let Some(image) = Image::new(32) else { return };
    let (shim, mut oracle) = (Shim::new(), Oracle::default());
    let mut subject = Subject::narrow(&image.log(), &shim, QUEUE);
    subject.does("send 10", &mut oracle).expect("it lives");
    let frozen = image.freeze();
    subject.does(&format!("fling {}", 10 * QUEUE), &mut oracle).expect("it lives");
    drop(frozen);
    subject.does("send 10", &mut oracle).expect("it lives");
    subject.close(&mut oracle);
    accounts_for(&image.log(), &oracle);
}

fn accounts_for(folder: &std::path::Path, oracle: &Oracle) {
    let seen = entries(folder);
    oracle.account(&seen);
    assert!(oracle.dropped() >= 10 * QUEUE && seen.iter().any(|seen| seen.dropped > 0), "and is told");
}
