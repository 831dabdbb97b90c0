//! The manifest of a segment: what it has, and what proves it.

use mcp_audit_log_export::{SegmentError, read_segment};
use mcp_audit_log_ledger::{CheckpointError, Content, Frontier, Hash, KeyError, Leaf, Node, completion};
use mcp_audit_log_ledger::{SignedCheckpoint, VERSION, VerifierKey};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The form of a manifest.
const FORMAT: &str = "mcp-audit-log-segment-v1";

/// The manifest of the segment of all entries in a range of `seq`. Hashes are in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentManifest {
    format: String,
    /// The log's name in its checkpoints.
    pub origin: String,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` after the last entry.
    pub end: u64,
    /// When the first entry was recorded.
    pub recorded_from: Timestamp,
    /// When the last entry was recorded.
    pub recorded_to: Timestamp,
    /// When the segment was sealed.
    pub sealed_at: Timestamp,
    /// The version of the leaves.
    leaf_version: u16,
    /// The files with its rows.
    pub objects: Vec<SegmentObject>,
    /// The frontier of the tree at `first`.
    left: Vec<String>,
    /// The hashes of the largest complete subtrees from `first` to `end`; one for a full segment.
    subtrees: Vec<String>,
    /// The same from `end` to the checkpoint's size.
    right: Vec<String>,
    /// A signed checkpoint that covers the segment.
    pub checkpoint: String,
    /// The log's keys, to be compared with those that a verifier has: anyone can write keys here.
    pub keys: Vec<String>,
}

/// A file of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentObject {
    /// Its name in the lake.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its length, in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}

/// The hashes that lead from a segment to the root of a checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct SegmentProof {
    pub(crate) left: Vec<Hash>,
    pub(crate) subtrees: Vec<Hash>,
    pub(crate) right: Vec<Hash>,
}

/// Why a manifest, or the rows of its segment, prove nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentFault {
    /// The manifest's form.
    #[error("it is not a manifest of a segment; it was cut, or changed")]
    Form,
    /// A key in the manifest.
    #[error("a key in it is not valid: {0}")]
    Key(#[from] KeyError),
    /// The checkpoint in the manifest.
    #[error("its checkpoint is not valid: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is of another log.
    #[error("its checkpoint is of another log, {0}")]
    Origin(String),
    /// The hashes do not lead to the root.
    #[error("its hashes do not lead to the signed root: the manifest was changed, or is of another log")]
    Root,
    /// The rows.
    #[error("its rows cannot be read: {0}")]
    Rows(#[from] SegmentError),
    /// Rows that are not the segment's.
    #[error("its rows are not the signed ones: they do not hash to the subtrees of the manifest")]
    Leaves,
}

impl SegmentObject {
    /// The file with these bytes.
    pub fn of(name: String, rows: u64, bytes: &[u8]) -> Self {
        Self { name, rows, bytes: bytes.len() as u64, sha256: sha256(bytes) }
    }

    /// Whether these are its bytes.
    pub fn has(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes.len() as u64 && self.sha256 == sha256(bytes)
    }
}

fn sha256(bytes: &[u8]) -> String {
    Hash(Sha256::digest(bytes).into()).to_string()
}

/// What a manifest says beside its proof.
pub(crate) struct Stated {
    pub(crate) origin: String,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) recorded_from: Timestamp,
    pub(crate) recorded_to: Timestamp,
    pub(crate) sealed_at: Timestamp,
    pub(crate) object: SegmentObject,
    pub(crate) checkpoint: String,
    pub(crate) keys: Vec<String>,
}

impl SegmentManifest {
    pub(crate) fn new(stated: Stated, proof: &SegmentProof) -> Self {
        let Stated { origin, first, end, recorded_from, recorded_to, sealed_at, object, checkpoint, keys } = stated;
        let hex = |hashes: &[Hash]| hashes.iter().map(Hash::to_string).collect();
        Self {
            format: FORMAT.to_owned(),
            origin,
            first,
            end,
            recorded_from,
            recorded_to,
            sealed_at,
            leaf_version: VERSION,
            objects: vec![object],
            left: hex(&proof.left),
            subtrees: hex(&proof.subtrees),
            right: hex(&proof.right),
            checkpoint,
            keys,
        }
    }

    /// Reads a manifest; nothing in it is trusted before [`SegmentManifest::prove`].
    ///
    /// # Errors
    /// It is not exactly as a log writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SegmentFault> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| SegmentFault::Form)?;
        let rows: u64 = manifest.objects.iter().map(|object| object.rows).fold(0, u64::saturating_add);
        let fits = manifest.format == FORMAT
            && manifest.leaf_version == VERSION
            && manifest.first < manifest.end
            && rows == manifest.end - manifest.first
            && manifest.to_bytes() == bytes;
        if fits { Ok(manifest) } else { Err(SegmentFault::Form) }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text.into_bytes()
    }

    /// Checks that one of `keys`, or without any one of those in the manifest, signed the checkpoint, and that the hashes
    /// lead to its root. Returns the checkpoint, and the time of signing in seconds since 1970 if a key confirms it.
    ///
    /// # Errors
    /// It proves nothing.
    pub fn prove(&self, keys: &[VerifierKey]) -> Result<(SignedCheckpoint, Option<u64>), SegmentFault> {
        let own = self.keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
        let checkpoint = SignedCheckpoint::parse(self.checkpoint.as_bytes())?;
        let time = checkpoint.verify_timed(if keys.is_empty() { &own } else { keys })?;
        let signed = checkpoint.checkpoint();
        if signed.origin != self.origin {
            return Err(SegmentFault::Origin(signed.origin.clone()));
        }
        let (mut tree, proof) = self.left()?;
        let leads = tree.append_all(&proof.subtrees, self.end)
            && tree.append_all(&proof.right, signed.size)
            && tree.root() == signed.root;
        if leads { Ok((checkpoint, time)) } else { Err(SegmentFault::Root) }
    }

    /// The tree before the segment, and all hashes.
    pub(crate) fn left(&self) -> Result<(Frontier, SegmentProof), SegmentFault> {
        let read = |texts: &[String]| texts.iter().map(|text| Hash::from_hex(text)).collect::<Option<Vec<_>>>();
        let (left, subtrees, right) = (read(&self.left), read(&self.subtrees), read(&self.right));
        let (Some(left), Some(subtrees), Some(right)) = (left, subtrees, right) else { return Err(SegmentFault::Form) };
        let tree = Frontier::from_hashes(self.first, left.clone()).ok_or(SegmentFault::Form)?;
        Ok((tree, SegmentProof { left, subtrees, right }))
    }

    /// Computes the leaves of the rows in `file`, and checks that they are those of the segment. `each` gets each entry
    /// with the tree that ends with it, before that is known.
    ///
    /// # Errors
    /// They are not.
    pub fn check_rows(&self, file: Vec<u8>, mut each: impl FnMut(&Entry, &Frontier)) -> Result<(), SegmentFault> {
        let (mut tree, proof) = self.left()?;
        let expected = completion(self.first, self.end).into_iter().zip(proof.subtrees);
        let mut expected: Vec<(Node, Hash)> = expected.collect();
        let mut fits = true;
        read_segment(file, self.end - self.first, |entry| {
            fits &= entry.seq == tree.size();
            tree.push(leaf(&entry), |node, hash| expected.retain(|found| *found != (node, hash)));
            each(&entry, &tree);
        })?;
        if fits && expected.is_empty() { Ok(()) } else { Err(SegmentFault::Leaves) }
    }

    /// Whether both are about the same entries of the same log.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        (&self.origin, self.first, self.end) == (&other.origin, other.first, other.end)
    }
}

/// The hash of an entry's leaf.
pub(crate) fn leaf(entry: &Entry) -> Hash {
    Leaf::new(entry.seq, entry.recorded_at.as_micros(), Content::of(entry).hash()).hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Segment, SegmentBuilder, SegmentRange};
    use mcp_audit_log_ledger::{Checkpoint, Nodes, SignatureKind, SigningKey, root};
    use mcp_audit_log_model::event::new_id;
    use mcp_audit_log_model::field::Field;
    use std::collections::HashMap;
    use std::ops::Range;

    struct Tree(HashMap<Node, Hash>);

    impl Nodes for Tree {
        type Error = Node;

        fn node(&self, node: Node) -> Result<Hash, Node> {
            self.0.get(&node).copied().ok_or(node)
        }
    }

    fn entries(size: u64) -> Vec<Entry> {
        let at = |seq: u64| Timestamp::from_micros(1_767_225_600_000_000 + seq.cast_signed());
        let entry = |seq| {
            let mut entry = Entry::new(new_id(at(seq)), at(seq), at(seq));
            entry.seq = seq;
            entry.set_text(Field::Tool, Some("search"));
            entry
        };
        (0..size).map(entry).collect()
    }

    /// The segment of `seqs`, with the rows of `rows`, in a log of `all`.
    fn sealed(all: &[Entry], seqs: Range<u64>, rows: &[Entry]) -> Result<Segment, String> {
        let (mut tree, mut nodes) = (Frontier::default(), Tree(HashMap::new()));
        for entry in all {
            tree.push(leaf(entry), |node, hash| {
                nodes.0.insert(node, hash);
            });
        }
        let size = tree.size();
        let key = SigningKey::from_seed("log", SignatureKind::Log, [7; 32]).expect("a key");
        let root = root(size, &nodes).expect("all nodes");
        let checkpoint = Checkpoint { origin: "log".to_owned(), size, root };
        let vkey = key.verifier().to_string();
        let note = SignedCheckpoint::sign(checkpoint, &[key], 0).expect("signed");
        let range = SegmentRange::new(seqs, note, vec![vkey], &nodes).expect("all nodes");
        let mut segment = SegmentBuilder::new(range).expect("a builder");
        rows.iter().for_each(|entry| segment.add(entry).expect("added"));
        segment.seal(Timestamp::EPOCH)
    }

    #[test]
    fn a_segment_anywhere_in_a_log_is_proved_and_only_by_its_own_rows() {
        let all = entries(300);
        for seqs in [0..1, 0..256, 0..300, 1..2, 7..100, 128..256, 255..257, 299..300] {
            let own = &all[seqs.start as usize..seqs.end as usize];
            let segment = sealed(&all, seqs.clone(), own).expect("sealed");
            let bytes = segment.manifest().to_bytes();
            let manifest = SegmentManifest::parse(&bytes).expect("a manifest");
            assert_eq!(&manifest, segment.manifest());
            let (checkpoint, _) = manifest.prove(&[]).expect("proved");
            assert_eq!(checkpoint.checkpoint().size, 300);
            let rows = segment.rows().to_vec();
            assert!(manifest.objects[0].has(&rows));
            let mut read = Vec::new();
            manifest.check_rows(rows, |entry, _| read.push(entry.clone())).expect("its rows");
            assert_eq!(read, own);

            let mut changed = own.to_vec();
            changed[own.len() / 2].set_text(Field::Tool, Some("other"));
            let mut writer = mcp_audit_log_export::SegmentWriter::new().expect("a writer");
            changed.iter().for_each(|entry| writer.add(entry).expect("added"));
            let rows = writer.finish().expect("a file");
            assert!(matches!(manifest.check_rows(rows, |_, _| {}), Err(SegmentFault::Leaves)), "{seqs:?}");
            let error = sealed(&all, seqs, &changed).expect_err("not the log's");
            assert!(error.contains("do not match the ledger"), "{error}");
        }
        assert!(sealed(&all, 5..9, &all[5..8]).is_err(), "an entry is missing");
    }

    #[test]
    fn a_changed_hash_proves_nothing() {
        let all = entries(20);
        let segment = sealed(&all, 3..9, &all[3..9]).expect("sealed");
        let text = String::from_utf8(segment.manifest().to_bytes()).expect("text");
        let hashes: Vec<_> = text.lines().filter(|line| line.trim().trim_end_matches(',').len() == 66).collect();
        assert!(hashes.len() >= 5, "{text}");
        for line in hashes {
            let other = line.replace(['0', '1', '2', '3'], "9");
            let changed = SegmentManifest::parse(text.replacen(line, &other, 1).as_bytes()).expect("its form is right");
            assert!(matches!(changed.prove(&[]), Err(SegmentFault::Root)), "{line}");
        }
        let mut far = segment.manifest().clone();
        (far.first, far.end) = (u64::MAX - 6, u64::MAX);
        assert!(far.prove(&[]).is_err());
    }
}
