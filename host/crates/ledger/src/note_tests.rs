//! Notes and checkpoints: the specification's examples, an independent implementation, and hostile texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};

use super::*;

/// The example of c2sp.org/signed-note.
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

fn keys() -> Vec<SigningKey> {
    let key = |name, kind, seed| SigningKey::from_seed(name, kind, [seed; 32]).expect("a key");
    vec![key("log.example/a", SignatureKind::Log, 1), key("log.example/a/time", SignatureKind::Time, 2)]
}

fn verifiers() -> Vec<VerifierKey> {
    keys().iter().map(|key| key.verifier().clone()).collect()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: "log.example/a".to_owned(), size, root: Hash::of(b"root") }
}

fn signed() -> String {
    SignedCheckpoint::sign(checkpoint(7), &keys(), 1_700_000_000).expect("signed").to_string()
}

fn verified(note: &str) -> Result<Option<u64>, CheckpointError> {
    SignedCheckpoint::parse(note.as_bytes())?.verify(&verifiers())
}

#[test]
fn the_examples_of_the_specification_are_read() {
    let key = VerifierKey::parse(EXAMPLE_KEY).expect("a key");
    assert_eq!((key.name(), key.id(), key.to_string().as_str()), ("example.com/foo", 0x530d_903a, EXAMPLE_KEY));
    let note = Note::parse(EXAMPLE.as_bytes()).expect("a note");
    assert_eq!(note.verify(&[key]).expect("signed").len(), 1);
    assert_eq!(note.to_string(), EXAMPLE);
    let poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u{e8} subito sera.\n\n\u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    assert_eq!(Note::parse(poem.as_bytes()).expect("a note").to_string(), poem, "a text may have empty lines");
}

#[test]
fn an_independent_implementation_reads_and_writes_the_same() {
    let (own, theirs) = (keys().remove(0), |vkey: &VerifierKey| {
        VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey.to_string()).expect("a key"))])
    });
    let note = signed_note::Note::from_bytes(signed().as_bytes()).expect("a note");
    let (verified, unknown) = note.verify(&theirs(own.verifier())).expect("verified");
    assert_eq!((verified.len(), unknown.len()), (1, 1), "the time is another kind of signature");
    let read = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint");
    assert_eq!((read.origin(), read.size(), read.hash().0), ("log.example/a", 7, checkpoint(7).root.0));
    assert_eq!(read.extension(), "");

    let signer = StandardSigner::new(&own.secret_text()).expect("a key");
    let mut note = signed_note::Note::new(b"log.example/a\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", &[])
        .expect("a note");
    note.add_sigs(&[&signer]).expect("signed");
    let ours = SignedCheckpoint::parse(&note.to_bytes()).expect("a checkpoint");
    assert_eq!(ours.verify(&verifiers()).expect("verified"), None, "without a time");
    assert_eq!(ours.to_string().as_bytes(), note.to_bytes());
}

#[test]
fn a_checkpoint_has_its_content_and_time() {
    let text = signed();
    assert_eq!(verified(&text), Ok(Some(1_700_000_000)));
    assert_eq!(SignedCheckpoint::parse(text.as_bytes()).expect("read").checkpoint(), &checkpoint(7));
    let stranger = SigningKey::from_seed("log.example/a", SignatureKind::Log, [9; 32]).expect("a key");
    let only =
        |key: &SigningKey| SignedCheckpoint::parse(text.as_bytes()).expect("read").verify(&[key.verifier().clone()]);
    assert_eq!(only(&stranger), Err(NoteError::Unknown.into()));
    assert_eq!(only(&keys()[0]), Ok(None), "a time of an unknown key is none");
    assert!(matches!(only(&keys()[1]), Err(CheckpointError::Unsigned(_))), "the time alone is no signature of the log");
}

#[test]
fn a_note_with_any_byte_changed_is_refused() {
    let text = signed();
    for at in 0..text.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= bit;
            let read = SignedCheckpoint::parse(&bytes).and_then(|read| Ok((read.verify(&verifiers())?, read)));
            // The signature may become unreadable; the signed text may not change.
            if let Ok((time, read)) = read {
                assert_eq!(read.checkpoint(), &checkpoint(7), "byte {at}");
                assert!(time.is_none_or(|time| time == 1_700_000_000), "byte {at}");
            }
        }
    }
}

