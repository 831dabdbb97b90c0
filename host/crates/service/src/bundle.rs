//! Bundles: a range of entries in a file, with all hashes that an outsider needs to check them.

use std::io::Write;
use std::ops::Range;

use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_core::reader::{InternalReads, ReadError};
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_ledger as ledger;
use mcp_audit_log_ledger::{Bundle, BundleEntry, BundlePayload, Frontier, Nodes, SignedCheckpoint};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;

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
}

impl BundleRequest {
    /// All entries of the log. Those that match `domain` have content, and none has a payload.
    pub fn new(domain: Domain) -> Self {
        Self { from: None, to: None, domain, payloads: false }
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
    /// The viewer may not export (payloads), no checkpoint covers these entries, or reading or writing fails.
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
        while next < end {
            let entries = self.reader(access).sealed(&request.domain, next.checked_sub(1), STEP)?;
            let Some((last, _)) = entries.last() else { return Err(EvidenceError::Unsigned) };
            next = last.seq + 1;
            for (entry, shown) in entries.into_iter().filter(|(entry, _)| entry.seq < end) {
                bundled.shown += u64::from(shown);
                writeln!(out, "{}", self.line(&entry, shown, request.payloads)?)?;
            }
        }
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
    may.map_err(|denied: Denied| ReadError::from(denied).into())
}
