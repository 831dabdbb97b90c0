//! The integrity of the log, for operators and auditors.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::AuditLog;
use crate::access::{Access, Right};
use crate::hold::Hold;
use crate::ledger::{Checkpoint, SignedCheckpoint, VerifierKey};
use crate::publish::DestinationStatus;
use crate::reader::ReadError;
use crate::recorder::Unready;
use crate::store::{Extent, StoredCheckpoint};

/// The state of the log's integrity.
#[derive(Clone, Debug)]
pub(crate) struct Integrity {
    pub(crate) extent: Extent,
    /// The first `seq`, and the next one.
    pub(crate) places: Range<u64>,
    /// Why what is recorded does not reach the disk at present.
    pub(crate) unready: Option<Unready>,
    /// How many entries the store has refused or lost since the log was opened.
    pub(crate) dropped: u64,
    pub(crate) checkpoint: Option<Signed>,
    /// Whether the last try to sign one failed.
    pub(crate) unsigned: bool,
    /// Where checkpoints are published.
    pub(crate) published: Vec<DestinationStatus>,
    /// Those in force; `None` where the viewer belongs to one instance, as they are the whole log's.
    pub(crate) holds: Option<Vec<Hold>>,
}

/// The newest checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) stored: StoredCheckpoint,
    /// The checkpoint, and the log's keys that signed it; a sentence if it cannot be trusted.
    pub(crate) said: Result<(Checkpoint, Vec<VerifierKey>), String>,
}

impl AuditLog {
    /// The integrity of the log, for viewers who may verify it. Blocks.
    ///
    /// # Errors
    /// The viewer may not, or the store fails.
    pub(crate) fn integrity(&self, access: &Access) -> Result<Integrity, ReadError> {
        access.require(Right::Verify)?;
        let files = &self.0.view.files;
        let checkpoints = &self.0.checkpoints;
        Ok(Integrity {
            extent: files.extent()?,
            places: files.places()?,
            unready: self.0.recorder.ready().err(),
            dropped: self.0.recorder.gauges().dropped.load(Ordering::Relaxed),
            checkpoint: self.signed()?,
            unsigned: checkpoints.failing.load(Ordering::Relaxed),
            published: checkpoints.publisher.statuses(),
            holds: self.holds_in_force(access)?,
        })
    }

    fn signed(&self) -> Result<Option<Signed>, ReadError> {
        let files = &self.0.view.files;
        let Some(stored) = files.newest_checkpoint()? else { return Ok(None) };
        let keys: Vec<_> = files.verifiers()?.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect();
        let said = SignedCheckpoint::parse(stored.checkpoint.note.as_bytes()).and_then(|signed| {
            signed.verify(&keys)?;
            let signers = signed.signers(&keys)?.into_iter().cloned().collect();
            Ok((signed.checkpoint().clone(), signers))
        });
        Ok(Some(Signed { stored, said: said.map_err(|error| error.to_string()) }))
    }

    fn holds_in_force(&self, access: &Access) -> Result<Option<Vec<Hold>>, ReadError> {
        match self.holds(access) {
            Ok(holds) => Ok(Some(holds.into_iter().filter(|hold| hold.released.is_none()).collect())),
            Err(ReadError::Denied(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
