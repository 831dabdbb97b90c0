//! Exports and their entries: one before the first byte is sent, and one about the end.

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_export::{Export, ExportError, ExportManifest, ExportRequest};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::event::{Channel, Detail, Event, Failure};
use mcp_audit_log_model::field::Field;
use uuid::Uuid;

use super::{AuditLog, LogView};

const STARTED: &str = "export.started";
const COMPLETED: &str = "export.completed";
const FAILED: &str = "export.failed";

impl AuditLog {
    /// Begins an export; when this returns, the entry about it is durable. Call [`Export::step`] until it returns
    /// `None`, and then [`AuditLog::end_export`] or [`AuditLog::break_export`]. Blocks.
    ///
    /// # Errors
    /// The viewer may not export this, or it could not be recorded.
    pub fn begin_export(&self, access: &Grant, wanted: ExportRequest) -> Result<Export, ExportError> {
        self.allow(access, Right::Export, STARTED)?;
        if wanted.columns.have_content() {
            self.allow(access, Right::ExportPayloads, STARTED)?;
        }
        let mut export = Export::new(&self.view().reader(access), access, wanted, self.view().now())?;
        let event = self.by(STARTED, access);
        export.recorded_as(event.id);
        self.0.recorder.change(StateChange::default(), vec![export.manifest().told_by(event)])?;
        Ok(export)
    }

    /// Records that the export is complete, and returns the manifest. Blocks.
    ///
    /// # Errors
    /// It is not complete, or this could not be recorded: then the file must not count as complete.
    pub fn end_export(&self, access: &Grant, export: &Export) -> Result<ExportManifest, ExportError> {
        let checkpoint = self.covering(export.manifest().last_place);
        let mut manifest = export.completed(self.view().now())?;
        manifest.checkpoint = checkpoint;
        let event = Event { parent: export.id(), ..self.by(COMPLETED, access) };
        self.0.recorder.change(StateChange::default(), vec![manifest.told_by(event)])?;
        Ok(manifest)
    }

    /// The newest checkpoint; a new one is signed first if the newest does not cover the last rows.
    fn covering(&self, last: Option<u64>) -> Option<String> {
        let newest = || self.0.view.files.newest_checkpoint().ok().flatten().map(|newest| newest.checkpoint);
        if newest().is_none_or(|newest| last.is_some_and(|last| newest.size <= last))
            && let Err(error) = self.sign()
        {
            tracing::warn!(%error, "the export's manifest has no checkpoint that covers all of it");
        }
        newest().map(|newest| newest.note)
    }

    /// Records that it was aborted, without waiting. If the queue is full, the loss is counted, and an export without
    /// an end counts as incomplete.
    pub fn break_export(&self, access: &Grant, export: &Export, why: &str) {
        let event = export.manifest().told_by(self.by(FAILED, access));
        let failure = Failure { kind: "export".to_owned(), message: why.to_owned(), code: None };
        let event = Event { parent: export.id(), detail: Detail::Incomplete, failure: Some(failure), ..event };
        if let Err(error) = self.record(event) {
            tracing::warn!(%error, "an aborted export was not recorded");
        }
    }
}

impl LogView {
    /// Begins an export without an entry: for an operator who has the log's files while another process records, and
    /// could copy them anyway. Payloads are left out.
    ///
    /// # Errors
    /// The viewer may not export this, or it contains parts of payloads.
    pub fn export_unrecorded(&self, access: &Grant, wanted: ExportRequest) -> Result<Export, ExportError> {
        if wanted.columns.have_content() {
            access.require(Right::ExportPayloads)?;
            return Err(ExportError::Unrecorded);
        }
        Export::new(&self.reader(access), access, wanted, self.now())
    }

    /// The manifest of a complete export, by the id of the entry about its start; absent if the viewer may not see the
    /// entry about its end.
    ///
    /// # Errors
    /// The viewer may not export, or the store fails.
    pub fn export_manifest(&self, access: &Grant, id: Uuid) -> Result<Option<ExportManifest>, ReadError> {
        access.require(Right::Export)?;
        let ended = Domain::all_of([
            Domain::equals(Field::Parent, id.to_string()),
            Domain::equals(Field::Method, COMPLETED),
            // Others may call an event of theirs the same; this channel is the log's alone.
            Domain::equals(Field::Channel, Channel::System.as_str()),
        ]);
        let found = self.reader(access).page(ended, None, 1)?.entries;
        Ok(found.first().and_then(|entry| ExportManifest::of(&entry.details)))
    }
}
