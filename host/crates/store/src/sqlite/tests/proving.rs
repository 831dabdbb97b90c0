//! Proofs from a stored log: before a cleanup, during it and after it.

use std::fs;

use super::super::verify::verify_unsigned;
use super::{Log, at, batch, entry, log, tamper};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_index::{StoreError, StoreReader, Writer};
use mcp_audit_log_ledger::Head;

fn before(second: u64) -> Plan {
    Plan { entries_before: Some(at(second.cast_signed())), ..Plan::default() }
}

fn entries(range: std::ops::Range<u64>) -> impl Iterator<Item = mcp_audit_log_model::entry::Entry> {
    range.map(|number| entry(number, at(number.cast_signed())))
}

fn prune(log: &mut Log, plan: Plan, at_most: Option<u64>) {
    let mut removal = mcp_audit_log_index::Removal::everywhere(plan);
    removal.entries_below = at_most.unwrap_or(u64::MAX);
    while log.writer.prune(removal).expect("pruned").more {}
}

/// Checks every possible proof between these trees against the roots that were known before.
fn prove(files: &StoreReader, pruned: u64, known: &[Head]) {
    for new in known.iter().filter(|head| head.size >= pruned) {
        for old in known.iter().filter(|head| (pruned..=new.size).contains(&head.size)) {
            let proof = files.consistency(old.size, Some(new.size)).expect("a proof");
            assert_eq!((proof.old, proof.new, proof.verify()), (*old, *new, Ok(())), "{pruned}");
        }
        for seq in pruned..new.size {
            let proof = files.inclusion(seq, Some(new.size)).expect("a proof").expect("an entry");
            assert_eq!((proof.head, proof.verify()), (*new, Ok(())), "{pruned}: {seq}");
        }
    }
}

#[test]
fn every_entry_is_proved_in_every_later_tree() {
    let mut log = log([]);
    let mut known = vec![log.files.head().expect("a tree")];
    for number in 0..20 {
        log.writer.commit(&batch([entry(number, at(number.cast_signed()))])).expect("stored");
        known.push(log.files.head().expect("a tree"));
    }
    assert_eq!(known.iter().map(|head| head.size).collect::<Vec<_>>(), (0..=20).collect::<Vec<_>>());
    prove(&log.files, 0, &known);
    for (old, new) in [(5, Some(21)), (21, None), (7, Some(6))] {
        assert!(matches!(log.files.consistency(old, new), Err(StoreError::Unprovable { .. })), "{old} {new:?}");
    }
    assert!(log.files.inclusion(20, None).is_err() && log.files.inclusion(7, Some(7)).is_err());
}

/// Every prune point up to 70, one after another, in a log that continues to record.
#[test]
fn what_a_cleanup_leaves_is_proved_as_before() {
    let mut log = log(entries(0..70));
    let known: Vec<_> = (0..=70).map(|size| log.files.head_at(size).expect("a tree")).collect();
    for pruned in 1..=70 {
        prune(&mut log, before(pruned), None);
        let some: Vec<_> = known.iter().copied().filter(|head| head.size % 7 == pruned % 7).collect();
        prove(&log.files, pruned, &some);
        assert!(matches!(log.files.head_at(pruned - 1), Err(StoreError::Unprovable { .. })) || pruned == 1);
        assert_eq!(log.files.head_at(0).expect("a tree"), known[0]);
    }
    log.writer.commit(&batch(entries(70..100))).expect("stored");
    let (newest, at_seventy) = (log.files.head().expect("a tree"), known[70]);
    prove(&log.files, 70, &[at_seventy, newest]);
    verify_unsigned(log.folder.path()).expect("whole");
}

