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
use mcp_audit_log_model::event::{Event, OutcomeDetail};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

use super::judgement::Stack;
use super::{AuditLog, EvidenceError, LogView};

/// The number of entries that are read at once.
const STEP: usize = 500;
/// The length from which on a piece takes no further entry, in bytes.
const PIECE: usize = 1 << 20;

/// The entries of a bundle.
#[derive(Clone, Debug)]
pub struct BundleRequest {
    /// Recorded from then on; from the first match on if it is absent.
    pub from: Option<Timestamp>,
    /// Recorded before then; up to the last match if it is absent.
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
    /// The entries from the first that matches `domain` to the last. The matches have content, none has a payload, and what
    /// judged is not included.
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

/// A bundle that is being written, piece by piece.
pub struct BundleExport {
    request: BundleRequest,
    checkpoint: SignedCheckpoint,
    /// The first line, until it is written.
    header: Option<String>,
    /// The `seq` of the next entry.
    next: u64,
    bundled: Bundled,
    judged: Judged,
    is_complete: bool,
    /// The entry about it.
    recorded_as: Option<Uuid>,
}

impl BundleExport {
    /// The entries of `wanted` that the newest checkpoint covers.
    fn new(view: &LogView, request: BundleRequest, wanted: Range<u64>) -> Result<Self, EvidenceError> {
        let newest = view.files.newest_checkpoint()?.ok_or(EvidenceError::Unsigned)?;
        let checkpoint = SignedCheckpoint::parse(newest.checkpoint.note.as_bytes())?;
        let size = checkpoint.checkpoint().size;
        let (first, end) = (wanted.start, wanted.end.min(size));
        if first >= end {
            return Err(EvidenceError::Unsigned);
        }
        let (left, right) = view.files.tree(|_, nodes| {
            let right = ledger::completion(end, size).into_iter().map(|node| nodes.node(node));
            Ok((Frontier::of(first, nodes)?, right.collect::<Result<Vec<_>, _>>()?))
        })?;
        let keys = view.files.verifiers()?;
        let header = Bundle::new(first, end, left.hashes(), &right, checkpoint.to_string(), keys).line();
        Ok(Self {
            request,
            checkpoint,
            header: Some(header),
            next: first,
            bundled: Bundled { places: first..end, shown: 0, unsigned: wanted.end - end },
            judged: Judged::default(),
            is_complete: false,
            recorded_as: None,
        })
    }

    /// The next piece of the file; `None` after the last one. The rights are those of `access`, so a bundle ends when its
    /// viewer loses them. Blocks.
    ///
    /// # Errors
    /// The errors of [`LogView::bundle`].
    pub fn step(&mut self, view: &LogView, access: &Grant) -> Result<Option<Vec<u8>>, EvidenceError> {
        needed(access, &self.request, |right| access.require(right))?;
        let mut piece = Vec::new();
        if let Some(header) = self.header.take() {
            writeln!(piece, "{header}")?;
        }
        if self.next < self.bundled.places.end {
            self.write_entries(view, access, &mut piece)?;
        } else if self.is_complete {
            return Ok(None);
        } else {
            view.write_judged(access, &self.judged, &self.checkpoint, &mut piece)?;
            self.is_complete = true;
        }
        Ok(Some(piece))
    }

    fn write_entries(&mut self, view: &LogView, access: &Grant, piece: &mut Vec<u8>) -> Result<(), EvidenceError> {
        let Self { request, bundled, judged, next, .. } = self;
        let entries = view.reader(access).sealed(&request.domain, next.checked_sub(1), STEP)?;
        if entries.first().is_none_or(|(entry, _)| entry.seq != *next) {
            return Err(EvidenceError::Removed);
        }
        for (entry, shown) in entries.into_iter().take_while(|(entry, _)| entry.seq < bundled.places.end) {
            if piece.len() > PIECE {
                break;
            }
            *next = entry.seq + 1;
            bundled.shown += u64::from(shown);
            if shown && request.judgement {
                judged.add(entry.seq, view.judged_by(entry.seq)?);
            }
            writeln!(piece, "{}", view.line(&entry, shown, request.payloads)?)?;
        }
        Ok(())
    }

    /// What it holds so far.
    pub fn bundled(&self) -> &Bundled {
        &self.bundled
    }
}

impl LogView {
    /// Writes a bundle that ends at the newest checkpoint, or earlier.
    ///
    /// # Errors
    /// The viewer may not export (payloads), or neither configure nor verify (what judged), nothing matches, no checkpoint
    /// covers these entries, a component is missing, or reading or writing fails.
    pub fn bundle(
        &self,
        access: &Grant,
        request: &BundleRequest,
        out: &mut impl Write,
    ) -> Result<Bundled, EvidenceError> {
        needed(access, request, |right| access.require(right))?;
        let bundle = BundleExport::new(self, request.clone(), self.wanted(access, request)?)?;
        self.write_out(access, bundle, out)
    }

