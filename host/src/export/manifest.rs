//! The manifest of an export: enough to check that a file is complete, and what it was made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Column, Wanted};
use crate::access::Viewer;
use crate::entry::Entry;
use crate::time::Timestamp;

/// The manifest of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Manifest")]
pub struct ExportManifest {
    /// The id of the entry that recorded the start of the export before the first byte was sent. Null if another process
    /// had the log open, so the export could not be recorded.
    pub export: Option<Uuid>,
    /// The user who made the export.
    pub user: String,
    /// The tenant of that user.
    pub instance: Option<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was complete.
    pub ended_at: Option<Timestamp>,
    /// `csv`, `jsonl` or `parquet`.
    pub format: String,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// Whether parts of payloads are among them.
    pub payloads: bool,
    /// The filter as a domain, with exact times. The viewer's record rule applied as well.
    pub filter: String,
    /// Oldest first.
    pub order: String,
    /// The log's end when the export began: only entries with a smaller `seq` were considered.
    pub log_end: u64,
    /// How many entries are in the file.
    pub rows: u64,
    /// The `seq` of the first entry.
    pub first_place: Option<u64>,
    /// When it was recorded.
    pub first_recorded_at: Option<Timestamp>,
    /// The `seq` of the last entry.
    pub last_place: Option<u64>,
    /// When it was recorded.
    pub last_recorded_at: Option<Timestamp>,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The signed checkpoint that covers the entries, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

impl ExportManifest {
    /// The manifest of a file that is still empty.
    pub(super) fn begun(viewer: &Viewer, wanted: &Wanted, log_end: u64, now: Timestamp) -> Self {
        Self {
            export: None,
            user: viewer.user.clone(),
            instance: viewer.instance.clone(),
            begun_at: now,
            ended_at: None,
            format: wanted.format.name().to_owned(),
            columns: wanted.columns.iter().map(Column::name).map(str::to_owned).collect(),
            payloads: wanted.columns.have_content(),
            filter: wanted.domain.to_string(),
            order: "oldest first".to_owned(),
            log_end,
            rows: 0,
            first_place: None,
            first_recorded_at: None,
            last_place: None,
            last_recorded_at: None,
            bytes: 0,
            sha256: String::new(),
            checkpoint: None,
        }
    }

    /// Counts an entry after all earlier ones.
    pub(super) fn count(&mut self, entry: &Entry) {
        self.rows += 1;
        self.first_place.get_or_insert(entry.seq);
        self.first_recorded_at.get_or_insert(entry.recorded_at);
        self.last_place = Some(entry.seq);
        self.last_recorded_at = Some(entry.recorded_at);
    }
}
