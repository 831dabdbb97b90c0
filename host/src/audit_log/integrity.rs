//! The state of the log for operators, auditors and monitoring: its integrity, and statistics without names.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::AuditLog;
use crate::access::{Grant, Right};
use crate::hold::Hold;
use crate::ledger::{Checkpoint, SignedCheckpoint, VerifierKey};
use crate::policy::Health;
use crate::publish::DestinationStatus;
use crate::reader::ReadError;
use crate::recorder::{Gauges, Unready};
use crate::schedule::CronState;
use crate::store::{Extent, StoredCheckpoint};
use crate::time::Timestamp;

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
    pub(crate) fn integrity(&self, access: &Grant) -> Result<Integrity, ReadError> {
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

    fn holds_in_force(&self, access: &Grant) -> Result<Option<Vec<Hold>>, ReadError> {
        match self.holds(access) {
            Ok(holds) => Ok(Some(holds.into_iter().filter(|hold| hold.released.is_none()).collect())),
            Err(ReadError::Denied(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The state of the log. Values that the store cannot read at present are absent.
pub(crate) struct LogStatistics<'a> {
    pub(crate) gauges: &'a Gauges,
    /// How the policy is doing.
    pub(crate) policy: &'a Health,
    pub(crate) followers: usize,
    pub(crate) opened: Timestamp,
    pub(crate) extent: Option<Extent>,
    /// The newest checkpoint: how many entries it is about, and when it was signed.
    pub(crate) checkpoint: Option<(u64, Timestamp)>,
    /// Checkpoints that could not be signed or stored.
    pub(crate) unsigned: u64,
    /// Where checkpoints are published.
    pub(crate) places: Vec<DestinationStatus>,
    /// The scheduled job that ran last.
    pub(crate) cleanup: Option<CronState>,
}

impl AuditLog {
    fn newest_mark(&self) -> Option<(u64, Timestamp)> {
        let newest = self.0.view.files.newest_checkpoint().ok()??.checkpoint;
        Some((newest.size, newest.signed_at))
    }

    /// The figures as of now; blocks.
    pub(crate) fn figures(&self) -> LogStatistics<'_> {
        let crons = self.0.view.files.crons().unwrap_or_default();
        LogStatistics {
            gauges: self.0.recorder.gauges(),
            policy: self.policy().health(),
            followers: self.followers(),
            opened: self.0.opened,
            checkpoint: self.newest_mark(),
            unsigned: self.0.checkpoints.failed.load(Ordering::Relaxed),
            places: self.0.checkpoints.publisher.statuses(),
            extent: self.0.view.files.extent().ok(),
            cleanup: crons.into_values().filter(|cron| cron.last_run.is_some()).max_by_key(|cron| cron.last_run),
        }
    }
}
