//! What is kept about checkpoints, keys and removals, changed; and checkpoints that were kept elsewhere: verification
//! finds each.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::evidence::{ExternalCheckpoint, Verified, VerifyError, VerifyFinding};
use mcp_audit_log::manifest::Job;
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::time::{DAY, ManualClock};
use mcp_audit_log::{AuditLog, verify_log};
use mcp_audit_log_store::verify;
use serde_json::json;

use crate::support::{access, clock, newest, open, options, read, record, tamper};

/// Three days with a call each, signed.
async fn three_days(log: &AuditLog, clock: &Arc<ManualClock>) {
    for tool in ["a", "b", "c"] {
        record(log, tool).await;
        log.sign().expect("signed");
        clock.advance(DAY);
    }
}

/// What verification of a copy finds after `sql`.
fn wrong_after(folder: &Path, sql: &str) -> VerifyFinding {
    let copy = tempfile::tempdir().expect("a folder");
    fs::copy(folder.join("mcp-audit-log.db"), copy.path().join("mcp-audit-log.db")).expect("copied");
    tamper(copy.path(), sql);
    wrong(verify(copy.path(), &[], &|_, _, _| {}), sql)
}

fn wrong(found: Result<Verified, VerifyError>, what: &str) -> VerifyFinding {
    match found {
        Err(VerifyError::Wrong(wrong)) => wrong,
        other => panic!("missed: {what}: {other:?}"),
    }
}

fn whole(folder: &Path, kept: Vec<ExternalCheckpoint>) -> Result<Verified, VerifyError> {
    verify_log(folder, &SignerOptions::default(), kept, &|_, _, _| {})
}

fn kept(note: &str) -> Vec<ExternalCheckpoint> {
    vec![ExternalCheckpoint { name: "kept".into(), note: read(note) }]
}

/// A refused action leaves an entry, which must not count as if the action had been done.
#[tokio::test]
async fn refused_actions_do_not_fail_verification() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let id = record(&log, "a").await;
    let anybody = access(log.view(), &["user"]);
    let manifest = log.view().manifest();
    let crons = &manifest.crons;
    let cron = crons.iter().find(|cron| cron.job == Job::Retention).expect("a cleanup").name.clone();
    for name in [cron.as_str(), "x"] {
        log.run_cron(&anybody, name).expect_err("refused");
    }
    log.confirm_clock(&anybody).expect_err("refused");
    log.erase_payload(&anybody, id, "a reason").expect_err("refused");
    log.release_hold(&anybody, id, "a reason").expect_err("refused");
    log.start_verification(&anybody).expect_err("refused");
    log.close();
    let verified = whole(folder.path(), Vec::new()).expect("whole");
    assert!(verified.head.size >= 8, "the refusals are entries: {}", verified.head.size);
}

#[tokio::test]
async fn every_change_of_a_checkpoint_or_key_is_detected() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    three_days(&log, &clock).await;
    log.close();
    drop(log);
    // A start that counts them.
    open(folder.path(), &clock).close();
    let verified = whole(folder.path(), Vec::new()).expect("whole");
    assert!(verified.checks.contains(&("checkpoints", 6)), "{:?}", verified.checks);
    for (sql, check) in [
        ("UPDATE checkpoint SET note = replace(note, '3', '4') WHERE number = 3", "checkpoints"),
        ("UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE number = 2) WHERE number = 3", "checkpoints"),
        ("UPDATE checkpoint SET note = replace(note, char(10), char(13)) WHERE number = 4", "checkpoints"),
        ("UPDATE checkpoint SET size = size + 1 WHERE number = 2", "checkpoints"),
        ("UPDATE checkpoint SET signed_at = signed_at + 1000000 WHERE number = 4", "checkpoints"),
        ("UPDATE checkpoint SET link = zeroblob(32) WHERE number = 3", "checkpoints"),
        ("UPDATE checkpoint SET link = x'' WHERE number = 4", "checkpoints"),
        ("DELETE FROM checkpoint WHERE number = 3", "checkpoints"),
        ("DELETE FROM checkpoint WHERE number = 1", "checkpoints"),
        ("DELETE FROM checkpoint WHERE number < 4", "checkpoints"),
        ("DELETE FROM checkpoint", "checkpoints"),
        // The second was signed on the day of the first, so nothing but its number speaks of it.
        ("DELETE FROM checkpoint WHERE number = 2", "checkpoints"),
        ("UPDATE checkpoint SET archived = 0, link = NULL WHERE number = 3", "checkpoints"),
        // The first one links to every other, so a missing one in between is found only by the count.
        (
            "DELETE FROM checkpoint WHERE number IN (2, 3); UPDATE checkpoint SET number = number - 2 WHERE number > 3;
            UPDATE checkpoint SET link = x'' WHERE number = 2",
            "inventory",
        ),
        ("UPDATE verifier SET vkey = replace(vkey, 'mcp-audit-log', 'mcp-audix')", "checkpoints"),
        ("UPDATE verifier SET since = since + 1", "inventory"),
        ("DELETE FROM verifier", "checkpoints"),
        ("DELETE FROM verifier WHERE vkey LIKE '%/time+%'", "inventory"),
        (
            "INSERT INTO verifier VALUES ('example.com/log+530d903a+AekyeRrmDIrhpVdMPEo1ZAAcKGpYWnUGGyHbYdVNtDRR', 1)",
            "checkpoints",
        ),
    ] {
        let wrong = wrong_after(folder.path(), sql);
        assert_eq!(wrong.check, check, "{sql}: {wrong}");
    }
}

