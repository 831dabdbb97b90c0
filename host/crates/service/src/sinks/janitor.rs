//! The part of the cleanup that removes old segments from the lake.

use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_model::time::{DAY, Timestamp};

use super::{LakeOptions, count};
use crate::Inner;

impl Inner {
    /// Removes segments that are older than the lake is to keep them, by the time that checkpoints confirm, unless a legal
    /// hold keeps their entries. An entry about it is signed first. Returns how many it removed.
    ///
    /// # Errors
    /// A sentence: the lake or the log cannot be read or written.
    pub(crate) fn clean_lake(&self, began: Timestamp) -> Result<u64, String> {
        let lake = self.sinks().iter().find_map(|sink| sink.lake.clone());
        let Some((LakeOptions { lake, .. }, days)) = lake.and_then(|lake| lake.keep_days.map(|days| (lake, days)))
        else {
            return Ok(0);
        };
        let (files, origin) = (&self.view.files, self.origin());
        lake.remove_rows(&origin, began.plus(-DAY)).map_err(failed)?;
        let before = began.plus(i64::from(days).saturating_mul(-DAY));
        let below = self.evidence(began).map_err(failed)?.below(Some(before));
        let held = || files.held_from().map_err(failed);
        let before = held()?.map_or(before, |held| held.min(before));
        let old = lake.outdated(&origin, below, before).map_err(failed)?;
        let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(0) };
        let event = self.event("lake.removed").fact("first", count(first.first)).fact("last", count(last.end - 1));
        let event = event.fact("segments", count(old.len() as u64)).fact("recorded_before", before.to_string());
        self.recorder.change(StateChange::default(), vec![event]).map_err(failed)?;
        self.sign().map_err(failed)?;
        let mut removed = 0;
        for segment in &old {
            // A hold may have been placed meanwhile.
            if held()?.is_some_and(|held| segment.recorded_to >= held) {
                break;
            }
            lake.remove_segment(segment, began).map_err(failed)?;
            removed += 1;
        }
        Ok(removed)
    }
}

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}
