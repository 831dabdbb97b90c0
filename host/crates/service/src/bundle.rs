//! Bundles: a range of entries in a file, with all hashes that an outsider needs to check them, and what makes their
//! judgements again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::Range;

use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_core::reader::{InternalReads, ReadError};
use mcp_audit_log_core::recorder::{RecorderControl, StateChange, judgement_record};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_ledger as ledger;
use mcp_audit_log_ledger::{
    Bundle, BundleEntry, BundlePayload, Frontier, JudgementLine, Nodes, ProofFile, SignedCheckpoint,
};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

use super::judgement::Stack;
use super::{AuditLog, EvidenceError, LogView};

/// The number of entries that are read at once.
const STEP: usize = 500;

/// The entries of a bundle.
#[derive(Clone, Debug)]
pub struct BundleRequest {
    /// Recorded from then on.
    pub from: Option<Timestamp>,
    /// Recorded before then.
    pub to: Option<Timestamp>,
    /// The entries with content. All other entries in the range, and those that the viewer may not see, have only `seq`
    /// and time of recording.
    pub domain: Domain,
    /// Whether payloads are shown.
    pub payloads: bool,
    /// Whether the components and settings that judged the shown entries are included, and the log's entries that say so,
    /// as far as the viewer may see them.
    pub judgement: bool,
}

impl BundleRequest {
    /// All entries of the log. Those that match `domain` have content, none has a payload, and what judged is not included.
    pub fn new(domain: Domain) -> Self {
        Self { from: None, to: None, domain, payloads: false, judgement: false }
    }
}

/// The content of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bundled {
    /// The range of `seq`.
    pub places: Range<u64>,
    /// How many entries of the range are shown.
    pub shown: u64,
    /// The number of requested entries that no checkpoint covers yet. They are not in the bundle.
    pub unsigned: u64,
}

impl LogView {
    /// Writes a bundle that ends at the newest checkpoint, or earlier.
    ///
    /// # Errors
    /// The viewer may not export (payloads), or neither configure nor verify (what judged), no checkpoint covers these
    /// entries, a component is missing, or reading or writing fails.
    pub fn bundle(
        &self,
        access: &Grant,
        request: &BundleRequest,
        out: &mut impl Write,
    ) -> Result<Bundled, EvidenceError> {
        may(access, request)?;
        let newest = self.files.newest_checkpoint()?.ok_or(EvidenceError::Unsigned)?;
        let checkpoint = SignedCheckpoint::parse(newest.checkpoint.note.as_bytes())?;
        let size = checkpoint.checkpoint().size;
        let places = self.files.seqs()?;
        let first = request.from.map_or(Ok(places.start), |from| self.files.seq_at(from))?;
        let wanted = request.to.map_or(Ok(places.end), |to| self.files.seq_at(to))?;
        let end = wanted.min(size);
        if first >= end {
            return Err(EvidenceError::Unsigned);
        }
        let (left, right) = self.files.tree(|_, nodes| {
            let right = ledger::completion(end, size).into_iter().map(|node| nodes.node(node));
            Ok((Frontier::of(first, nodes)?, right.collect::<Result<Vec<_>, _>>()?))
        })?;
        let keys = self.files.verifiers()?;
        writeln!(out, "{}", Bundle::new(first, end, left.hashes(), &right, checkpoint.to_string(), keys).line())?;
        let mut bundled = Bundled { places: first..end, shown: 0, unsigned: wanted - end };
        let mut next = first;
        let mut judged = Judged::default();
        while next < end {
            let entries = self.reader(access).sealed(&request.domain, next.checked_sub(1), STEP)?;
            let Some((last, _)) = entries.last() else { return Err(EvidenceError::Unsigned) };
            next = last.seq + 1;
            for (entry, shown) in entries.into_iter().filter(|(entry, _)| entry.seq < end) {
                bundled.shown += u64::from(shown);
                if shown && request.judgement {
                    judged.add(entry.seq, self.judged_by(entry.seq)?);
                }
                writeln!(out, "{}", self.line(&entry, shown, request.payloads)?)?;
            }
        }
        self.write_judged(access, &judged, &checkpoint, out)?;
        Ok(bundled)
    }

    fn line(&self, entry: &Entry, shown: bool, payloads: bool) -> Result<String, ReadError> {
        if !shown {
            return Ok(BundleEntry::hidden(entry).line());
        }
        let payload = if payloads && entry.has_payload { self.files.payload(entry.seq)? } else { None };
        let payload =
            payload.map(|payload| BundlePayload::new(&payload.salt, payload.request, payload.response, &payload.notes));
        Ok(BundleEntry::shown(entry, payload).line())
    }
}

