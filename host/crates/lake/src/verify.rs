//! Verifies a lake without the logs that wrote it.

mod explained;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use mcp_audit_log_ledger::{Frontier, Hash, VerifierKey};
use mcp_audit_log_model::entry::Entry;

use self::explained::Explained;
use super::layout::{self, Named};
use super::manifest::{SegmentFault, SegmentManifest, SegmentObject};
use super::removal::RemovedSegment;
use super::segment::{LONGEST_MANIFEST, LONGEST_ROWS};
use super::store::{Lake, LakeError, LakeStore};

/// What is wrong in a lake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeFault {
    /// A manifest proves nothing.
    #[error("the manifest {name}: {fault}")]
    Manifest {
        /// The manifest.
        name: String,
        /// Why.
        fault: SegmentFault,
    },
    /// A manifest does not belong where it is.
    #[error("the manifest {0} is of another segment or log: it was exchanged")]
    Exchanged(String),
    /// A file of a manifest is absent.
    #[error("the object {0} is missing: it was removed, and its manifest is there")]
    Removed(String),
    /// A file has another length.
    #[error("the object {name} has {bytes} bytes instead of {expected}: it was cut, or exchanged")]
    Length {
        /// The object.
        name: String,
        /// Its length.
        bytes: u64,
        /// The length in the manifest.
        expected: u64,
    },
    /// A file has other bytes.
    #[error("the object {0} was changed: its SHA-256 is not that of its manifest")]
    Changed(String),
    /// The rows are not the signed ones.
    #[error("the object {name}: {fault}")]
    Rows {
        /// The object.
        name: String,
        /// Why.
        fault: SegmentFault,
    },
    /// The times in the manifest are not those of the rows.
    #[error("the manifest {0} has other times than its rows: it was changed")]
    Times(String),
    /// A range without a segment.
    #[error(
        "no segment of {origin} has the entries from seq {} to {}, and no entry in the lake says why: a manifest was \
         removed. Or the log lost them a short time ago, and its entry sink.gap is in no segment yet", range.start,
        range.end - 1
    )]
    Missing {
        /// The log.
        origin: String,
        /// The range of `seq`.
        range: Range<u64>,
    },
    /// Two segments have the same entries.
    #[error("the manifest {0} has entries that the one before it has too")]
    Overlap(String),
    /// A segment does not continue the one before.
    #[error("the manifest {0} does not continue the segment before it: they are of two histories")]
    Forked(String),
    /// A checkpoint has another root than the segments up to its size.
    #[error("the checkpoint in {name}, of {size} entries, has another root than the segments up to there")]
    Chain {
        /// The manifest.
        name: String,
        /// The checkpoint's size.
        size: u64,
    },
    /// A file with rows without a manifest.
    #[error(
        "the object {0} belongs to no manifest: its manifest was removed, or the log has not finished it. Readers that go by \
         file names read it; remove it if its manifest does not come"
    )]
    Stray(String),
    /// An object cannot be read.
    #[error(transparent)]
    Unread(#[from] LakeError),
}

/// What a verification found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LakeReport {
    /// The logs in the lake.
    pub logs: Vec<VerifiedLog>,
    /// What is wrong.
    pub faults: Vec<LakeFault>,
}

/// A range of `seq` that is not in the lake, and the entry that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRange {
    /// The range of `seq`.
    pub range: Range<u64>,
    /// The `seq` of the entry; none where no entry in the lake says why.
    pub entry: Option<u64>,
}

/// A log in a lake, as far as it is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedLog {
    /// Its name in its checkpoints.
    pub origin: String,
    /// The segments that are proved.
    pub segments: u64,
    /// The entries in them.
    pub entries: u64,
    /// From the first `seq` to behind the last.
    pub seqs: Range<u64>,
    /// The size of the newest checkpoint.
    pub signed: u64,
    /// When it was signed, in seconds since 1970, if a key confirms it.
    pub time: Option<u64>,
    /// What is not in the lake before and between its segments.
    pub absent: Vec<LoggedRange>,
}

/// Verifies everything in a lake. Without `keys`, the keys in the manifests are used, which anyone can write. `progress`
/// gets the number of objects so far, and of all.
///
/// # Errors
/// The lake cannot be listed.
pub fn verify_lake(lake: &Lake, keys: &[VerifierKey], progress: &dyn Fn(u64, u64)) -> Result<LakeReport, LakeError> {
    let mut logs: BTreeMap<String, Listed> = BTreeMap::new();
    for object in lake.store.list("")? {
        match layout::parse(&object.name) {
            Some((origin, Named::Manifest(seqs))) => {
                let segments = &mut logs.entry(origin).or_default().segments;
                segments.insert((seqs.start, seqs.end), (object.name, true));
            }
            Some((origin, Named::Removed(seqs))) => {
                let segments = &mut logs.entry(origin).or_default().segments;
                segments.entry((seqs.start, seqs.end)).or_insert((object.name, false));
            }
            Some((origin, Named::Rows(_))) => drop(logs.entry(origin).or_default().rows.insert(object.name)),
            _ => {}
        }
    }
    let all = logs.values().map(|listed| listed.segments.len() as u64).sum();
    let (mut report, mut done) = (LakeReport::default(), 0);
    for (origin, listed) in logs {
        let mut log = LogCheck::new(&*lake.store, keys, origin);
        for ((first, end), (name, is_there)) in &listed.segments {
            progress(done, all);
            log.segment(*first..*end, name, *is_there);
            done += 1;
        }
        log.end(&listed, &mut report);
    }
    Ok(report)
}

