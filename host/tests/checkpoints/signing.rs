//! When the log signs, what it stores about its last checkpoint, and which logs it refuses.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use mcp_audit_log::field::Field;
use mcp_audit_log::ledger::verify_consistency;
use mcp_audit_log::publish::{Destinations, EndpointOptions};
use mcp_audit_log::signer::{Resume, SignerOptions};
use mcp_audit_log::time::{Clock, DAY, SECOND};
use mcp_audit_log::{AuditLog, OpenError, rotate_keys, verify_log};

use crate::support::{access, clock, entries, keys, newest, of_action, open, options, read, record, stand, tamper};

#[tokio::test]
async fn checkpoints_are_signed_every_minute_with_entries_and_hourly_without() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let due = |seconds: i64| {
        clock.advance(seconds * SECOND);
        log.sign_due().expect("looked");
        stand(log.view())
    };
    assert_eq!(stand(log.view()), (1, 0), "before there was anything");
    let (number, size) = due(0);
    assert_eq!(number, 2, "at once");
    assert_eq!(due(59), (2, size));
    record(&log, "a").await;
    assert_eq!(due(0), (2, size), "not yet");
    assert_eq!(due(1), (3, size + 1), "sixty seconds after the last one");
    assert_eq!(due(3_599), (3, size + 1), "nothing has come");
    assert_eq!(due(1), (4, size + 1), "a sign of life");
    assert_eq!(due(-DAY / SECOND), (5, size + 1), "a clock that was set back says nothing of the time");

    let newest = newest(log.view()).expect("a checkpoint").checkpoint;
    let signed = read(&newest.note);
    let seconds = clock.now().as_micros() / SECOND;
    assert_eq!(signed.verify(&keys(log.view())), Ok(Some(seconds.unsigned_abs())));
    assert_eq!(signed.checkpoint().size, newest.size);
}

#[tokio::test]
async fn the_first_checkpoint_of_each_day_stays_and_links_to_the_next() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for _ in 0..5 {
        for tool in ["a", "b"] {
            record(&log, tool).await;
            clock.advance(70 * SECOND);
            log.sign_due().expect("signed");
        }
        clock.advance(DAY);
    }
    let archived = log.view().archived_checkpoints(&access(log.view(), &["auditor"]), None, 100).expect("read");
    assert_eq!(archived.iter().map(|one| one.number).collect::<Vec<_>>(), [10, 8, 6, 4, 1]);
    for pair in archived.windows(2) {
        let [new, old] = [&pair[0].checkpoint, &pair[1].checkpoint].map(|one| read(&one.note).checkpoint().clone());
        let link = pair[0].checkpoint.link.clone().expect("a link");
        verify_consistency((old.size, &old.root), (new.size, &new.root), &link).expect("the one leads to the other");
    }
    assert!(log.view().archived_checkpoints(&access(log.view(), &["user"]), None, 100).is_err(), "not for everybody");
}

#[tokio::test]
async fn closing_signs_every_entry_and_the_next_start_knows_it() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    log.sign_due().expect("signed");
    record(&log, "a").await;
    log.close();
    let places = entries(log.view()).len() as u64;
    let log = open(folder.path(), &clock);
    assert_eq!(stand(log.view()), (3, places), "the stop is covered, and was signed before this start");
    let log_stopped = of_action(log.view(), "log.stopped").remove(0);
    assert_eq!(log_stopped.seq + 1, places);
}

/// A copy of the database files, without changes that are only in memory.
fn copy(folder: &std::path::Path, to: &std::path::Path) {
    fs::copy(folder.join("mcp-audit-log.db"), to).expect("copied");
}

