//! Keys that are created, kept, rotated and refused; and the last signed checkpoint.

use std::fs;
use std::path::Path;

use super::*;
use mcp_audit_log_ledger::VerifierKey;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The known facts about a log that has entries and keys.
fn known(keys: &[VerifierKey]) -> Known<'_> {
    Known { keys, size: keys.len() as u64, now: NOW }
}

fn open(folder: &Path) -> Signer {
    Signer::open(folder, &SignerOptions::default(), known(&[])).expect("a signer")
}

fn error(folder: &Path, options: &SignerOptions, keys: &[VerifierKey]) -> String {
    Signer::open(folder, options, known(keys)).expect_err("refused").to_string()
}

#[test]
fn keys_are_created_once_readable_by_their_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let first: Vec<_> = open(folder.path()).verifiers().collect();
    assert_eq!(open(folder.path()).verifiers().collect::<Vec<_>>(), first);
    assert_eq!(first.len(), 2);
    assert!(first[0].name().starts_with("mcp-audit-log/") && first[1].name() == format!("{}/time", first[0].name()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(KEY_FILE);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(error(folder.path(), &SignerOptions::default(), &[]).contains("chmod 600"));
    }
}

#[test]
fn the_last_checkpoint_is_remembered_and_an_older_tree_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut signer = open(folder.path());
    signer.check(0, |_| Some(Hash::of_nothing())).expect("nothing is there");
    let root = Hash::of(b"root of 5");
    let note = signer.sign(5, root, NOW).expect("signed").to_string();
    let signer = open(folder.path());
    assert_eq!(signer.last().map(ToString::to_string), Some(note));
    signer.check(5, |_| Some(root)).expect("the same");
    signer.check(9, |size| (size == 5).then_some(root)).expect("it has grown");
    let older = signer.check(4, |_| Some(root)).expect_err("older").to_string();
    assert!(older.contains("it has 4 entries, but 5 were signed") && older.contains("begin a new log"), "{older}");
    let other = signer.check(9, |_| Some(Hash::of(b"other"))).expect_err("rewritten").to_string();
    assert!(other.contains("its first 5 entries have another root"), "{other}");
    fs::remove_file(folder.path().join(LAST_FILE)).expect("removed");
    let keys: Vec<_> = signer.verifiers().collect();
    for known in [&keys[..], &[]] {
        let forgotten = error(folder.path(), &SignerOptions::default(), known);
        assert!(forgotten.contains("put the newest published checkpoint there"), "{forgotten}");
        assert!(forgotten.contains("mcp-audit-log key resume"), "{forgotten}");
    }
    fs::write(folder.path().join(LAST_FILE), "nonsense").expect("written");
    assert!(error(folder.path(), &SignerOptions::default(), &[]).contains("is damaged"));
}

#[test]
fn an_interrupted_start_never_leaves_keys_without_a_last_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, last) = (folder.path().join(KEY_FILE), folder.path().join(LAST_FILE));
    let signer = open(folder.path());
    assert_eq!(signer.last().map(|last| last.checkpoint().size), Some(0), "that there is nothing is signed at once");
    // Interrupted before the keys had their name: the next attempt creates others.
    fs::remove_file(&key).expect("removed");
    let again = open(folder.path());
    assert_ne!(again.origin(), signer.origin());
    // A checkpoint of a log with entries is not overwritten.
    let keys: Vec<_> = again.verifiers().collect();
    fs::remove_file(&key).expect("removed");
    assert!(error(folder.path(), &SignerOptions::default(), &keys).contains("are missing"));
    let mut third = open(folder.path());
    third.sign(5, Hash::of(b"5"), NOW).expect("signed");
    let kept = fs::read(&key).expect("keys");
    fs::remove_file(&key).expect("removed");
    assert!(error(folder.path(), &SignerOptions::default(), &[]).contains("are missing"));
    // No file shows whether keys from the environment were used; the log does.
    fs::remove_file(&last).expect("removed");
    let given = SignerOptions { keys: Some(String::from_utf8(kept).expect("text")), ..SignerOptions::default() };
    let known: Vec<_> = third.verifiers().collect();
    assert!(error(folder.path(), &given, &known).contains("is missing"));
    let new = Signer::open(folder.path(), &given, super::Known { keys: &[], size: 0, now: NOW }).expect("a new log");
    assert_eq!(new.last().map(|last| last.checkpoint().size), Some(0));
}