/// The objects of a log.
#[derive(Default)]
struct Listed {
    /// The manifest of each segment, and whether it is there; otherwise the record of its removal.
    segments: BTreeMap<(u64, u64), (String, bool)>,
    rows: BTreeSet<String>,
}

/// The check of one log, segment by segment.
struct LogCheck<'a> {
    store: &'a dyn LakeStore,
    keys: &'a [VerifierKey],
    log: VerifiedLog,
    faults: Vec<LakeFault>,
    /// The end of the last manifest, and the tree there if its segment is proved.
    before: Option<(u64, Option<Frontier>)>,
    /// The roots of checkpoints that the segments did not reach yet, by size, and their manifests.
    roots: BTreeMap<u64, (Hash, String)>,
    explained: Explained,
    /// Ranges of `seq` that no manifest has, and whether there is a record of their removal.
    absent: Vec<(Range<u64>, bool)>,
    /// The files that manifests name.
    named: BTreeSet<String>,
}

impl<'a> LogCheck<'a> {
    fn new(store: &'a dyn LakeStore, keys: &'a [VerifierKey], origin: String) -> Self {
        Self {
            store,
            keys,
            log: VerifiedLog { origin, ..VerifiedLog::default() },
            faults: Vec::new(),
            before: None,
            roots: BTreeMap::new(),
            explained: Explained::default(),
            absent: Vec::new(),
            named: BTreeSet::new(),
        }
    }

    /// Checks the next segment.
    fn segment(&mut self, seqs: Range<u64>, name: &str, is_there: bool) {
        let before = self.before.take();
        let from = before.as_ref().map_or(0, |(end, _)| *end);
        if from < seqs.start {
            self.absent.push((from..seqs.start, false));
        } else if from > seqs.start {
            self.faults.push(LakeFault::Overlap(name.to_owned()));
        }
        // The name counts even if the manifest is damaged: its entries are not missing beside that.
        let tree = before.filter(|(end, _)| *end == seqs.start).and_then(|(_, tree)| tree);
        let found = match is_there {
            true => self.manifest(&seqs, name).and_then(|manifest| self.rows(&manifest, name, tree)),
            false => self.removed(&seqs, name, tree),
        };
        let proved = found.map_err(|fault| self.faults.push(fault)).ok();
        self.before = Some((from.max(seqs.end), proved));
    }

    fn manifest(&mut self, seqs: &Range<u64>, name: &str) -> Result<SegmentManifest, LakeFault> {
        let fault = |fault| LakeFault::Manifest { name: name.to_owned(), fault };
        let bytes = self.store.get(name, LONGEST_MANIFEST)?.unwrap_or_default();
        let manifest = SegmentManifest::parse(&bytes).map_err(fault)?;
        self.prove(seqs, name, &manifest)?;
        Ok(manifest)
    }

    /// The tree at the end of a segment that was removed, from the record of its removal.
    fn removed(&mut self, seqs: &Range<u64>, name: &str, before: Option<Frontier>) -> Result<Frontier, LakeFault> {
        let fault = |fault| LakeFault::Manifest { name: name.to_owned(), fault };
        let bytes = self.store.get(name, LONGEST_MANIFEST)?.unwrap_or_default();
        let record = RemovedSegment::parse(&bytes, &self.log.origin, seqs);
        let manifest = record.ok_or_else(|| fault(SegmentFault::Form))?.manifest;
        self.prove(seqs, name, &manifest)?;
        let (mut tree, proof) = manifest.left().map_err(fault)?;
        if before.is_some_and(|before| before != tree) {
            return Err(LakeFault::Forked(name.to_owned()));
        }
        match self.absent.last_mut() {
            Some((range, true)) if range.end == seqs.start => range.end = seqs.end,
            _ => self.absent.push((seqs.clone(), true)),
        }
        if tree.append_all(&proof.subtrees, seqs.end) { Ok(tree) } else { Err(fault(SegmentFault::Root)) }
    }

