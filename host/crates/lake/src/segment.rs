//! A segment on its way into the lake.

use std::io;
use std::ops::Range;

use mcp_audit_log_core::sink::{Delivery, Sink, SinkError};
use mcp_audit_log_export::SegmentWriter;
use mcp_audit_log_ledger::{Frontier, Nodes, SignedCheckpoint, completion};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;

use super::layout;
use super::manifest::{SegmentManifest, SegmentObject, SegmentProof, Stated, leaf};
use super::store::{Lake, LakeError, Placed};

/// A sealed segment: the rows as a file, and the manifest.
#[derive(Clone, Debug)]
pub struct Segment {
    manifest: SegmentManifest,
    rows: Vec<u8>,
}

impl Segment {
    /// Its manifest.
    pub fn manifest(&self) -> &SegmentManifest {
        &self.manifest
    }

    #[cfg(test)]
    pub(crate) fn rows(&self) -> &[u8] {
        &self.rows
    }
}

impl Delivery for Segment {
    const WHAT: &'static str = "segments";

    /// The `seq` after its last entry.
    fn watermark(&self) -> u64 {
        self.manifest.end
    }
}

/// The entries that a segment is to have, and what proves them.
#[derive(Clone, Debug)]
pub struct SegmentRange {
    /// The log's name in its checkpoints.
    origin: String,
    seqs: Range<u64>,
    checkpoint: SignedCheckpoint,
    /// The log's keys.
    keys: Vec<String>,
    proof: SegmentProof,
}

impl SegmentRange {
    /// The entries in `seqs`, which `checkpoint` covers, of a log with this tree and these keys.
    ///
    /// # Errors
    /// A hash is missing in the tree.
    pub fn new<N: Nodes>(
        seqs: Range<u64>,
        checkpoint: SignedCheckpoint,
        keys: Vec<String>,
        nodes: &N,
    ) -> Result<Self, N::Error> {
        let hashes = |range: Range<u64>| {
            let nodes = completion(range.start, range.end).into_iter().map(|node| nodes.node(node));
            nodes.collect::<Result<Vec<_>, _>>()
        };
        let left = Frontier::of(seqs.start, nodes)?.hashes().to_vec();
        let (subtrees, right) = (hashes(seqs.clone())?, hashes(seqs.end..checkpoint.checkpoint().size)?);
        let origin = checkpoint.checkpoint().origin.clone();
        Ok(Self { origin, seqs, checkpoint, keys, proof: SegmentProof { left, subtrees, right } })
    }
}

/// A segment that is being made.
pub struct SegmentBuilder {
    range: SegmentRange,
    rows: SegmentWriter,
    tree: Option<Frontier>,
    recorded: Option<(Timestamp, Timestamp)>,
}

impl SegmentBuilder {
    /// A segment without entries so far.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new(range: SegmentRange) -> io::Result<Self> {
        let tree = Frontier::from_hashes(range.seqs.start, range.proof.left.clone());
        Ok(Self { range, rows: SegmentWriter::new()?, tree, recorded: None })
    }

    /// The `seq` of the next entry; `None` if it has all of them.
    pub fn next_seq(&self) -> Option<u64> {
        self.tree.as_ref().map(Frontier::size).filter(|next| self.range.seqs.contains(next))
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let first = self.recorded.map_or(entry.recorded_at, |(first, _)| first);
        self.recorded = Some((first, entry.recorded_at));
        if let Some(tree) = &mut self.tree {
            tree.push(leaf(entry), |_, _| {});
        }
        self.rows.add(entry)
    }

    /// The segment of all entries.
    ///
    /// # Errors
    /// A sentence: entries are missing, or are not those of the ledger.
    pub fn seal(self, now: Timestamp) -> Result<Segment, String> {
        let Self { range: SegmentRange { origin, seqs, checkpoint, keys, proof }, rows, tree, recorded } = self;
        let (Some(mut tree), Some((recorded_from, recorded_to))) = (tree, recorded) else {
            return Err("a segment has no entries".to_owned());
        };
        let signed = checkpoint.checkpoint();
        let is_whole = tree.size() == seqs.end;
        if !is_whole || !tree.append_all(&proof.right, signed.size) || tree.root() != signed.root {
            let seqs = format!("the entries from seq {} to {}", seqs.start, seqs.end - 1);
            return Err(format!(
                "{seqs} do not match the ledger: run `mcp-audit-log verify`, and keep the log as it is"
            ));
        }
        let rows = rows.finish().map_err(|error| error.to_string())?;
        let name = layout::rows(&origin, &seqs, recorded_from);
        let object = SegmentObject::of(name, seqs.end - seqs.start, &rows);
        let (first, end, checkpoint) = (seqs.start, seqs.end, checkpoint.to_string());
        let stated =
            Stated { origin, first, end, recorded_from, recorded_to, sealed_at: now, object, checkpoint, keys };
        Ok(Segment { manifest: SegmentManifest::new(stated, &proof), rows })
    }
}

impl From<LakeError> for SinkError {
    fn from(error: LakeError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The most bytes of an object that is there already.
pub(crate) const LONGEST_ROWS: u64 = 4 << 30;
/// The most bytes of a manifest.
pub(crate) const LONGEST_MANIFEST: u64 = 1 << 20;

impl Lake {
    /// Stores the rows. If there are some already, from an attempt whose answer was lost or of another version, they must
    /// be rows of the same entries; then these count.
    fn put_rows(&self, segment: &Segment) -> Result<SegmentObject, SinkError> {
        let [object] = segment.manifest.objects.as_slice() else {
            return Err(SinkError::Failed("a segment must have one file".to_owned()));
        };
        if self.store.put_new(&object.name, &segment.rows)? == Placed::New {
            return Ok(object.clone());
        }
        let there = self.store.get(&object.name, LONGEST_ROWS)?.unwrap_or_default();
        let found = SegmentObject::of(object.name.clone(), object.rows, &there);
        if found != *object
            && let Err(fault) = segment.manifest.check_rows(there, |_, _| {})
        {
            return Err(SinkError::Conflict(format!("{} is there already and is another file: {fault}", object.name)));
        }
        Ok(found)
    }
}

impl Sink<Segment> for Lake {
    /// Stores the rows, and then the manifest. What is there already stays, and must say the same.
    fn put(&mut self, segment: &Segment) -> Result<(), SinkError> {
        let object = self.put_rows(segment)?;
        let mut manifest = segment.manifest.clone();
        manifest.objects = vec![object];
        let name = layout::manifest(&manifest.origin, &(manifest.first..manifest.end));
        if self.store.put_new(&name, &manifest.to_bytes())? == Placed::New {
            return Ok(());
        }
        let there = self.store.get(&name, LONGEST_MANIFEST)?.unwrap_or_default();
        // Its checkpoint may be an older one.
        let is_same = SegmentManifest::parse(&there)
            .is_ok_and(|there| there.is_of(&manifest) && there.objects == manifest.objects && there.prove(&[]).is_ok());
        if is_same {
            Ok(())
        } else {
            Err(SinkError::Conflict(format!("{name} is there already and says something else")))
        }
    }
}