/// The same at the ends of tiles, where tiles are removed.
#[test]
fn tiles_go_with_their_entries_and_nothing_more() {
    let mut log = log(entries(0..1_100));
    let sizes = [255, 256, 257, 500, 512, 513, 1_000, 1_024, 1_100];
    let known: Vec<_> = sizes.map(|size| log.files.head_at(size).expect("a tree")).into();
    let tiles = |log: &Log| -> Vec<(u8, u64)> {
        let raw = rusqlite::Connection::open(log.folder.path().join("mcp-audit-log.db")).expect("raw");
        let mut tiles = raw.prepare("SELECT level, number FROM tile ORDER BY level, number").expect("a statement");
        tiles.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect).expect("tiles")
    };
    assert_eq!(tiles(&log), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0)]);
    for (pruned, left) in [(255, 5), (256, 4), (600, 3), (1_024, 1), (1_100, 1)] {
        prune(&mut log, before(pruned), None);
        assert_eq!(tiles(&log).len(), left + 1, "{pruned}");
        for new in known.iter().filter(|head| head.size >= pruned) {
            for old in known.iter().filter(|head| (pruned..=new.size).contains(&head.size)) {
                let proof = log.files.consistency(old.size, Some(new.size)).expect("a proof");
                assert_eq!((proof.old, proof.new, proof.verify()), (*old, *new, Ok(())));
            }
        }
        verify_unsigned(log.folder.path()).expect("whole");
    }
}

#[test]
fn nothing_goes_that_lies_beyond_the_bound() {
    let mut log = log(entries(0..600));
    prune(&mut log, before(600), Some(0));
    assert_eq!(log.files.seqs().expect("seqs"), 0..600);
    prune(&mut log, before(600), Some(70));
    assert_eq!(log.files.seqs().expect("seqs"), 70..600);
    prune(&mut log, before(600), Some(60));
    assert_eq!(log.files.seqs().expect("seqs"), 70..600);
    prune(&mut log, before(600), Some(580));
    assert_eq!(log.files.seqs().expect("seqs"), 580..600);
}

/// A changed entry stays as evidence: the cleanup stops before it removes any entry of that step.
#[test]
fn what_was_changed_is_not_removed() {
    for (sql, expected) in [
        ("UPDATE entries SET tool = NULL WHERE seq = 7", "at seq 7: the entry was changed"),
        ("DELETE FROM entries WHERE seq = 7", "at seq 7: the entry is missing"),
        ("UPDATE term SET text = 'x' || text WHERE field = 8", "at seq 0: the entry was changed"),
        ("UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0", "at seq 0: the entry was changed"),
        ("UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 1", "do not match the root"),
        ("UPDATE head SET root = zeroblob(32)", "do not match the root"),
    ] {
        let mut log = log(entries(0..600));
        let file = log.folder.path().join("mcp-audit-log.db");
        tamper(&file, sql);
        let raw = rusqlite::Connection::open(&file).expect("raw");
        let count =
            "SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM tile) + (SELECT count(*) FROM payload)";
        let count = || raw.query_row(count, [], |row| row.get::<_, u64>(0)).expect("counted");
        let there = count();
        for _ in 0..2 {
            let error =
                log.writer.prune(mcp_audit_log_index::Removal::everywhere(before(550))).expect_err(sql).to_string();
            assert!(error.contains("the ledger does not match") && error.contains(expected), "{sql}: {error}");
            assert_eq!(count(), there, "{sql}");
        }
    }
}

/// The process dies after each step of a cleanup, and within a step before anything reached the disk. The remaining log
/// is whole and proves as before, and the next start continues the cleanup.
#[test]
fn a_cleanup_that_is_cut_off_anywhere_is_whole_and_goes_on() {
    let mut log = log(entries(0..1_600));
    let known: Vec<_> = [1_500, 1_550, 1_600].map(|size| log.files.head_at(size).expect("a tree")).into();
    let mut steps = 0;
    loop {
        let step = log.writer.prune(mcp_audit_log_index::Removal::everywhere(before(1_500))).expect("a step");
        steps += 1;
        // As the files lie there when the process is killed: nothing of it has been tidied up.
        let killed = tempfile::tempdir().expect("a folder");
        for name in ["mcp-audit-log.db", "mcp-audit-log.db-wal"] {
            fs::copy(log.folder.path().join(name), killed.path().join(name)).expect("copied");
        }
        verify_unsigned(killed.path()).expect("whole");
        let (files, mut writer) = crate::open(killed.path()).expect("opened");
        while writer.prune(mcp_audit_log_index::Removal::everywhere(before(1_500))).expect("goes on").more {}
        assert_eq!(files.seqs().expect("seqs"), 1_500..1_600);
        for head in &known {
            assert_eq!(files.consistency(1_500, Some(head.size)).expect("a proof").new, *head);
        }
        writer.commit(&batch(entries(1_600..1_610))).expect("stored");
        drop((files, writer));
        verify_unsigned(killed.path()).expect("whole");
        if !step.more {
            break;
        }
    }
    assert!(steps >= 4, "{steps}");
}