/// What judged the shown entries.
#[derive(Default)]
struct Judged {
    /// By the `seq` from which on it judged: it, and the last shown entry of it.
    records: BTreeMap<u64, (JudgedBy, u64)>,
}

impl Judged {
    fn add(&mut self, seq: u64, record: Option<JudgedBy>) {
        if let Some(record) = record {
            self.records.entry(record.since).or_insert_with(|| (record, seq)).1 = seq;
        }
    }
}

/// The log's own entries that say what judges.
const SAYING: [&str; 9] = [
    "log.started",
    "log.stopped",
    "policy.activated",
    "policy.rolled_back",
    "settings.updated",
    "bundle.exported",
    "log.verified",
    "retention.completed",
    "retention.failed",
];
/// How many of them are looked at: refused attempts are entries too, and say nothing.
const LOOKED_AT: usize = 100;

impl LogView {
    /// Writes what judged: the records, the proofs of entries that say so, and the components.
    fn write_judged(
        &self,
        access: &Grant,
        judged: &Judged,
        checkpoint: &SignedCheckpoint,
        out: &mut impl Write,
    ) -> Result<(), EvidenceError> {
        let (mut sealed, mut components) = (BTreeSet::new(), BTreeMap::new());
        for (since, (record, last)) in &judged.records {
            let line = JudgementLine::Record { since: *since, judges: judgement_record(record) };
            writeln!(out, "{}", line.line())?;
            // What opened it: the entry before it, or its first one. What says that it held until then: the next such one.
            let opening = self.saying(access, since.checked_sub(2))?.into_iter().filter(|entry| entry.seq <= *since);
            let closing = self.saying(access, Some(*last))?.into_iter().take(1);
            sealed.extend(opening.chain(closing).map(|entry| entry.seq));
            let missing = |reason| EvidenceError::Component { seq: *last, reason };
            let stack = Stack::of(&self.folder, record).map_err(missing)?;
            for component in stack.components() {
                components.insert(component.digest().to_owned(), component.bytes().map_err(missing)?.into_owned());
            }
        }
        let size = checkpoint.checkpoint().size;
        for seq in sealed.into_iter().filter(|seq| *seq < size) {
            let Some(found) = self.files.inclusion(seq, Some(size))? else { continue };
            let proof = ProofFile::new(&found.leaf, &found.content, found.proof, checkpoint.clone()).to_string();
            writeln!(out, "{}", JudgementLine::Sealed { proof }.line())?;
        }
        for (digest, component) in components {
            writeln!(out, "{}", JudgementLine::component(digest, &component).line())?;
        }
        Ok(())
    }

    /// The entries above `after` that say what judges, as far as the viewer may see them.
    fn saying(&self, access: &Grant, after: Option<u64>) -> Result<Vec<Entry>, ReadError> {
        let methods = SAYING.map(|method| Domain::equals(Field::Method, method));
        let own = Domain::equals(Field::Channel, "system").and(Domain::Any(methods.into()));
        let entries = self.reader(access).after(own, after, LOOKED_AT)?;
        Ok(entries.into_iter().filter(|entry| entry.details.contains_key("judgement")).collect())
    }
}

impl AuditLog {
    /// The same as [`LogView::bundle`] for all current entries. An entry about the bundle is recorded before this
    /// returns. Blocks.
    ///
    /// # Errors
    /// The same errors, or the bundle could not be recorded or signed.
    pub fn export_bundle(
        &self,
        access: &Grant,
        request: &BundleRequest,
        out: &mut impl Write,
    ) -> Result<Bundled, EvidenceError> {
        may(access, request)?;
        let mut event = self.by("bundle.exported", access).fact("format", "bundle").fact("payloads", request.payloads);
        if request.judgement {
            event = event.fact("judgement_included", true);
        }
        for (name, moment) in [("from", request.from), ("to", request.to)] {
            event = moment.into_iter().fold(event, |event, moment| event.fact(name, moment.to_string()));
        }
        self.0.recorder.change(StateChange::default(), vec![event]).map_err(super::SignError::from)?;
        self.sign()?;
        self.view().bundle(access, request, out)
    }
}

fn may(access: &Grant, request: &BundleRequest) -> Result<(), EvidenceError> {
    let needed = [Some(Right::Export), request.payloads.then_some(Right::ExportPayloads)];
    let may = needed.into_iter().flatten().try_for_each(|right| access.require(right));
    may.and_then(|()| if request.judgement { access.require_oversight() } else { Ok(()) })
        .map_err(|denied: Denied| ReadError::from(denied).into())
}