#[test]
fn hostile_notes_are_refused() {
    let text = signed();
    let (body, signatures) = text.split_once("\n\n").expect("two parts");
    let line = signatures.lines().next().expect("a signature");
    let with = |lines: usize| format!("{body}\n\n{}", format!("{line}\n").repeat(lines));
    assert!(verified(&with(16)).is_ok());
    assert_eq!(verified(&with(17)), Err(NoteError::Signatures.into()));
    let long = format!("{body}{}\n\n{signatures}", "x".repeat(70_000));
    assert_eq!(verified(&long), Err(NoteError::Length.into()));
    for (hostile, error) in [
        (text.replace('\n', "\r\n"), NoteError::Bytes),
        (text.replacen('a', "\u{1b}", 1), NoteError::Bytes),
        (text.replacen('a', "\0", 1), NoteError::Bytes),
        (format!("{body}\n"), NoteError::Unsigned),
        (format!("{body}\n\n"), NoteError::Unsigned),
        (text.trim_end().to_owned(), NoteError::Unsigned),
        (format!("{text}\n"), NoteError::Unsigned),
        (format!("{body}\n\n{}\n", line.replace('\u{2014}', "--")), NoteError::Line(1)),
        (format!("{body}\n\n{}\n", line.replace("log.example/a ", "log.example/a  ")), NoteError::Line(1)),
        (format!("{body}\n\n{}\n", line.replace("log.example/a", "log+example/a")), NoteError::Line(1)),
        (format!("{body}\n\n{line}=\n"), NoteError::Line(1)),
        (format!("{body}\n\n\u{2014} log.example/a AAAA\n"), NoteError::Line(1)),
        (format!("{body}\n\n\u{2014} log.example/a AAAAAA==\n"), NoteError::Line(1)),
        (String::new(), NoteError::Unsigned),
        ("\n\n".to_owned(), NoteError::Bytes),
    ] {
        assert_eq!(verified(&hostile), Err(error.into()), "{hostile:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Bytes));
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let root = STANDARD.encode([7; 32]);
    let read = |size: &str, root: &str| Checkpoint::parse(&format!("log\n{size}\n{root}\n"));
    for size in ["0", "1", "20852163", "18446744073709551615"] {
        assert_eq!(read(size, &root).map(|read| read.size.to_string()).as_deref(), Ok(size));
    }
    for size in ["", "01", "00", "+1", "-1", "1.0", "1e3", " 1", "0x1", "18446744073709551616", "\u{661}"] {
        assert_eq!(read(size, &root), Err(CheckpointError::Form), "{size:?}");
    }
    for root in ["", "AAAA", &root[..40], &format!("{root}A"), &root.replace('=', ""), &root.replace('B', "-")] {
        assert_eq!(read("1", root), Err(CheckpointError::Form), "{root:?}");
    }
    for text in ["", "\n1\nroot\n", "log\n1\n", &format!("log\n1\n{root}"), &format!("log\n1\n{root}\nextension\n")] {
        assert_eq!(Checkpoint::parse(text), Err(CheckpointError::Form), "{text:?}");
    }
}

#[test]
fn keys_have_one_spelling() {
    for key in keys() {
        let (public, secret) = (key.verifier().to_string(), key.secret_text());
        assert_eq!(VerifierKey::parse(&public).as_ref(), Ok(key.verifier()));
        assert_eq!(SigningKey::parse(&secret).expect("read").verifier(), key.verifier());
        assert!(!format!("{key:?}").contains(secret.rsplit('+').next().expect("bytes")), "no secret in a message");
        for at in 0..public.len() {
            let changed =
                format!("{}{}{}", &public[..at], if &public[at..=at] == "0" { "1" } else { "0" }, &public[at + 1..]);
            assert!(VerifierKey::parse(&changed).is_err(), "{changed}");
        }
    }
    let upper = EXAMPLE_KEY.replace("530d903a", "530D903A");
    for (text, error) in [
        (upper.as_str(), KeyError::Id),
        ("", KeyError::Form),
        ("a+b", KeyError::Form),
        ("a+00000000+", KeyError::Form),
        ("a b+00000000+AQ==", KeyError::Name),
        ("a+00000000+AgAA", KeyError::Kind),
        ("a+00000000+AQAA", KeyError::Form),
    ] {
        assert_eq!(VerifierKey::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn a_proof_file_proves_one_entry() {
    let leaves: Vec<_> = (0..7_u8).map(|at| leaf_hash(&[at])).collect();
    let mut frontier = Frontier::default();
    let mut nodes = std::collections::HashMap::new();
    for leaf in &leaves {
        frontier.push(*leaf, |node, hash| {
            nodes.insert(node, hash);
        });
    }
    struct All(std::collections::HashMap<Node, Hash>);
    impl Nodes for All {
        type Error = ();
        fn node(&self, node: Node) -> Result<Hash, ()> {
            self.0.get(&node).copied().ok_or(())
        }
    }
    let nodes = All(nodes);
    let checkpoint = Checkpoint { root: frontier.root(), ..checkpoint(7) };
    let checkpoint = SignedCheckpoint::sign(checkpoint, &keys(), 5).expect("signed");
    for (index, leaf) in leaves.iter().enumerate() {
        let hashes = inclusion(index as u64, 7, &nodes).expect("a proof");
        let file = ProofFile { index: index as u64, extra: None, hashes, checkpoint: checkpoint.clone() };
        let text = file.to_string();
        let read = ProofFile::parse(&text).expect("read");
        assert_eq!((&read, read.verify(*leaf, &verifiers())), (&file, Ok(Some(5))));
        assert!(read.verify(leaves[(index + 1) % 7], &verifiers()).is_err(), "another leaf");
        let extra = text.replacen('\n', "\nextra AAAA\n", 1);
        let read = ProofFile::parse(&extra).expect("read");
        assert_eq!((&read.extra, read.verify(*leaf, &verifiers())), (&Some(vec![0; 3]), Ok(Some(5))));
        assert_eq!(read.verify_entry(&verifiers()), Err(ProofFileError::Entry), "what nobody signed says nothing");
        assert_eq!(file.verify_entry(&verifiers()), Err(ProofFileError::Bare));
        for wrong in [
            text.replacen("proof@v1", "proof@v2", 1),
            text.replacen("index ", "index 0", 1),
            text.replacen("index ", "index  ", 1),
            text.replacen("index", "extra x\nextra y\nindex", 1),
            text.replacen('\n', "\r\n", 1),
            text.replacen("\n\n", "\n\n\n", 1),
        ] {
            assert!(ProofFile::parse(&wrong).and_then(|read| read.verify(*leaf, &verifiers())).is_err(), "{wrong}");
        }
    }
}
