//! The state of the log for operators, auditors and monitoring: its integrity, and statistics without names.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold::Hold;
use mcp_audit_log_contract::manifest::Job;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::recorder::{Gauges, Unready};
use mcp_audit_log_core::sink::SinkStatus;
use mcp_audit_log_index::{LogStats, StoredCheckpoint};
use mcp_audit_log_ledger::{Checkpoint, SignedCheckpoint, VerifierKey};
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::Policy;

use super::{AuditLog, SinkProgress};

/// The state of the log's integrity.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Integrity {
    /// How much is recorded.
    pub extent: LogStats,
    /// The first `seq`, and the next `seq`.
    pub places: Range<u64>,
    /// The reason why entries do not reach the disk at present.
    pub unready: Option<Unready>,
    /// The number of entries that the store rejected or lost since the log was opened.
    pub dropped: u64,
    /// The newest readable checkpoint; absent before the first one.
    pub checkpoint: Option<NewestCheckpoint>,
    /// Whether the last attempt to sign a checkpoint failed.
    pub unsigned: bool,
    /// The destinations of checkpoints.
    pub published: Vec<SinkStatus>,
    /// The sinks of entries; none if the viewer belongs to a tenant, because they are about the whole log.
    pub sinks: Vec<SinkProgress>,
    /// The holds in force; `None` if the viewer belongs to a tenant, because holds apply to the whole log.
    pub holds: Option<Vec<Hold>>,
}

/// The newest checkpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewestCheckpoint {
    /// The stored checkpoint, and where it was published.
    pub stored: StoredCheckpoint,
    /// The checkpoint, and the log's keys that signed it; a sentence if it cannot be trusted.
    pub said: Result<(Checkpoint, Vec<VerifierKey>), String>,
}

impl AuditLog {
    /// The integrity of the log, for viewers who may verify it. Blocks.
    ///
    /// # Errors
    /// The viewer may not do this, or the store fails.
    pub fn integrity(&self, access: &Grant) -> Result<Integrity, ReadError> {
        access.require(Right::Verify)?;
        let files = &self.0.view.files;
        let checkpoints = &self.0.checkpoints;
        Ok(Integrity {
            extent: files.extent()?,
            places: files.seqs()?,
            unready: self.0.recorder.ready().err(),
            dropped: self.0.recorder.gauges().dropped.load(Ordering::Relaxed),
            checkpoint: self.signed()?,
            unsigned: checkpoints.failing.load(Ordering::Relaxed),
            published: checkpoints.publisher.statuses(),
            sinks: if access.viewer().instance.is_none() { self.sinks() } else { Vec::new() },
            holds: self.holds_in_force(access)?,
        })
    }

    fn signed(&self) -> Result<Option<NewestCheckpoint>, ReadError> {
        let files = &self.0.view.files;
        let Some(stored) = files.newest_checkpoint()? else { return Ok(None) };
        let keys: Vec<_> = files.verifiers()?.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect();
        let said = SignedCheckpoint::parse(stored.checkpoint.note.as_bytes()).and_then(|signed| {
            signed.verify(&keys)?;
            let signers = signed.signers(&keys)?.into_iter().cloned().collect();
            Ok((signed.checkpoint().clone(), signers))
        });
        Ok(Some(NewestCheckpoint { stored, said: said.map_err(|error| error.to_string()) }))
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
#[non_exhaustive]
pub struct LogStatistics<'a> {
    /// The recorder's counters.
    pub gauges: &'a Gauges,
    /// How the policy is doing.
    pub policy: Arc<Policy>,
    /// The current number of live tails and other followers.
    pub followers: usize,
    /// When the log was opened.
    pub opened: Timestamp,
    /// How much is recorded.
    pub extent: Option<LogStats>,
    /// The newest checkpoint: the number of entries that it covers, and when it was signed.
    pub checkpoint: Option<(u64, Timestamp)>,
    /// Checkpoints that could not be signed or stored.
    pub unsigned: u64,
    /// The destinations of checkpoints.
    pub places: Vec<SinkStatus>,
    /// The sinks of entries.
    pub sinks: Vec<SinkProgress>,
    /// The scheduled job that ran last.
    pub cleanup: Option<CronState>,
}

impl AuditLog {
    fn newest_mark(&self) -> Option<(u64, Timestamp)> {
        let newest = self.0.view.files.newest_checkpoint().ok()??.checkpoint;
        Some((newest.size, newest.signed_at))
    }

    /// The figures as of now; blocks.
    pub fn figures(&self) -> LogStatistics<'_> {
        let crons = self.0.view.files.crons().unwrap_or_default();
        // A cron that the policy has no more was a cleanup.
        let manifest = self.view().manifest();
        let declared = &manifest.crons;
        let is_other = |name: &String| declared.iter().any(|cron| cron.name == *name && cron.job != Job::Retention);
        LogStatistics {
            gauges: self.0.recorder.gauges(),
            policy: self.view().policy(),
            followers: self.followers(),
            opened: self.0.opened,
            checkpoint: self.newest_mark(),
            unsigned: self.0.checkpoints.failed.load(Ordering::Relaxed),
            places: self.0.checkpoints.publisher.statuses(),
            sinks: self.sinks(),
            extent: self.0.view.files.extent().ok(),
            cleanup: crons
                .into_iter()
                .filter(|(name, state)| state.last_run.is_some() && !is_other(name))
                .map(|(_, state)| state)
                .max_by_key(|state| state.last_run),
        }
    }
}