    /// Checks that a manifest belongs where it is, and leads to its checkpoint.
    fn prove(&mut self, seqs: &Range<u64>, name: &str, manifest: &SegmentManifest) -> Result<(), LakeFault> {
        let fault = |fault| LakeFault::Manifest { name: name.to_owned(), fault };
        let rows = layout::rows(&manifest.origin, seqs, manifest.recorded_from);
        let fits = manifest.origin == self.log.origin
            && (manifest.first, manifest.end) == (seqs.start, seqs.end)
            && matches!(manifest.objects.as_slice(), [object] if object.name == rows);
        if !fits {
            return Err(LakeFault::Exchanged(name.to_owned()));
        }
        self.named.insert(rows);
        let (checkpoint, time) = manifest.prove(self.keys).map_err(fault)?;
        let signed = checkpoint.checkpoint();
        if signed.size >= self.log.signed {
            (self.log.signed, self.log.time) = (signed.size, time);
        }
        let (root, _) = self.roots.entry(signed.size).or_insert_with(|| (signed.root, name.to_owned()));
        match *root == signed.root {
            true => Ok(()),
            false => Err(LakeFault::Chain { name: name.to_owned(), size: signed.size }),
        }
    }

    /// Checks the rows of a segment. Returns the tree at its end.
    fn rows(
        &mut self,
        manifest: &SegmentManifest,
        name: &str,
        before: Option<Frontier>,
    ) -> Result<Frontier, LakeFault> {
        let (mut tree, _) = manifest.left().map_err(|fault| LakeFault::Manifest { name: name.to_owned(), fault })?;
        if before.is_some_and(|before| before != tree) {
            return Err(LakeFault::Forked(name.to_owned()));
        }
        let mut entries = Vec::new();
        let mut times = None;
        for object in &manifest.objects {
            let file = self.file(object)?;
            let (roots, faults) = (&mut self.roots, &mut self.faults);
            let checked = manifest.check_rows(file, |entry, now| {
                times = Some((times.map_or(entry.recorded_at, |(first, _)| first), entry.recorded_at));
                if explained::is_about_ranges(entry) {
                    entries.push(entry.clone());
                }
                // Before the last row it is one comparison.
                if roots.first_key_value().is_some_and(|(size, _)| *size <= now.size()) {
                    reached(roots, now, faults);
                }
                if now.size() == manifest.end {
                    tree = now.clone();
                }
            });
            checked.map_err(|fault| LakeFault::Rows { name: object.name.clone(), fault })?;
        }
        if times != Some((manifest.recorded_from, manifest.recorded_to)) {
            return Err(LakeFault::Times(name.to_owned()));
        }
        entries.iter().for_each(|entry: &Entry| self.explained.add(entry));
        let log = &mut self.log;
        log.seqs = if log.segments == 0 { manifest.first } else { log.seqs.start }..manifest.end;
        log.segments += 1;
        log.entries += manifest.end - manifest.first;
        Ok(tree)
    }

    fn file(&self, object: &SegmentObject) -> Result<Vec<u8>, LakeFault> {
        let name = || object.name.clone();
        let file = self.store.get(&object.name, LONGEST_ROWS)?.ok_or_else(|| LakeFault::Removed(name()))?;
        let (bytes, expected) = (file.len() as u64, object.bytes);
        match object.has(&file) {
            true => Ok(file),
            false if bytes != expected => Err(LakeFault::Length { name: name(), bytes, expected }),
            false => Err(LakeFault::Changed(name())),
        }
    }

    fn end(mut self, listed: &Listed, report: &mut LakeReport) {
        for (range, is_recorded) in std::mem::take(&mut self.absent) {
            let entry = self.explained.by(&range);
            if entry.is_some() || is_recorded || range.start == 0 {
                self.log.absent.push(LoggedRange { range, entry });
            } else {
                self.faults.push(LakeFault::Missing { origin: self.log.origin.clone(), range });
            }
        }
        let damaged = |name: &String| self.faults.iter().any(|fault| is_about_manifest_of(fault, name));
        let stray = listed.rows.iter().filter(|name| !self.named.contains(*name) && !damaged(name));
        let stray: Vec<_> = stray.map(|name| LakeFault::Stray(name.clone())).collect();
        report.faults.extend(self.faults.into_iter().chain(stray));
        report.logs.push(self.log);
    }
}

/// Whether the manifest of these rows is there and cannot be read, so that the rows are not reported again.
fn is_about_manifest_of(fault: &LakeFault, rows: &str) -> bool {
    let file =
        |name: &str, ending| name.rsplit('/').next().and_then(|file| file.strip_suffix(ending).map(str::to_owned));
    match fault {
        LakeFault::Manifest { name, .. } | LakeFault::Exchanged(name) => file(name, ".json") == file(rows, ".parquet"),
        _ => false,
    }
}

/// Compares the checkpoints that the tree has reached.
fn reached(roots: &mut BTreeMap<u64, (Hash, String)>, tree: &Frontier, faults: &mut Vec<LakeFault>) {
    while let Some(found) = roots.first_entry().filter(|found| *found.key() <= tree.size()) {
        let (size, (root, name)) = found.remove_entry();
        // A smaller one lies in a range that is not there.
        if size == tree.size() && root != tree.root() {
            faults.push(LakeFault::Chain { name, size });
        }
    }
}
