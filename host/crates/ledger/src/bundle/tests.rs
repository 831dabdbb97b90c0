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