/// A key of the log's name that no entry announced.
#[tokio::test]
async fn a_key_inserted_into_the_database_is_detected_even_after_another_start() {
    let (folder, other, clock) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), clock());
    open(folder.path(), &clock).close();
    let log = open(other.path(), &clock);
    let stranger = log.view().verifier_keys().expect("keys").remove(0);
    log.close();
    tamper(folder.path(), &format!("INSERT INTO verifier VALUES ('{stranger}', 1 << 52)"));
    assert_eq!(wrong(whole(folder.path(), Vec::new()), "a key").check, "inventory");
    open(folder.path(), &clock).close();
    let wrong = wrong(whole(folder.path(), Vec::new()), "a key that a start found there");
    assert_eq!((wrong.check, wrong.at.as_str()), ("inventory", "verifier"), "{wrong}");
}

#[tokio::test]
async fn a_log_older_than_its_last_checkpoint_does_not_verify() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.close();
    drop(log);
    let (database, aside) = (folder.path().join("mcp-audit-log.db"), folder.path().join("aside"));
    fs::copy(&database, &aside).expect("copied");
    let log = open(folder.path(), &clock);
    record(&log, "b").await;
    let today = newest(log.view()).expect("a checkpoint").checkpoint.note;
    log.close();
    drop(log);
    whole(folder.path(), kept(&today)).expect("whole");
    fs::copy(&aside, &database).expect("restored");
    let older = wrong(whole(folder.path(), Vec::new()), "yesterday's file");
    assert_eq!((older.check, older.at.ends_with("signing.last")), ("kept", true), "{older}");
    assert!(older.what.contains("the end of the log is missing"), "{older}");
    // What the signer remembers is evidence, and missed unless an outsider has a better one.
    let last = folder.path().join("signing.last");
    fs::remove_file(&last).expect("removed");
    assert!(wrong(whole(folder.path(), Vec::new()), "no memory").what.contains("--last-signed"));
    whole(folder.path(), kept(&first_note(&database))).expect("an older one is still in it");
    fs::write(&last, "nonsense").expect("written");
    assert!(wrong(whole(folder.path(), Vec::new()), "nonsense").what.contains("is damaged"));
}

/// The newest note that is in a database.
fn first_note(database: &Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(database, folder.path().join("mcp-audit-log.db")).expect("copied");
    let log = options(folder.path(), &clock()).view().expect("a log");
    newest(&log).expect("a checkpoint").checkpoint.note
}

#[tokio::test]
async fn a_kept_checkpoint_is_compared_with_the_log() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "a").await;
    log.close();
    drop(log);
    // The same log continues in two ways, and signs both with the same keys.
    let fork = tempfile::tempdir().expect("a folder");
    for name in ["mcp-audit-log.db", "signing.key", "signing.last"] {
        fs::copy(folder.path().join(name), fork.path().join(name)).expect("copied");
    }
    let mut notes = Vec::new();
    for (path, tool) in [(folder.path(), "b"), (fork.path(), "c")] {
        let log = open(path, &clock);
        record(&log, tool).await;
        log.sign().expect("signed");
        notes.push(newest(log.view()).expect("a checkpoint").checkpoint.note);
        log.close();
    }
    whole(folder.path(), kept(&notes[0])).expect("its own");
    let other = wrong(whole(folder.path(), kept(&notes[1])), "the fork's");
    assert_eq!((other.check, other.at.as_str()), ("kept", "kept"), "{other}");
    assert!(other.what.contains("entries have the root"), "{other}");
    let size = read(&notes[0]).checkpoint().size;
    let forged = notes[0].replacen(&format!("\n{size}\n"), &format!("\n{}\n", size - 1), 1);
    assert!(wrong(whole(folder.path(), kept(&forged)), "a forged one").check == "kept");
    let stranger = tempfile::tempdir().expect("a folder");
    open(stranger.path(), &clock).close();
    let foreign = first_note(&stranger.path().join("mcp-audit-log.db"));
    let said = whole(folder.path(), kept(&foreign)).expect_err("another log's");
    assert!(matches!(said, VerifyError::Foreign { .. }), "it proves nothing about this log: {said}");
    assert!(said.to_string().starts_with("kept is not of this log: it is a checkpoint of mcp-audit-log/"), "{said}");
    // What the log's own signer remembers must be the log's.
    fs::write(folder.path().join("signing.last"), &foreign).expect("written");
    assert_eq!(wrong(whole(folder.path(), Vec::new()), "another log's memory").check, "kept");
}

