//! Bundles of every range of a small log, and tampered bundles.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::*;
use super::*;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// A log of entries in memory.
struct Log {
    entries: Vec<Entry>,
    nodes: HashMap<Node, Hash>,
    frontiers: Vec<Frontier>,
}

impl Nodes for Log {
    type Error = ();

    fn node(&self, node: Node) -> Result<Hash, ()> {
        self.nodes.get(&node).copied().ok_or(())
    }
}

impl Log {
    fn of(size: u64) -> Self {
        let (mut entries, mut nodes, mut frontier) = (Vec::new(), HashMap::new(), Frontier::default());
        let mut frontiers = vec![frontier.clone()];
        for seq in 0..size {
            let entry = entry(seq);
            let leaf = Leaf::new(seq, entry.recorded_at.as_micros(), Content::of(&entry).hash()).hash();
            frontier.push(leaf, |node, hash| {
                nodes.insert(node, hash);
            });
            frontiers.push(frontier.clone());
            entries.push(entry);
        }
        Self { entries, nodes, frontiers }
    }

    /// The bundle of a run, by the checkpoint at `size`.
    fn bundle(&self, first: u64, end: u64, size: u64) -> Vec<String> {
        let right: Vec<_> = completion(end, size).into_iter().map(|node| self.node(node).expect("a hash")).collect();
        let root = self.frontiers[size as usize].root();
        let checkpoint = Checkpoint { origin: "log.example/a".to_owned(), size, root };
        let checkpoint = SignedCheckpoint::sign(checkpoint, &[key()], 5).expect("signed");
        let keys = vec![key().verifier().to_string()];
        let left = &self.frontiers[first as usize];
        let head = Bundle::new(first, end, left.hashes(), &right, checkpoint.to_string(), keys).line();
        let run = &self.entries[first as usize..end as usize];
        let line = |entry: &Entry| match entry.seq % 3 {
            0 => BundleEntry::hidden(entry).line(),
            1 => BundleEntry::shown(entry, Some(payload(entry.seq))).line(),
            _ => BundleEntry::shown(entry, None).line(),
        };
        std::iter::once(head).chain(run.iter().map(line)).collect()
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed("log.example/a", SignatureKind::Log, [1; 32]).expect("a key")
}

fn payload(seq: u64) -> BundlePayload {
    BundlePayload::new(&[seq as u8; 32], Some("{\"q\":1}".to_owned()), None, &Default::default())
}

fn entry(seq: u64) -> Entry {
    let at = Timestamp::EPOCH.plus(seq as i64 * 1_000_000);
    let mut entry = Entry::new(Uuid::from_u128(seq.into()), at, at.plus(5));
    entry.seq = seq;
    entry.status_code = Some(200);
    entry.parent = seq.is_multiple_of(2).then(Uuid::nil);
    entry.set_text(Field::Channel, Some("mcp"));
    entry.set_text(Field::Tool, Some("suche \"\u{e4}\" \u{1f600}\n"));
    entry.details.insert("n".to_owned(), 1.into());
    entry.payload_commitment =
        Some(commitment(&[seq as u8; 32], Some("{\"q\":1}"), None, "{}").0).filter(|_| seq % 3 == 1);
    entry
}

fn check(lines: &[String], trusted: &[VerifierKey]) -> Result<CheckedBundle, BundleError> {
    let mut check = BundleCheck::begin(&lines[0], trusted)?;
    lines[1..].iter().try_for_each(|line| check.entry(line).map(drop))?;
    check.end()
}

#[test]
fn every_range_is_proved_by_every_later_checkpoint() {
    let log = Log::of(20);
    let trusted = [key().verifier().clone()];
    for size in 1..=20 {
        for end in 1..=size {
            for first in 0..end {
                let checked = check(&log.bundle(first, end, size), &trusted).expect("proved");
                assert_eq!((checked.first, checked.end, checked.size), (first, end, size));
                assert!(!checked.own_keys && checked.shown <= end - first);
            }
        }
    }
    assert!(check(&log.bundle(3, 9, 20), &[]).expect("proved").own_keys);
    let stranger = SigningKey::from_seed("log.example/a", SignatureKind::Log, [2; 32]).expect("a key");
    assert!(check(&log.bundle(3, 9, 20), &[stranger.verifier().clone()]).is_err());
}

#[test]
fn a_bundle_with_any_byte_changed_is_refused() {
    let log = Log::of(13);
    let trusted = [key().verifier().clone()];
    let lines = log.bundle(3, 9, 13);
    check(&lines, &trusted).expect("proved");
    for line in 0..lines.len() {
        for at in 0..lines[line].len() {
            let mut bytes = lines[line].clone().into_bytes();
            bytes[at] ^= 0x01;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            // The keys in the file do not count when others are trusted.
            if line == 0 && at > lines[0].find("\"keys\"").expect("keys") {
                continue;
            }
            let mut forged = lines.clone();
            forged[line] = changed;
            assert!(check(&forged, &trusted).is_err(), "line {line}, byte {at}: {}", forged[line]);
        }
    }
}

#[test]
fn lines_cannot_be_removed_swapped_repeated_or_added() {
    let log = Log::of(13);
    let lines = log.bundle(3, 9, 13);
    for at in 1..lines.len() {
        let mut forged = lines.clone();
        forged.remove(at);
        assert!(matches!(check(&forged, &[]), Err(BundleError::Missing(_))), "{at} is gone");
        let mut forged = lines.clone();
        forged.insert(at, lines[at].clone());
        assert!(matches!(check(&forged, &[]), Err(BundleError::Missing(_) | BundleError::More)), "{at} is there twice");
        if at > 1 {
            let mut forged = lines.clone();
            forged.swap(at, at - 1);
            assert!(matches!(check(&forged, &[]), Err(BundleError::Missing(_))), "{at} and the one before it");
        }
    }
    let doubled = lines[3].replacen("{\"version\"", "{\"version\":1,\"version\"", 1);
    let spaced = lines[3].replacen(':', ": ", 1);
    let both = lines[2].replacen("\"content\"", "\"hash\":\"\",\"content\"", 1);
    let extra = lines[3].replacen("\"channel\"", "\"chanel\":\"x\",\"channel\"", 1);
    for (at, line) in [(3, doubled), (3, spaced), (2, both), (3, extra), (3, "{}".to_owned()), (3, String::new())] {
        let mut forged = lines.clone();
        assert_ne!(forged[at], line);
        forged[at] = line;
        assert!(matches!(check(&forged, &[]), Err(BundleError::Line(_))), "{}", forged[at]);
    }
}

#[test]
fn a_payload_is_the_one_that_was_recorded() {
    let log = Log::of(13);
    let lines = log.bundle(3, 9, 13);
    let at = lines.iter().position(|line| line.contains("\"salt\"")).expect("a payload");
    let mut forged = lines.clone();
    forged[at] = forged[at].replacen("{\\\"q\\\":1}", "{\\\"q\\\":2}", 1);
    assert_ne!(forged[at], lines[at]);
    assert!(matches!(check(&forged, &[]), Err(BundleError::Payload(_))));
}

#[test]
fn a_shown_entry_is_read_back_as_it_was() {
    for entry in Log::of(7).entries {
        assert_eq!(Content::of(&entry).entry(entry.seq, entry.recorded_at.as_micros()), Some(entry.clone()));
        let line = BundleEntry::shown(&entry, None);
        assert_eq!((line.entry(), BundleEntry::hidden(&entry).entry()), (Some(entry), None));
    }
}

fn record() -> JudgementRecord {
    let settings = [("a".to_owned(), 1.into()), ("b".to_owned(), "text".into())].into();
    JudgementRecord { layers: vec!["sha256:00".to_owned()], settings, ..JudgementRecord::default() }
}

/// The record names nothing that is computed from itself: an entry of the log names its digest.
#[test]
fn a_line_about_what_judged_with_any_byte_changed_is_refused_or_has_another_record() {
    let log = Log::of(13);
    let lines = log.bundle(3, 9, 13);
    let mut check = BundleCheck::begin(&lines[0], &[key().verifier().clone()]).expect("begun");
    assert!(!check.has_all_entries());
    lines[1..].iter().for_each(|line| drop(check.entry(line).expect("an entry")));
    assert!(check.has_all_entries() && check.first() == 3);
    let entry = &log.entries[11];
    let content = Content::of(entry);
    let checkpoint: Bundle = serde_json::from_str(&lines[0]).expect("a header");
    let checkpoint = SignedCheckpoint::parse(checkpoint.checkpoint.as_bytes()).expect("a checkpoint");
    let leaf = Leaf::new(11, entry.recorded_at.as_micros(), content.hash());
    let proof = ProofFile::new(&leaf, &content, inclusion(11, 13, &log).expect("a proof"), checkpoint).to_string();
    let digest = format!("sha256:{}", Hash::of(b"a component"));
    let parts = [
        (JudgementLine::Record { since: 7, judges: record() }, JudgementPart::Record(7, record())),
        (JudgementLine::Sealed { proof }, JudgementPart::Sealed(Box::new(entry.clone()))),
        (
            JudgementLine::component(digest.clone(), b"a component"),
            JudgementPart::Component(digest, b"a component".into()),
        ),
    ];
    for (line, part) in parts {
        let line = line.line();
        assert_eq!(check.judgement(&line), Ok(part));
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 0x01;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            match check.judgement(&changed) {
                Ok(JudgementPart::Record(since, judges)) => {
                    assert!(since != 7 || judges.digest() != record().digest(), "byte {at}: {changed}");
                }
                read => assert!(read.is_err(), "byte {at}: {changed}"),
            }
        }
    }
}

#[test]
fn a_proof_by_another_checkpoint_is_none_of_the_bundle() {
    let log = Log::of(13);
    let begin = |size| BundleCheck::begin(&log.bundle(3, 9, size)[0], &[]).expect("begun");
    let header: Bundle = serde_json::from_str(&log.bundle(3, 9, 12)[0]).expect("a header");
    let checkpoint = SignedCheckpoint::parse(header.checkpoint.as_bytes()).expect("a checkpoint");
    let (entry, content) = (&log.entries[4], Content::of(&log.entries[4]));
    let leaf = Leaf::new(4, entry.recorded_at.as_micros(), content.hash());
    let proof = ProofFile::new(&leaf, &content, inclusion(4, 12, &log).expect("a proof"), checkpoint).to_string();
    let line = JudgementLine::Sealed { proof }.line();
    assert!(begin(12).judgement(&line).is_ok() && begin(13).judgement(&line) == Err(BundleError::JudgementLine));
}
