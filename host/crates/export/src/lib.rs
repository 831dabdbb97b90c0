//! Exports: the entries that match a filter as one file, made piece by piece so that memory stays bounded.
//!
//! An export lists the oldest entries first, and ends with the newest entry that existed when it began. It reads page
//! by page through [`Reader`] and holds no transaction in between, because a long one would block the checkpoint of the
//! write-ahead log.

mod column;
mod encoder;
mod format;
mod manifest;
mod pages;
mod parquet;
mod segment;
mod table;

use std::collections::VecDeque;
use std::io;

use encoder::Encoder;
use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_core::reader::{InternalReads, ReadError, Reader};
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;
use pages::Pages;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use column::{Column, Columns, ColumnsError};
pub use format::Format;
pub use manifest::ExportManifest;
pub use segment::{SegmentError, SegmentWriter, read_segment};
pub use table::{Table, usage_table};

/// The approximate number of bytes in one piece. A row group of Parquet may be larger.
const PIECE: usize = 256 << 10;

/// The parameters of an export.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The filter. The viewer's record rule applies as well.
    pub domain: Domain,
    /// The columns of each row.
    pub columns: Columns,
    /// The format of the file.
    pub format: Format,
}

/// An export in progress.
pub struct Export {
    columns: Columns,
    pages: Pages,
    /// Entries that were read and not written yet.
    ready: VecDeque<Entry>,
    encoder: Box<dyn Encoder>,
    hash: Sha256,
    manifest: ExportManifest,
    over: bool,
}

/// The reason why an export did not start, or is incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It may not or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its start or its completion could not be recorded.
    #[error("the export stopped because it could not be recorded: {0}")]
    Record(#[from] RecordError),
    /// Payloads are exported only if the export is recorded.
    #[error(
        "payloads were not exported: this log is open for reading only, so it cannot record the export; use the API, or \
         stop the process that has the log open"
    )]
    Unrecorded,
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl From<Denied> for ExportError {
    fn from(denied: Denied) -> Self {
        Self::Read(denied.into())
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Export {
    /// Reads the end of the log; no entry is read yet.
    ///
    /// # Errors
    /// The viewer may not export this, or the store fails.
    pub fn new(
        reader: &Reader<'_>,
        access: &Grant,
        wanted: ExportRequest,
        now: Timestamp,
    ) -> Result<Self, ExportError> {
        if wanted.columns.have_content() {
            access.require(Right::ExportPayloads)?;
        }
        let seqs = reader.seqs()?;
        let manifest = ExportManifest::begun(access.viewer(), &wanted, seqs.end, now);
        let ExportRequest { domain, columns, format } = wanted;
        Ok(Self {
            encoder: format.encoder(&columns)?,
            columns,
            pages: Pages::new(domain, seqs),
            ready: VecDeque::new(),
            hash: Sha256::new(),
            manifest,
            over: false,
        })
    }

    /// The next piece of the file, which may be empty; `None` after the last one. The rights are those of `reader`, so
    /// an export ends when the viewer loses the right. Blocks.
    ///
    /// # Errors
    /// The viewer may no longer export this, the store fails, or the file cannot be written.
    pub fn step(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<u8>>, ExportError> {
        if self.over {
            return Ok(None);
        }
        if self.ready.is_empty() {
            match self.pages.step(|domain, seqs, limit| reader.entries_in(domain, seqs, limit))? {
                Some(entries) => self.ready = entries.into(),
                None => return self.finish().map(Some),
            }
        }
        while self.encoder.pending() < PIECE
            && let Some(entry) = self.ready.pop_front()
        {
            self.write(reader, &entry)?;
        }
        let piece = self.encoder.take()?;
        Ok(Some(self.counted(piece)))
    }

    fn write(&mut self, reader: &Reader<'_>, entry: &Entry) -> Result<(), ExportError> {
        let wanted = self.columns.have_content() && entry.has_payload;
        let payload = if wanted { reader.export_payload(entry)? } else { None };
        self.encoder.entry(entry, payload.as_ref())?;
        self.manifest.count(entry);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<u8>, ExportError> {
        self.over = true;
        let piece = self.encoder.finish()?;
        let piece = self.counted(piece);
        self.manifest.sha256 = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(piece)
    }

    fn counted(&mut self, piece: Vec<u8>) -> Vec<u8> {
        self.hash.update(&piece);
        self.manifest.bytes += piece.len() as u64;
        piece
    }

    /// The number of entries that were read, and the number of all entries.
    pub fn progress(&self) -> (u64, u64) {
        self.pages.progress()
    }

    /// The id of the entry about its start; `None` if it is not recorded.
    pub fn id(&self) -> Option<Uuid> {
        self.manifest.export
    }

    /// The manifest of the rows exported so far.
    pub fn manifest(&self) -> &ExportManifest {
        &self.manifest
    }

    /// Sets the id of the entry about its start.
    pub fn recorded_as(&mut self, id: Uuid) {
        self.manifest.export = Some(id);
    }

    /// The manifest of the whole file.
    ///
    /// # Errors
    /// The export is not complete yet.
    pub fn completed(&self, now: Timestamp) -> Result<ExportManifest, ExportError> {
        match self.over {
            true => Ok(ExportManifest { ended_at: Some(now), ..self.manifest.clone() }),
            false => Err(io::Error::other("the export is not complete yet").into()),
        }
    }
}
