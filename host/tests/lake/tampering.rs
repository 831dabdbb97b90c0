//! Each kind of tampering with a lake is found and named.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_audit_log::ledger::VerifierKey;
use mcp_audit_log::time::DAY;

use crate::support::{World, ending, keys, record, sealed, verify};

/// The files of a lake with three segments, oldest first.
struct Files {
    manifests: Vec<PathBuf>,
    rows: Vec<PathBuf>,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for item in fs::read_dir(from).expect("a folder") {
        let item = item.expect("an item");
        let to = to.join(item.file_name());
        match item.path().is_dir() {
            true => copy(&item.path(), &to),
            false => copy_file(&item.path(), &to),
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

fn exchange(one: &Path, other: &Path) {
    let (first, second) = (fs::read(one).expect("read"), fs::read(other).expect("read"));
    fs::write(one, second).expect("written");
    fs::write(other, first).expect("written");
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

/// Writes a manifest as the log does.
fn write_json(path: &Path, manifest: &serde_json::Value) {
    fs::write(path, serde_json::to_string_pretty(manifest).expect("text") + "\n").expect("written");
}

/// Makes a manifest fit the bytes of its changed rows.
fn restate(files: &Files, at: usize) {
    let rows = fs::read(&files.rows[at]).expect("read");
    let mut manifest = json(&files.manifests[at]);
    let digest = mcp_audit_log::ledger::Hash::of(&rows).to_string();
    manifest["objects"][0]["bytes"] = rows.len().into();
    manifest["objects"][0]["sha256"] = digest.into();
    write_json(&files.manifests[at], &manifest);
}

type Tamper = fn(&Files);

const TAMPERINGS: [(&str, Tamper, &str); 16] = [
    ("a flipped bit in the rows", |f| change(&f.rows[1], |rows| rows[100] ^= 1), "was changed: its SHA-256"),
    ("rows cut", |f| change(&f.rows[1], |rows| rows.truncate(100)), "has 100 bytes instead of"),
    ("rows emptied", |f| change(&f.rows[1], Vec::clear), "has 0 bytes instead of"),
    ("rows removed", |f| fs::remove_file(&f.rows[1]).expect("removed"), "is missing: it was removed"),
    ("rows exchanged", |f| exchange(&f.rows[0], &f.rows[2]), "it was cut, or exchanged"),
    ("a flipped bit in a manifest", |f| change(&f.manifests[1], |text| text[50] ^= 1), "not a manifest of a segment"),
    ("a manifest cut", |f| change(&f.manifests[1], |text| text.truncate(300)), "not a manifest of a segment"),
    ("a manifest emptied", |f| change(&f.manifests[1], Vec::clear), "not a manifest of a segment"),
    ("a manifest removed", |f| fs::remove_file(&f.manifests[1]).expect("removed"), "a manifest was removed"),
    ("manifests exchanged", |f| exchange(&f.manifests[0], &f.manifests[1]), "of another segment or log"),
    (
        "a segment removed",
        |f| [&f.manifests[1], &f.rows[1]].into_iter().for_each(|path| fs::remove_file(path).expect("removed")),
        "no segment of",
    ),
    ("other rows, and restated", |f| (copy_file(&f.rows[0], &f.rows[1]), restate(f, 1)).1, "its rows"),
    (
        "another checkpoint",
        |f| {
            let (mut manifest, other) = (json(&f.manifests[1]), json(&f.manifests[2]));
            manifest["checkpoint"] = other["checkpoint"].clone();
            write_json(&f.manifests[1], &manifest);
        },
        "its hashes do not lead to the signed root",
    ),
    (
        "a changed root",
        |f| {
            let mut manifest = json(&f.manifests[1]);
            let note = manifest["checkpoint"].as_str().expect("a note").replacen("\n", "\n1", 1);
            manifest["checkpoint"] = note.into();
            write_json(&f.manifests[1], &manifest);
        },
        "its checkpoint is not valid",
    ),
    (
        "other times",
        |f| replace(&f.manifests[1], "\"recorded_to\": \"2026-01-02T12", "\"recorded_to\": \"2026-01-02T13"),
        "has other times than its rows",
    ),
    (
        "a copy under another name",
        |f| {
            let other = f.manifests[1].with_file_name(format!("{:020}-{:020}.json", 1_000, 1_001));
            copy_file(&f.manifests[1], &other);
        },
        "of another segment or log",
    ),
];

#[tokio::test]
async fn every_tampering_is_named() {
    let (world, log) = World::with_days(3).await;
    let keys = keys(&log);
    assert!(verify(world.lake.path(), &keys).faults.is_empty());
    for (what, tamper, expected) in TAMPERINGS {
        let copied = tempfile::tempdir().expect("a folder");
        copy(world.lake.path(), copied.path());
        let files = Files { manifests: ending(copied.path(), ".json"), rows: ending(copied.path(), ".parquet") };
        assert_eq!((files.manifests.len(), files.rows.len()), (3, 3));
        tamper(&files);
        let faults: Vec<_> = verify(copied.path(), &keys).faults.iter().map(ToString::to_string).collect();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{what}: {faults:?}");
        assert!(faults.iter().all(|fault| fault.contains("log=") || fault.contains("from seq")), "{what}: {faults:?}");
    }
}

#[tokio::test]
async fn rows_without_a_manifest_and_files_of_others_are_told_apart() {
    let (world, log) = World::with_days(2).await;
    let rows = ending(world.lake.path(), ".parquet");
    let stray = rows[0].with_file_name(format!("{:020}-{:020}.parquet", 0, 7));
    fs::copy(&rows[0], &stray).expect("copied");
    // Such as a table format over the same files, and what a kill left.
    fs::create_dir(world.lake.path().join("_delta_log")).expect("a folder");
    fs::write(world.lake.path().join("_delta_log/0.json"), "{}").expect("written");
    fs::write(rows[0].with_extension("parquet.partial"), "half").expect("written");
    let faults: Vec<_> = verify(world.lake.path(), &keys(&log)).faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("belongs to no manifest"), "{faults:?}");
}

#[tokio::test]
async fn the_keys_of_another_log_prove_nothing() {
    let (world, _log) = World::with_days(1).await;
    let (other, its_log) = World::with_days(1).await;
    let report = verify(world.lake.path(), &keys(&its_log));
    assert!(report.faults[0].to_string().contains("not signed by a trusted key"), "{:?}", report.faults);
    // Two logs share a lake.
    copy(other.lake.path(), world.lake.path());
    let report = verify(world.lake.path(), &[]);
    assert_eq!((report.logs.len(), report.faults.len()), (2, 0), "{:?}", report.faults);
    // A segment of another log under this one's name.
    let (own, theirs) = (ending(world.lake.path(), ".json"), ending(other.lake.path(), ".json"));
    let own = own
        .iter()
        .find(|path| **path != world.lake.path().join(theirs[0].strip_prefix(other.lake.path()).expect("a path")));
    fs::copy(&theirs[0], own.expect("a manifest")).expect("copied");
    let faults = verify(world.lake.path(), &[]).faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains("it was exchanged")), "{faults:?}");
}

#[tokio::test]
async fn a_log_with_two_histories_does_not_pass_as_one() {
    // The same log goes on twice, from a copy of its folder.
    let (world, log) = World::with_days(1).await;
    let keys: Vec<VerifierKey> = keys(&log);
    log.close();
    drop(log);
    let fork = World { clock: std::sync::Arc::clone(&world.clock), ..World::new() };
    copy(world.data.path(), fork.data.path());
    copy(world.lake.path(), fork.lake.path());
    let (log, forked) = (world.open(), fork.open());
    for _ in 0..2 {
        for tool in ["search", "fetch"] {
            record(&log, tool).await;
            record(&forked, tool).await;
        }
        world.clock.advance(DAY);
        sealed(&log);
        sealed(&forked);
    }
    let (own, theirs) = (world.lake.path(), fork.lake.path());
    assert!(verify(own, &keys).faults.is_empty() && verify(theirs, &keys).faults.is_empty());
    // The last segment of the one behind the others of the other; both are signed.
    for end in [".json", ".parquet"] {
        let last = ending(theirs, end).pop().expect("a file");
        let to = own.join(last.strip_prefix(theirs).expect("below it"));
        assert!(to.exists(), "the same range of seq");
        fs::copy(&last, to).expect("copied");
    }
    let faults: Vec<_> = verify(own, &keys).faults.iter().map(ToString::to_string).collect();
    assert!(faults.iter().any(|fault| fault.contains("they are of two histories")), "{faults:?}");
}
