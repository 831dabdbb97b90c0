//! Removal of old segments: the manifest first, the rows a day later, since a reader may be at them. The manifest stays
//! in a record, so that what follows is still proved to continue it.

use std::ops::Range;

use mcp_audit_log_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::{self, Named};
use super::manifest::SegmentManifest;
use super::segment::LONGEST_MANIFEST;
use super::store::{Lake, LakeError};

/// The form of a record.
const FORMAT: &str = "mcp-audit-log-removed-v1";

/// The record of a segment that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemovedSegment {
    format: String,
    /// When its manifest was removed.
    pub(crate) removed_at: Timestamp,
    /// What its manifest said.
    pub(crate) manifest: SegmentManifest,
}

impl RemovedSegment {
    /// Reads a record; `None` if it is not one of the segment of these entries.
    pub(crate) fn parse(bytes: &[u8], origin: &str, seqs: &Range<u64>) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let RemovedSegment { format, manifest, .. } = &record;
        let manifest = SegmentManifest::parse(&manifest.to_bytes()).ok()?;
        let fits = format == FORMAT && manifest.origin == origin && (manifest.first..manifest.end) == *seqs;
        fits.then_some(record)
    }
}

impl Lake {
    /// The oldest segments of a log whose entries all have a `seq` below `below` and were recorded before `before`.
    ///
    /// # Errors
    /// The lake cannot be read, or a manifest is damaged: nothing is removed then.
    pub fn outdated(&self, origin: &str, below: u64, before: Timestamp) -> Result<Vec<SegmentManifest>, LakeError> {
        let mut found = Vec::new();
        for object in self.store.list(&format!("{}/manifests", layout::log_folder(origin)))? {
            let Some((_, Named::Manifest(seqs))) = layout::parse(&object.name) else { continue };
            if seqs.end > below {
                break;
            }
            let bytes = self.store.get(&object.name, LONGEST_MANIFEST)?.unwrap_or_default();
            let damaged = |why: &dyn ToString| LakeError::Failed { what: object.name.clone(), why: why.to_string() };
            let manifest = SegmentManifest::parse(&bytes).map_err(|fault| damaged(&fault))?;
            if manifest.origin != origin || (manifest.first..manifest.end) != seqs {
                return Err(damaged(&"it is the manifest of another segment"));
            }
            if manifest.recorded_to >= before {
                break;
            }
            found.push(manifest);
        }
        Ok(found)
    }

    /// Removes the manifest of a segment and leaves the record of it.
    ///
    /// # Errors
    /// It may still be there.
    pub fn remove_segment(&self, manifest: &SegmentManifest, now: Timestamp) -> Result<(), LakeError> {
        let seqs = manifest.first..manifest.end;
        let record = RemovedSegment { format: FORMAT.to_owned(), removed_at: now, manifest: manifest.clone() };
        let mut text = serde_json::to_string_pretty(&record).unwrap_or_default();
        text.push('\n');
        self.store.put_new(&layout::removed(&manifest.origin, &seqs), text.as_bytes())?;
        self.store.remove(&layout::manifest(&manifest.origin, &seqs))
    }

    /// Removes the rows of segments of a log whose manifests were removed before `before`.
    ///
    /// # Errors
    /// Some may still be there.
    pub fn remove_rows(&self, origin: &str, before: Timestamp) -> Result<(), LakeError> {
        let objects = self.store.list(&layout::log_folder(origin))?;
        let named = |object: &str| layout::parse(object).map(|(_, named)| named);
        let kept = objects.iter().any(|object| matches!(named(&object.name), Some(Named::Removed(_))));
        for object in objects.iter().filter(|_| kept) {
            let Some(Named::Rows(seqs)) = named(&object.name) else { continue };
            let has = |name: &str| objects.binary_search_by(|object| object.name.as_str().cmp(name)).is_ok();
            let record = layout::removed(origin, &seqs);
            if !has(&record) || has(&layout::manifest(origin, &seqs)) {
                continue;
            }
            let record = self.store.get(&record, LONGEST_MANIFEST)?.unwrap_or_default();
            let record = RemovedSegment::parse(&record, origin, &seqs);
            if record.is_some_and(|record| record.removed_at <= before) {
                self.store.remove(&object.name)?;
            }
        }
        Ok(())
    }
}