#[tokio::test]
async fn older_and_rewritten_databases_are_refused() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let aside = folder.path().join("yesterday");
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.sign().expect("signed");
    log.close();
    copy(folder.path(), &aside);
    let log = open(folder.path(), &clock);
    record(&log, "b").await;
    log.close();
    drop(log);
    copy(folder.path(), &folder.path().join("today"));
    fs::copy(&aside, folder.path().join("mcp-audit-log.db")).expect("restored");
    let refused = options(folder.path(), &clock).open().map(drop).expect_err("yesterday's");
    assert!(matches!(refused, OpenError::Signer(_)), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("were signed") && said.contains("Restore a newer copy"), "{said}");

    // As long as the signed one, and other entries in it.
    let keep = fs::read(folder.path().join("signing.last")).expect("a file");
    fs::remove_file(folder.path().join("signing.last")).expect("removed");
    let forgotten = options(folder.path(), &clock).open().map(drop).expect_err("forgotten").to_string();
    assert!(forgotten.contains("is missing, though the keys have signed before; restore it"), "{forgotten}");
    let older = newest_note(&folder.path().join("today"));
    fs::write(folder.path().join("signing.last"), older).expect("written");
    let log = open(folder.path(), &clock);
    record(&log, "c").await;
    record(&log, "d").await;
    log.close();
    drop(log);
    fs::write(folder.path().join("signing.last"), keep).expect("put back");
    let said = options(folder.path(), &clock).open().map(drop).expect_err("rewritten").to_string();
    assert!(said.contains("have another root"), "{said}");
    fs::copy(folder.path().join("today"), folder.path().join("mcp-audit-log.db")).expect("restored");
    open(folder.path(), &clock);
}

#[tokio::test]
async fn an_old_database_without_checkpoints_is_refused() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.close();
    drop(log);
    fs::remove_file(folder.path().join("signing.last")).expect("removed");
    for sql in ["DELETE FROM checkpoint", "DELETE FROM checkpoint; DELETE FROM verifier"] {
        tamper(folder.path(), sql);
        let refused = options(folder.path(), &clock).open().map(drop).expect_err(sql).to_string();
        assert!(refused.contains("is missing, though the keys have signed before"), "{sql}: {refused}");
    }
    // With another database as well: the keys are there, and so was what they signed.
    fs::remove_file(folder.path().join("mcp-audit-log.db")).expect("removed");
    let refused = options(folder.path(), &clock).open().map(drop).expect_err("an empty one").to_string();
    assert!(refused.contains("key resume"), "{refused}");
}

#[tokio::test]
async fn signing_resumes_after_a_lost_checkpoint_with_a_reason() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.close();
    drop(log);
    fs::remove_file(folder.path().join("signing.last")).expect("removed");
    let resume = Some(Resume { by: "anna".into(), reason: "the disk with it broke".into() });
    let signer = SignerOptions { resume, ..SignerOptions::default() };
    let log = options(folder.path(), &clock).signer(signer).open().expect("a log");
    log.sign().expect("signed");
    let told = of_action(log.view(), "signing.resumed").remove(0);
    assert_eq!((told.text(Field::User), &told.details["reason"]), (Some("anna"), &"the disk with it broke".into()));
    log.close();
    drop(log);
    open(folder.path(), &clock).close();
    verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("whole");
}

/// The oldest checkpoint of a database, which any copy of the log continues.
fn newest_note(database: &std::path::Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(database, folder.path().join("mcp-audit-log.db")).expect("copied");
    let log = options(folder.path(), &clock()).view().expect("a log");
    let all = log.archived_checkpoints(&access(&log, &["admin"]), None, 10).expect("read");
    all.last().expect("a checkpoint").checkpoint.note.clone()
}

#[tokio::test]
async fn new_keys_are_recorded_and_old_ones_stay_known() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    log.sign_due().expect("signed");
    let before = keys(log.view());
    let beside = rotate_keys(folder.path(), &SignerOptions::default()).expect_err("beside the log").to_string();
    assert!(beside.contains("in use by another process"), "{beside}");
    assert_eq!(of_action(log.view(), "log.started")[0].details["origin"], before[0].name());
    assert_eq!((before.len(), of_action(log.view(), "signing_key.added").len()), (2, 0));
    log.close();
    drop(log);
    let rotate = || rotate_keys(folder.path(), &SignerOptions::default());
    let new = rotate().expect("rotated");
    assert!(rotate().expect_err("twice").to_string().contains("start the log once"), "nothing would link them");
    let log = open(folder.path(), &clock);
    assert_eq!((keys(log.view()).len(), of_action(log.view(), "signing_key.added").len()), (4, 2));
    clock.advance(60 * SECOND);
    log.sign_due().expect("signed");
    let note = read(&newest(log.view()).expect("a checkpoint").checkpoint.note);
    for trusted in [&before[..1], &new[..1]] {
        note.verify(trusted).expect("by the old key and by the new one");
    }
    log.close();
    drop(log);
    // The old key's last signature has its own time, and not that of the first moment.
    mcp_audit_log_store::verify(folder.path(), &[], &|_, _, _| {}).expect("whole");
    let other = tempfile::tempdir().expect("a folder");
    open(other.path(), &clock).close();
    let foreign = SignerOptions { key_file: Some(other.path().join("signing.key")), ..SignerOptions::default() };
    let refused = options(folder.path(), &clock).signer(foreign).open().map(drop).expect_err("another log's keys");
    assert!(refused.to_string().contains("use the keys of mcp-audit-log/"), "{refused}");
}