#[test]
fn signing_resumes_without_the_last_checkpoint_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys: Vec<_> = open(folder.path()).verifiers().collect();
    let resume = Some(Resume { by: "anna".into(), reason: "the disk with it is broken".into() });
    let options = SignerOptions { resume, ..SignerOptions::default() };
    assert!(error(folder.path(), &options, &keys).contains("nothing to resume"));
    fs::remove_file(folder.path().join(LAST_FILE)).expect("removed");
    let mut signer = Signer::open(folder.path(), &options, known(&keys)).expect("a signer");
    signer.sign(9, Hash::of(b"9"), NOW).expect("signed");
    Signer::open(folder.path(), &SignerOptions::default(), known(&keys)).expect("as usual from then on");
}

#[test]
fn rotated_keys_sign_beside_the_previous_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut signer = open(folder.path());
    let first: Vec<_> = signer.verifiers().collect();
    signer.sign(1, Hash::of(b"1"), NOW).expect("signed");
    let rotate = |known: &[VerifierKey]| {
        rotate(&folder.path().join(KEY_FILE), last(&folder.path().join(LAST_FILE)).expect("read").as_ref(), known)
    };
    let second = rotate(&first).expect("rotated");
    let unused = rotate(&first).expect_err("refused").to_string();
    assert!(unused.contains("start the log once"), "{unused}");
    let mut signer = Signer::open(folder.path(), &SignerOptions::default(), known(&first)).expect("a signer");
    assert_eq!(signer.verifiers().collect::<Vec<_>>(), second);
    assert_eq!((second.len(), &second[2]), (3, &first[0]));
    let note = signer.sign(2, Hash::of(b"2"), NOW).expect("signed").clone();
    for keys in [&first[..1], &second[..1], &second[..2]] {
        note.verify(keys).expect("whoever knows one of them sees it signed");
    }
    let all: Vec<_> = first.iter().chain(&second).cloned().collect();
    let third = rotate(&all).expect("rotated");
    assert!(third[2] == second[0] && !third.contains(&first[0]), "only the last one stays");
    Signer::open(folder.path(), &SignerOptions::default(), known(&all))
        .expect("what was signed last is read by the key that stays");
    let stranger = tempfile::tempdir().expect("a folder");
    let mut forger = open(stranger.path());
    let forged: Vec<_> = all.iter().cloned().chain(forger.verifiers()).collect();
    let note = forger.sign(1, Hash::of(b"forged"), NOW).expect("signed").to_string();
    fs::write(folder.path().join(LAST_FILE), note).expect("written");
    // As if an attacker had put a key of their own into the log's database as well.
    assert!(error(folder.path(), &SignerOptions::default(), &forged).contains("is damaged"));
}

#[test]
fn keys_of_another_log_are_refused_and_existing_ones_not_replaced() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let keys: Vec<_> = open(folder.path()).verifiers().collect();
    open(other.path());
    let options = SignerOptions { key_file: Some(other.path().join(KEY_FILE)), ..SignerOptions::default() };
    assert!(error(folder.path(), &options, &keys).contains("are for mcp-audit-log/"));
    let missing = SignerOptions { key_file: Some(other.path().join("nowhere")), ..SignerOptions::default() };
    assert!(error(folder.path(), &missing, &keys).contains("are missing"));
    let named = SignerOptions { origin: Some("audit.example.com/a".into()), ..SignerOptions::default() };
    assert!(error(folder.path(), &named, &[]).contains("not for audit.example.com/a"));
    let text = fs::read_to_string(folder.path().join(KEY_FILE)).expect("a file");
    let given = SignerOptions { keys: Some(text.clone()), ..SignerOptions::default() };
    let third = tempfile::tempdir().expect("a folder");
    let signer = Signer::open(third.path(), &given, known(&[])).expect("keys of the environment");
    assert_eq!(signer.verifiers().collect::<Vec<_>>(), keys);
    assert!(!third.path().join(KEY_FILE).exists(), "no file is made beside them");
    for broken in
        ["", "nonsense", &text.replace("PRIVATE", "PUBLIC"), &text.lines().take(2).collect::<Vec<_>>().join("\n")]
    {
        let given = SignerOptions { keys: Some(broken.to_owned()), ..SignerOptions::default() };
        let said = error(third.path(), &given, &[]);
        assert!(said.contains("signing keys"), "{said}");
        assert!(!said.contains(text.trim().rsplit('+').next().expect("bytes")), "no secret in a message");
    }
}
