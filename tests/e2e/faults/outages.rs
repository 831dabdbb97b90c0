//! The disk fails under a running service, and is repaired: meanwhile nothing is acknowledged that is not durable, the
//! service reports that it is not ready, and afterwards nothing is missing, duplicated or uncounted.

use std::cell::RefCell;
use std::fs;

use mcp_audit_log_tests::eventually;
use mcp_audit_log_tests::fault::{ALWAYS, EIO, ENOSPC, Image, Shim, Sync};

use crate::service::Service;

/// The log's message about a failed commit.
const FAILED: &str = "entries could not be stored; retrying";

/// Sends events before, during and after a fault.
fn outage(service: &mut Service, fault: impl FnOnce(&Service), mend: impl FnOnce()) {
    assert_eq!(service.send(20), 200);
    fault(service);
    let mut caught = service.sending(20);
    service.until("store-failing");
    service.until_told(FAILED);
    assert_eq!(service.send(5), 503, "nothing is taken that may not be stored");
    assert!(!caught.is_acknowledged(), "nothing is acknowledged that is not stored");
    mend();
    service.until("ready\n");
    service.learn(caught);
    assert_eq!(service.send(20), 200);
}

#[test]
fn while_syncs_or_writes_fail_nothing_is_acknowledged_and_nothing_is_lost() {
    let (folder, shim) = (tempfile::tempdir().expect("a folder"), Shim::new());
    let mut service = Service::start(folder.path(), Some(&shim));
    outage(&mut service, |_| shim.sync(Sync::Fail, ALWAYS), || shim.sync(Sync::Pass, 0));
    outage(&mut service, |_| shim.writes(EIO, ALWAYS), || shim.writes(0, 0));
    outage(&mut service, |_| shim.writes(ENOSPC, ALWAYS), || shim.writes(0, 0));
    service.end();
}

/// After an error it is unknown what reached the disk: the same entries are written again, and stored once.
#[test]
fn one_failed_sync_or_write_loses_nothing() {
    let (folder, shim) = (tempfile::tempdir().expect("a folder"), Shim::new());
    let mut service = Service::start(folder.path(), Some(&shim));
    for times in [1, 2, 3] {
        shim.sync(Sync::Fail, times);
        until_taken(&mut service);
        shim.writes(EIO, times);
        until_taken(&mut service);
    }
    service.until_told(FAILED);
    service.end();
}

/// The log's own commits may meet the fault first, and then events are refused for a moment.
fn until_taken(service: &mut Service) {
    eventually("events that are taken", || (service.send(7) == 200).then_some(()));
}

/// A failed commit is retried on a fresh connection, which needs file descriptors.
#[test]
fn without_free_file_descriptors_recording_fails_until_some_are_free() {
    let (folder, shim) = (tempfile::tempdir().expect("a folder"), Shim::new());
    let mut service = Service::start(folder.path(), Some(&shim));
    // Connections that are there already, for the service can accept no more.
    outage(&mut service, |_| shim.sync(Sync::Fail, ALWAYS), || shim.sync(Sync::Pass, 0));
    let limited = service.without_descriptors();
    assert_eq!(service.send(20), 200, "who records needs none");
    drop(limited);
    let limited = RefCell::new(None);
    let fault = |service: &Service| {
        limited.replace(Some(service.without_descriptors()));
        shim.sync(Sync::Fail, 1);
    };
    outage(&mut service, fault, || drop(limited.take()));
    service.end();
}

#[test]
fn while_the_files_are_moved_away_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), None);
    for name in ["mcp-audit-log.db", "mcp-audit-log.db-wal"] {
        let (here, away) = (folder.path().join(name), folder.path().join("away"));
        outage(&mut service, |_| fs::rename(&here, &away).expect("moved"), || fs::rename(&away, &here).expect("back"));
    }
    service.end();
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_until_there_is_space() {
    let Some(image) = Image::new(32) else { return };
    let mut service = Service::start(&image.log(), None);
    for spare in [0, 8] {
        let ballast = RefCell::new(None);
        outage(&mut service, |_| drop(ballast.replace(Some(image.fill(spare)))), || drop(ballast.take()));
    }
    service.end();
}

/// A limit on file sizes must not end the process: for a service in the path of traffic, that would stop the traffic
/// too.
#[test]
fn above_a_file_size_limit_nothing_is_acknowledged_and_the_service_continues() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), None);
    let limited = RefCell::new(None);
    let fault = |service: &Service| drop(limited.replace(Some(service.limited("fsize", 4_096, u64::MAX))));
    outage(&mut service, fault, || drop(limited.take()));
    service.end();
}