/// The whole folder is restored from an older copy, so the start detects no fault. The published checkpoints show it.
#[tokio::test]
async fn a_restored_folder_never_overwrites_published_checkpoints() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let (data, published) = (folder.path().join("log"), folder.path().join("published"));
    fs::create_dir(&published).expect("created");
    let places = || Destinations { folder: Some(published.clone()), ..Destinations::default() };
    let publishing = || options(&data, &clock).publish(places()).open().expect("a log");
    publishing().close();
    let aside = folder.path().join("aside");
    fs::create_dir(&aside).expect("a folder");
    let names = ["mcp-audit-log.db", "signing.key", "signing.last"];
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        names.map(|name| fs::copy(from.join(name), to.join(name)).expect("copied"))
    };
    copy(&data, &aside);
    let log = publishing();
    record(&log, "a").await;
    record(&log, "b").await;
    log.close();
    drop(log);
    let newest = fs::read(published.join("checkpoint")).expect("published");
    copy(&aside, &data);
    let log = publishing();
    until(&log, || of_action(log.view(), "checkpoint.conflict_found").len() == 1);
    // Longer than what was published, and other entries in it.
    for tool in ["c", "d", "e", "f"] {
        record(&log, tool).await;
    }
    log.sign().expect("signed");
    log.close();
    assert_eq!(of_action(log.view(), "checkpoint.conflict_found").len(), 1, "told once");
    assert!(of_action(log.view(), "checkpoint.conflict_found")[0].details["reason"].is_string());
    assert_eq!(fs::read(published.join("checkpoint")).expect("published"), newest);
}

/// Polls until `is_so`; another thread causes the change.
fn until(log: &AuditLog, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it does not come about");
        log.sign_due().expect("looked");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_failing_destination_and_its_recovery_are_recorded_once() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let published = folder.path().join("published");
    fs::write(&published, "a file where a folder should be").expect("written");
    let places = Destinations { folder: Some(published.clone()), ..Destinations::default() };
    let log = options(folder.path(), &clock).publish(places).open().expect("a log");
    until(&log, || of_action(log.view(), "checkpoint.publishing_failed").len() == 1);
    fs::remove_file(&published).expect("removed");
    fs::create_dir(&published).expect("created");
    until(&log, || of_action(log.view(), "checkpoint.publishing_recovered").len() == 1);
    assert_eq!(of_action(log.view(), "checkpoint.publishing_failed").len(), 1);
    log.close();
    let newest = fs::read_to_string(published.join("checkpoint")).expect("published");
    let size = entries(log.view()).len() as u64;
    assert_eq!(read(&newest).checkpoint().size, size, "the last word is published too");
    read(&newest).verify(&keys(log.view())).expect("signed");
}

#[tokio::test]
async fn an_endpoint_that_never_answers_delays_neither_recording_nor_signing() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address")).parse().expect("an address");
    let places = Destinations { endpoint: Some(EndpointOptions { url, token: None }), ..Destinations::default() };
    let log = options(folder.path(), &clock).publish(places).open().expect("a log");
    log.sign_due().expect("signed");
    let (mut silent, _) = listener.accept().expect("a request");
    for number in 3..11 {
        record(&log, "a").await;
        clock.advance(60 * SECOND);
        log.sign_due().expect("signed");
        assert_eq!(stand(log.view()).0, number);
    }
    // It takes what is newest once it answers again.
    let mut bytes = [0; 4_096];
    let _ = silent.read(&mut bytes).expect("a request");
    silent.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
    drop(silent);
    let (mut again, _) = listener.accept().expect("a request");
    let mut text = String::new();
    while !text.contains("/time ") {
        let read = again.read(&mut bytes).expect("a request");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let note = text.split_once("\r\n\r\n").expect("a body").1;
    assert!(
        note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size >= stand(log.view()).1)
    );
}