    fn write_out(
        &self,
        access: &Grant,
        mut bundle: BundleExport,
        out: &mut impl Write,
    ) -> Result<Bundled, EvidenceError> {
        while let Some(piece) = bundle.step(self, access)? {
            out.write_all(&piece)?;
        }
        Ok(bundle.bundled)
    }

    /// The range of `seq` that a bundle needs: from the first match to the last, unless times of recording are given.
    fn wanted(&self, access: &Grant, request: &BundleRequest) -> Result<Range<u64>, EvidenceError> {
        let reader = self.reader(access);
        let first = match request.from {
            Some(from) => Some(self.files.seq_at(from)?),
            None => reader.after(request.domain.clone(), None, 1)?.first().map(|entry| entry.seq),
        };
        let end = match request.to {
            Some(to) => Some(self.files.seq_at(to)?),
            None => reader.page(request.domain.clone(), None, 1)?.entries.first().map(|entry| entry.seq + 1),
        };
        match (first, end) {
            (Some(first), Some(end)) if first < end => Ok(first..end),
            _ => Err(EvidenceError::Nothing),
        }
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

/// The action of the entry about a bundle.
const EXPORTED: &str = "bundle.exported";

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
        let bundle = self.begin_bundle(access, request.clone(), u64::MAX)?;
        self.view().write_out(access, bundle, out)
    }

    /// Begins a bundle of at most so many entries, those between the first and the last match included; when this returns,
    /// the entry about it is durable. Call [`BundleExport::step`] until it returns `None`, or
    /// [`AuditLog::break_bundle`]. Blocks.
    ///
    /// # Errors
    /// The errors of [`LogView::bundle`], there are more entries, or the bundle could not be recorded or signed.
    pub fn begin_bundle(
        &self,
        access: &Grant,
        request: BundleRequest,
        most: u64,
    ) -> Result<BundleExport, EvidenceError> {
        needed(access, &request, |right| self.allow(access, right, EXPORTED))?;
        let wanted = self.view().wanted(access, &request)?;
        let entries = wanted.end - wanted.start;
        if entries > most {
            return Err(EvidenceError::TooLong { entries, most });
        }
        let event = self.about_bundle(access, &request);
        let recorded_as = Some(event.id);
        self.0.recorder.change(StateChange::default(), vec![event]).map_err(super::SignError::from)?;
        let begun = self.sign().map_err(EvidenceError::from);
        let begun = begun.and_then(|()| BundleExport::new(self.view(), request.clone(), wanted));
        if let Err(error) = &begun {
            self.aborted(access, &request, recorded_as, &error.to_string());
        }
        Ok(BundleExport { recorded_as, ..begun? })
    }

    /// Records that a bundle was aborted, without waiting. If the queue is full, the loss is counted.
    pub fn break_bundle(&self, access: &Grant, bundle: &BundleExport, why: &str) {
        self.aborted(access, &bundle.request, bundle.recorded_as, why);
    }

    fn aborted(&self, access: &Grant, request: &BundleRequest, recorded_as: Option<Uuid>, why: &str) {
        let failed = self.about_bundle(access, request).failed(OutcomeDetail::Incomplete, "export", why);
        if let Err(error) = self.record(Event { parent: recorded_as, ..failed }) {
            tracing::warn!(%error, "an aborted bundle was not recorded");
        }
    }

    fn about_bundle(&self, access: &Grant, request: &BundleRequest) -> Event {
        let mut event = self.by(EXPORTED, access).fact("format", "bundle").fact("payloads", request.payloads);
        if request.domain != Domain::TRUE {
            event = event.fact("filter", request.domain.to_string());
        }
        if request.judgement {
            event = event.fact("judgement_included", true);
        }
        for (name, moment) in [("from", request.from), ("to", request.to)] {
            event = moment.into_iter().fold(event, |event, moment| event.fact(name, moment.to_string()));
        }
        event
    }
}

/// Checks every right that the bundle needs.
fn needed(
    access: &Grant,
    request: &BundleRequest,
    has: impl Fn(Right) -> Result<(), Denied>,
) -> Result<(), EvidenceError> {
    let rights = [Some(Right::Export), request.payloads.then_some(Right::ExportPayloads)];
    let may = rights.into_iter().flatten().try_for_each(has);
    may.and_then(|()| if request.judgement { access.require_oversight() } else { Ok(()) })
        .map_err(|denied| ReadError::from(denied).into())
}
