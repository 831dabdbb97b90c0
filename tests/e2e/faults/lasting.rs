//! The disk fails permanently under a running service, which must be restarted: then every acknowledged event is
//! stored, and losses are reported.

use std::fs;
use std::path::Path;

use mcp_audit_log_tests::fault::Image;
use mcp_audit_log_tests::{assert_plain, product};

use crate::service::{Service, entries};

/// The end of the message that a process prints at its end about events that it could not store. The number comes
/// before it.
const LOST: &str = " events are lost: they could not be stored before shutdown";

/// Sends events until the service reports that it cannot store, and ends it. The service must report that it could not
/// store the waiting events.
fn given_up(mut service: Service, why: &str) -> Service {
    let caught = service.sending(20);
    service.until("store-failing");
    service.until_told(why);
    assert_eq!(service.send(5), 503, "nothing is taken that may not be stored");
    let status = service.process().stop();
    let said = service.process().output();
    assert_plain(&said);
    assert_eq!(status.code(), Some(1), "{said}");
    let lost = said.lines().find_map(|line| line.strip_suffix(LOST)?.rsplit(' ').next()?.parse().ok());
    // The senders' events, the entry about the stop, and other entries that the log had queued.
    assert!(lost.is_some_and(|lost: u64| lost >= 21), "{said}");
    service.learn(caught);
    service
}

#[test]
fn on_a_read_only_disk_nothing_is_acknowledged_and_the_next_start_is_complete() {
    let Some(image) = Image::new(32) else { return };
    let mut service = Service::start(&image.log(), None);
    assert_eq!(service.send(50), 200);
    image.fail();
    let before = given_up(service, "entries could not be stored; retrying");
    image.repair();
    let mut after = Service::start(&image.log(), None);
    after.oracle = before.oracle.clone();
    assert_eq!(after.send(20), 200);
    assert!(after.process().stop().success());
    after.oracle.judge(&entries(&image.log()));
}

#[test]
fn a_removed_database_accepts_nothing_and_stops_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), None);
    assert_eq!(service.send(50), 200);
    fs::remove_file(folder.path().join("mcp-audit-log.db")).expect("removed");
    let service = given_up(service, "was moved, removed or replaced while the log is open");
    assert_eq!(service.oracle.acknowledged(), 50);
    let said = refused(folder.path());
    assert!(said.contains("the log does not match the last signed checkpoint"), "{said}");
}

/// The message of a refused start.
fn refused(folder: &Path) -> String {
    let mut command = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
    let output = command.arg(folder).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_plain(&said);
    said
}
