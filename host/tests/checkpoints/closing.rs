//! The checkpoint that is signed when the log is closed, and keys of another log.

use std::fs;
use std::sync::{Arc, Barrier};

use mcp_audit_log::evidence::VerifyError;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::publish::Destinations;
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::{BundleRequest, verify_log};
use serde_json::json;

use crate::support::{access, clock, entries, newest, of_action, open, options, read, record};

#[tokio::test]
async fn the_last_signature_is_stored_published_and_used() {
    let (folder, published, clock) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), clock());
    let places = || Destinations { folder: Some(published.path().to_owned()), ..Destinations::default() };
    let log = options(folder.path(), &clock).publish(places()).open().expect("a log");
    for tool in 0..50 {
        record(&log, &format!("tool-{tool}")).await;
    }
    log.close();
    drop(log);
    let view = options(folder.path(), &clock).view().expect("a log");
    let all = entries(&view).len() as u64;
    let stored = newest(&view).expect("a checkpoint");
    assert_eq!((stored.checkpoint.size, all), (52, 52), "start, calls, and stop");
    for file in [folder.path().join("signing.last"), published.path().join("checkpoint")] {
        assert_eq!(fs::read_to_string(&file).expect("a note"), stored.checkpoint.note, "{}", file.display());
    }
    let request = BundleRequest::new(Domain::TRUE);
    let bundled = view.bundle(&access(&view, &["admin"]), &request, &mut Vec::new()).expect("written");
    assert_eq!((bundled.places, bundled.unsigned), (0..52, 0));
    let verified = verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("whole");
    assert_eq!(verified.signed, Some(52));
    // The next start finds it there, and stores it no second time.
    let log = options(folder.path(), &clock).publish(places()).open().expect("a log");
    assert_eq!(newest(log.view()), Some(stored));
    log.close();
    verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("whole");
}

#[tokio::test]
async fn verify_refuses_keys_that_never_signed_the_log() {
    let (folder, other, clock) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), clock());
    for path in [folder.path(), other.path()] {
        open(path, &clock).close();
    }
    let last_signed = Some(folder.path().join("signing.last"));
    let file = other.path().join("signing.key");
    let text = fs::read_to_string(&file).expect("keys");
    let by_file = SignerOptions { key_file: Some(file), last_signed: last_signed.clone(), ..SignerOptions::default() };
    let by_text = SignerOptions { keys: Some(text), last_signed: last_signed.clone(), ..SignerOptions::default() };
    for options in [by_file, by_text] {
        match verify_log(folder.path(), &options, Vec::new(), &|_, _, _| {}) {
            Err(VerifyError::Wrong(wrong)) => {
                assert!(wrong.what.contains("never signed this log"), "{wrong}")
            }
            other => panic!("missed: {other:?}"),
        }
    }
    let own = SignerOptions { key_file: Some(folder.path().join("signing.key")), ..SignerOptions::default() };
    verify_log(folder.path(), &own, Vec::new(), &|_, _, _| {}).expect("its own");
    let missing =
        SignerOptions { key_file: Some(folder.path().join("nothing")), last_signed, ..SignerOptions::default() };
    let found = verify_log(folder.path(), &missing, Vec::new(), &|_, _, _| {});
    assert!(matches!(found, Err(VerifyError::Beside { .. })), "{found:?}");
}

/// A timestamp signature that was removed from a stored or kept checkpoint.
#[tokio::test]
async fn a_removed_timestamp_signature_is_detected() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.close();
    drop(log);
    let path = folder.path().join("signing.last");
    let note = fs::read_to_string(&path).expect("a note");
    let stripped: String =
        note.lines().filter(|line| !line.contains("/time ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(read(&stripped).checkpoint(), read(&note).checkpoint(), "still a note that the log signed");
    fs::write(&path, &stripped).expect("written");
    let found = verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {});
    assert!(found.expect_err("stripped").to_string().contains("has no valid signature of its time"));
    fs::write(&path, &note).expect("written");
    crate::support::tamper(
        folder.path(),
        &format!("UPDATE checkpoint SET note = '{stripped}' WHERE number = (SELECT max(number) FROM checkpoint)"),
    );
    let found = verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {});
    assert!(found.expect_err("stripped").to_string().contains("has no valid signature of its time"));
}

#[tokio::test]
async fn concurrent_changes_each_record_their_old_value() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let gate = Arc::new(Barrier::new(6));
    std::thread::scope(|scope| {
        for person in 0..6_u32 {
            let (log, gate) = (log.clone(), Arc::clone(&gate));
            scope.spawn(move || {
                let admin = access(log.view(), &["admin"]);
                gate.wait();
                for round in 0..4_u32 {
                    let wanted = json!({ "retention_days": 100 + person * 10 + round });
                    log.change_settings(&admin, wanted.as_object().expect("an object")).expect("changed");
                }
            });
        }
    });
    let told = of_action(log.view(), "settings.updated");
    assert_eq!(told.len(), 24);
    let mut before = json!(90);
    for entry in told.iter().rev() {
        let change = &entry.details["changes"][0];
        assert_eq!(change["old"], before, "{change}");
        before = change["new"].clone();
    }
    assert_eq!(log.view().settings().get("retention_days").to_json(), before);
}
