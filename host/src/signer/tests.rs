//! Keys that are made, kept, changed and refused; and what was signed last.

use std::fs;
use std::path::Path;

use super::*;
use crate::ledger::VerifierKey;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn open(folder: &Path) -> Signer {
    Signer::open(folder, &SignerOptions::default(), &[]).expect("a signer")
}

fn error(folder: &Path, options: &SignerOptions, known: &[VerifierKey]) -> String {
    Signer::open(folder, options, known).expect_err("refused").to_string()
}

#[test]
fn keys_are_made_once_and_only_for_their_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let first: Vec<_> = open(folder.path()).verifiers().collect();
    assert_eq!(open(folder.path()).verifiers().collect::<Vec<_>>(), first);
    assert_eq!(first.len(), 2);
    assert!(first[0].name().starts_with("mcp-audit/") && first[1].name() == format!("{}/time", first[0].name()));
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
fn what_was_signed_is_remembered_and_an_older_tree_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut signer = open(folder.path());
    signer.check(0, |_| None).expect("nothing was signed");
    let root = Hash::of(b"root of 5");
    let note = signer.sign(5, root, NOW).expect("signed").to_string();
    let signer = open(folder.path());
    assert_eq!(signer.last().map(ToString::to_string), Some(note));
    signer.check(5, |_| Some(root)).expect("the same");
    signer.check(9, |size| (size == 5).then_some(root)).expect("it has grown");
    let older = signer.check(4, |_| Some(root)).expect_err("older").to_string();
    assert!(older.contains("it has 4 entries, and 5 were signed") && older.contains("begin a new log"), "{older}");
    let other = signer.check(9, |_| Some(Hash::of(b"other"))).expect_err("rewritten").to_string();
    assert!(other.contains("its first 5 entries have another root"), "{other}");
    fs::remove_file(folder.path().join(LAST_FILE)).expect("removed");
    let forgotten = open(folder.path()).remembers(true).expect_err("forgotten").to_string();
    assert!(forgotten.contains("put the newest checkpoint that was published there"), "{forgotten}");
    fs::write(folder.path().join(LAST_FILE), "nonsense").expect("written");
    assert!(error(folder.path(), &SignerOptions::default(), &[]).contains("is damaged"));
}

#[test]
fn rotated_keys_sign_beside_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut signer = open(folder.path());
    let first: Vec<_> = signer.verifiers().collect();
    signer.sign(1, Hash::of(b"1"), NOW).expect("signed");
    let second = rotate(&folder.path().join(KEY_FILE)).expect("rotated");
    let mut signer = Signer::open(folder.path(), &SignerOptions::default(), &first).expect("a signer");
    assert_eq!(signer.verifiers().collect::<Vec<_>>(), second);
    assert_eq!((second.len(), &second[2]), (3, &first[0]));
    let note = signer.sign(2, Hash::of(b"2"), NOW).expect("signed").clone();
    for keys in [&first[..1], &second[..1], &second[..2]] {
        note.verify(keys).expect("whoever knows one of them sees it signed");
    }
    let third = rotate(&folder.path().join(KEY_FILE)).expect("rotated");
    assert!(third[2] == second[0] && !third.contains(&first[0]), "only the last one stays");
    let known: Vec<_> = first.iter().chain(&second).cloned().collect();
    Signer::open(folder.path(), &SignerOptions::default(), &known).expect("what was signed last is read by old keys");
}

#[test]
fn keys_of_another_log_are_refused_and_none_is_made_for_a_log_that_has_some() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let known: Vec<_> = open(folder.path()).verifiers().collect();
    open(other.path());
    let options = SignerOptions { key_file: Some(other.path().join(KEY_FILE)), ..SignerOptions::default() };
    assert!(error(folder.path(), &options, &known).contains("are for mcp-audit/"));
    let missing = SignerOptions { key_file: Some(other.path().join("nowhere")), ..SignerOptions::default() };
    assert!(error(folder.path(), &missing, &known).contains("are missing"));
    let named = SignerOptions { origin: Some("audit.example.com/a".into()), ..SignerOptions::default() };
    assert!(error(folder.path(), &named, &[]).contains("not for audit.example.com/a"));
    let text = fs::read_to_string(folder.path().join(KEY_FILE)).expect("a file");
    let given = SignerOptions { keys: Some(text.clone()), ..SignerOptions::default() };
    let third = tempfile::tempdir().expect("a folder");
    let signer = Signer::open(third.path(), &given, &known).expect("keys of the environment");
    assert_eq!(signer.verifiers().collect::<Vec<_>>(), known);
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