/// A log that kept its entries for five days, cleaned after ten, and the notes of every day.
async fn cleaned(folder: &Path, clock: &Arc<ManualClock>) -> Vec<String> {
    let log = options(folder, clock).believe_clock().open().expect("a log");
    let (admin, mut notes) = (access(log.view(), &["admin"]), Vec::new());
    let wanted = json!({ "retention_days": 5 });
    log.change_settings(&admin, wanted.as_object().expect("an object")).expect("changed");
    for day in 0..10 {
        record(&log, &format!("day-{day}")).await;
        log.sign().expect("signed");
        notes.push(newest(log.view()).expect("a checkpoint").checkpoint.note);
        record(&log, &format!("later-{day}")).await;
        clock.advance(DAY);
    }
    log.run_cron(&admin, "MCP: Cleanup Old Audit Logs").expect("run");
    log.close();
    notes
}

#[tokio::test]
async fn removals_without_a_recorded_cleanup_are_detected() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    cleaned(folder.path(), &clock).await;
    let verified = whole(folder.path(), Vec::new()).expect("whole");
    assert!(verified.first > 5 && verified.checks.contains(&("removals", 2)), "{verified:?}");
    let gone = |place: u64| {
        format!("UPDATE head SET pruned = {place}, payloads_pruned = {place}; DELETE FROM entries WHERE seq < {place}")
    };
    let more = wrong_after(folder.path(), &gone(verified.first + 3));
    assert_eq!((more.check, more.at.as_str()), ("removals", "head.pruned"), "{more}");
    // The entries about the cleanup are removed as well, and everything before them.
    let all = wrong_after(folder.path(), &gone(verified.head.size - 1));
    assert_eq!((all.check, all.at.as_str()), ("checkpoints", "head.pruned"), "{all}");
    let payloads = format!("UPDATE head SET payloads_pruned = {}", verified.head.size - 2);
    let payloads = wrong_after(folder.path(), &payloads);
    assert_eq!((payloads.check, payloads.at.as_str()), ("removals", "head.payloads_pruned"), "{payloads}");
}

#[tokio::test]
async fn removals_before_any_cleanup_are_detected() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    three_days(&log, &clock).await;
    log.close();
    drop(log);
    open(folder.path(), &clock).close();
    let sql = "UPDATE head SET pruned = 2, payloads_pruned = 2; DELETE FROM entries WHERE seq < 2";
    let wrong = wrong_after(folder.path(), sql);
    assert_eq!((wrong.check, wrong.at.as_str()), ("removals", "head.pruned"), "{wrong}");
}

#[tokio::test]
async fn a_kept_checkpoint_of_removed_entries_is_compared_where_possible() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let notes = cleaned(folder.path(), &clock).await;
    for note in &notes[1..] {
        let verified = whole(folder.path(), kept(note)).expect("whole");
        assert_eq!(verified.uncompared, Vec::<String>::new(), "the first of a day stays: {note}");
    }
    // The log's first checkpoint was that day's archived one: this one stays for some days, and nothing links it to the
    // rest.
    let verified = whole(folder.path(), kept(&notes[0])).expect("nothing is wrong");
    assert!(verified.uncompared[0].contains("no archived checkpoint of that size is left"), "{verified:?}");
    // Another root for the same size, signed by the log's own keys, from a removed day.
    let early = read(&notes[1]).checkpoint().clone();
    let key = fs::read_to_string(folder.path().join("signing.key")).expect("keys");
    let keys: Vec<_> = key.lines().filter_map(|line| mcp_audit_log::ledger::SigningKey::parse(line).ok()).collect();
    let sign = |size: u64| {
        let root = mcp_audit_log::ledger::Hash::of(b"another");
        let checkpoint = mcp_audit_log::ledger::Checkpoint { size, root, ..early.clone() };
        mcp_audit_log::ledger::SignedCheckpoint::sign(checkpoint, &keys, 1).expect("signed").to_string()
    };
    let other = wrong(whole(folder.path(), kept(&sign(early.size))), "another root");
    assert!(other.what.contains("entries have the root"), "{other}");
    let verified = whole(folder.path(), kept(&sign(early.size + 1))).expect("nothing is known of it");
    assert!(
        verified.uncompared[0].contains("no archived checkpoint of that size is left"),
        "{:?}",
        verified.uncompared
    );
}
