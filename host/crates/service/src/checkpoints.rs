//! Checkpoints: when the log signs them, stores them and publishes them.

use std::collections::HashSet;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_core::publish::{Published, Publisher};
use mcp_audit_log_core::recorder::{RecordError, RecorderControl, StateChange};
use mcp_audit_log_core::retention::ClockEvidence;
use mcp_audit_log_core::signer::{Resume, Signer, SignerError};
use mcp_audit_log_core::sink::SinkStatus;
use mcp_audit_log_index::{
    Batch, CheckpointChange, DestinationState, NewCheckpoint, StoreError, StoredCheckpoint, Writer,
};
use mcp_audit_log_ledger as ledger;
use mcp_audit_log_ledger::{SignedCheckpoint, VerifierKey};
use mcp_audit_log_model::actor::Actor;
use mcp_audit_log_model::event::{Event, OutcomeDetail};
use mcp_audit_log_model::time::{SECOND, Timestamp};

use super::{AuditLog, ChangeError, Inner, OpenError, evidence};

/// How often to check whether a checkpoint is due.
const TICK: Duration = Duration::from_secs(1);
/// The greatest age of the newest checkpoint while entries come in, in microseconds.
const DIRTY: i64 = 60 * SECOND;
/// Its greatest age in any case, as a sign that the log works.
const IDLE: i64 = 3_600 * SECOND;

/// Signs and publishes checkpoints.
pub(super) struct Checkpoints {
    signer: Mutex<Signer>,
    pub(super) publisher: Publisher,
    pub(super) failed: AtomicU64,
    pub(super) failing: AtomicBool,
    /// The destinations that were reported to have another log's checkpoints.
    pub(super) conflicts: Mutex<HashSet<Arc<str>>>,
    /// Locks the log for other processes until the last checkpoint is signed; `None` afterwards.
    lock: Mutex<Option<File>>,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The checkpoint could not be signed, or must not be.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The tree cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoint could not be stored.
    #[error("the checkpoint could not be stored: {0}")]
    Record(#[from] RecordError),
}

impl AuditLog {
    /// Signs a checkpoint if one is due, and records the state of publishing. The log's own thread calls it every
    /// second.
    ///
    /// # Errors
    /// The tree does not match the last signed one, it cannot be read, or nothing can be stored.
    pub fn sign_due(&self) -> Result<(), SignError> {
        self.0.sign_due()
    }

    /// Signs a checkpoint now, whether or not one is due. Blocks until it is stored; publishing continues in the
    /// background.
    ///
    /// # Errors
    /// The errors of [`AuditLog::sign_due`].
    pub fn sign(&self) -> Result<(), SignError> {
        self.0.sign()
    }

    /// Confirms that the clock is right: however long the last steps between checkpoints were, they count in full, and
    /// a cleanup removes entries by that age. An entry names the viewer. Blocks.
    ///
    /// # Errors
    /// The viewer may not configure, or it could not be signed or recorded.
    pub fn confirm_clock(&self, access: &Grant) -> Result<(), ChangeError> {
        self.allow(access, Right::Configure, "clock.confirmed")?;
        self.sign()?;
        let event = self.by("clock.confirmed", access).fact("now", self.view().now().to_string());
        let checkpoints = vec![CheckpointChange::Clock];
        Ok(self.0.recorder.change(StateChange { checkpoints, ..StateChange::default() }, vec![event])?)
    }

    /// Keys that the log does not know yet, with the entries about them. For a new log, whose first entry names its
    /// keys, also the checkpoint of the empty log.
    pub(super) fn beginnings(&self) -> Result<(Vec<CheckpointChange>, Vec<Event>), StoreError> {
        let known = self.0.view.files.verifiers()?;
        let signer = self.0.checkpoints.signer();
        let keys: Vec<_> = signer.verifiers().map(|key| key.to_string()).collect();
        let new = keys.into_iter().filter(|key| !known.contains(key)).collect::<Vec<_>>();
        let event = |key: &String| self.0.event("signing_key.added").fact("key", key.clone());
        let events = if known.is_empty() { Vec::new() } else { new.iter().map(event).collect() };
        let first = signer.last().filter(|last| known.is_empty() && last.checkpoint().size == 0);
        let first = first.map(|first| {
            CheckpointChange::Signed(NewCheckpoint {
                size: 0,
                signed_at: signed_at(first, &signer.verifiers().collect::<Vec<_>>()).unwrap_or(Timestamp::EPOCH),
                note: first.to_string(),
                link: Some(Vec::new()),
            })
        });
        let now = self.view().now();
        let keys = new.into_iter().map(|key| CheckpointChange::Key(key, now));
        Ok((keys.chain(first).collect(), events))
    }

    /// The entry about resuming after `signing.last` was lost.
    pub(super) fn resumed(&self, resume: &Resume) -> Event {
        let event = self.0.event("signing.resumed").by_actor(&Actor::from(resume.by.as_str()), None);
        event.fact("reason", resume.reason.clone())
    }

    /// The log's name in its signatures.
    pub(super) fn origin(&self) -> String {
        self.0.origin()
    }

    /// Stores and publishes the checkpoint that was signed at the last close.
    pub(super) fn begin_checkpoints(&self) -> Result<(), OpenError> {
        let Some(left) = self.0.checkpoints.signer().last().cloned() else { return Ok(()) };
        // Include retired keys: one of them may have signed last.
        let keys = evidence::known(&self.0.view.files)?;
        let (size, note) = (left.checkpoint().size, left.to_string());
        match self.0.view.files.newest_checkpoint()? {
            // Whether it arrived anywhere is not known.
            Some(StoredCheckpoint { number, checkpoint }) if checkpoint.note == note || checkpoint.size > size => {
                let NewCheckpoint { size, note, .. } = checkpoint;
                self.0.checkpoints.publisher.publish(Published { number, size, note });
                Ok(())
            }
            // The first is stored with the first entry.
            None => Ok(()),
            Some(_) => match signed_at(&left, &keys) {
                Some(signed_at) => Ok(self.0.keep(size, signed_at, note)?),
                // Without a time it would read as signed in 1970. The next checkpoint covers everything.
                None => {
                    tracing::error!("the last signed checkpoint has no time by a known key; it is not stored");
                    Ok(())
                }
            },
        }
    }

    /// Starts the thread that signs.
    pub(super) fn watch_checkpoints(&self) -> Result<(), OpenError> {
        let log = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("audit-signing".into());
        thread.spawn(move || watch(&log)).map(drop).map_err(OpenError::Thread)
    }
}

/// The signing time of one of the log's own checkpoints, from its signature.
fn signed_at(checkpoint: &SignedCheckpoint, keys: &[VerifierKey]) -> Option<Timestamp> {
    let seconds = checkpoint.verify(keys).ok().flatten().and_then(|seconds| i64::try_from(seconds).ok())?;
    Some(Timestamp::EPOCH.plus(seconds.saturating_mul(SECOND)))
}

/// Runs until the log is dropped.
fn watch(log: &Weak<Inner>) {
    while let Some(log) = log.upgrade() {
        match log.sign_due() {
            Ok(()) => {}
            Err(SignError::Record(RecordError::Closed)) => return,
            // Recorded once; the metrics report it for as long as it lasts.
            Err(error) if !log.checkpoints.failing.swap(true, Ordering::Relaxed) => {
                tracing::error!(%error, "checkpoints cannot be signed; retrying");
            }
            Err(_) => {}
        }
        drop(log);
        std::thread::park_timeout(TICK);
    }
}

impl Checkpoints {
    pub(super) fn new(signer: Signer, publisher: Publisher, lock: File) -> Self {
        let (failed, failing) = (AtomicU64::default(), AtomicBool::default());
        let (signer, lock) = (Mutex::new(signer), Mutex::new(Some(lock)));
        Self { signer, publisher, failed, failing, conflicts: Mutex::default(), lock }
    }

    fn signer(&self) -> MutexGuard<'_, Signer> {
        self.signer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn sign_due(&self) -> Result<(), SignError> {
        if self.is_due()? {
            self.sign()?;
        }
        self.record_places()
    }

    fn is_due(&self) -> Result<bool, StoreError> {
        let Some(last) = self.view.files.newest_checkpoint()?.map(|newest| newest.checkpoint) else { return Ok(true) };
        let age = self.view.now().as_micros().saturating_sub(last.signed_at.as_micros());
        let patience = if self.view.files.tree(|size, _| Ok(size))? > last.size { DIRTY } else { IDLE };
        // A clock that was set back does not show how long it has been; the checkpoint of the empty log covers no
        // entries.
        Ok(age < 0 || age >= patience || (last.size == 0 && patience == DIRTY))
    }

    /// The log's name in its signatures.
    pub(super) fn origin(&self) -> String {
        self.checkpoints.signer().origin().to_owned()
    }

    pub(super) fn sign(&self) -> Result<(), SignError> {
        let signed = self.try_sign(|size, signed_at, note| self.keep(size, signed_at, note));
        self.checkpoints.failed.fetch_add(u64::from(signed.is_err()), Ordering::Relaxed);
        if signed.is_ok() {
            self.checkpoints.failing.store(false, Ordering::Relaxed);
        }
        signed
    }

    fn try_sign(&self, keep: impl FnOnce(u64, Timestamp, String) -> Result<(), SignError>) -> Result<(), SignError> {
        // Held until it is stored, so that checkpoints are stored in the order in which they were signed.
        let mut signer = self.checkpoints.signer();
        let before = signer.last().map(|last| last.checkpoint().size);
        let (size, root, old_root) = self.view.files.tree(|size, nodes| {
            let old = before.map(|before| nodes.root_at(before)).transpose()?.flatten();
            Ok((size, ledger::root(size, nodes)?, old))
        })?;
        signer.check(size, |_| old_root)?;
        let now = self.view.now();
        let note = signer.sign(size, root, now)?.to_string();
        keep(size, Timestamp::from_micros(now.as_micros() / SECOND * SECOND), note)
    }

    /// Stores a checkpoint and passes it to the publisher.
    fn keep(&self, size: u64, signed_at: Timestamp, note: String) -> Result<(), SignError> {
        let link = self.link(size, signed_at)?;
        let checkpoint = NewCheckpoint { size, signed_at, note: note.clone(), link };
        let checkpoints = vec![CheckpointChange::Signed(checkpoint)];
        self.recorder.change(StateChange { checkpoints, ..StateChange::default() }, Vec::new())?;
        let number = self.view.files.newest_checkpoint()?.map_or(0, |newest| newest.number);
        self.checkpoints.publisher.publish(Published { number, size, note });
        Ok(())
    }

    /// The link from the newest archived checkpoint to this one, if this is the first of its day.
    fn link(&self, size: u64, signed_at: Timestamp) -> Result<Option<Vec<ledger::Hash>>, StoreError> {
        let Some(before) = self.view.files.newest_archived()?.map(|newest| newest.checkpoint) else {
            return Ok(Some(Vec::new()));
        };
        if before.signed_at.start_of_day() == signed_at.start_of_day() {
            return Ok(None);
        }
        self.view.files.tree(|_, nodes| ledger::consistency(before.size, size, nodes)).map(Some)
    }

    /// Signs the final state of the log, after the last event, and stores it with the remaining writer, so that every
    /// entry is signed. Ends the publishing, and unlocks the log for other processes.
    pub(super) fn end_checkpoints(&self, mut writer: Option<Box<dyn Writer>>) {
        let lock = self.checkpoints.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        if lock.is_none() {
            return;
        }
        let signed = self.try_sign(|size, signed_at, note| {
            let link = self.link(size, signed_at)?;
            let checkpoint = NewCheckpoint { size, signed_at, note: note.clone(), link };
            let checkpoints = vec![CheckpointChange::Signed(checkpoint)];
            let states = StateChange { checkpoints, ..StateChange::default() };
            let before = self.view.files.newest_checkpoint()?.map_or(0, |newest| newest.number);
            let stored = writer.as_mut().map(|writer| writer.commit(&Batch { states, ..Batch::default() }));
            // What was signed is published all the same: it is about all that is there.
            self.checkpoints.publisher.publish(Published { number: before + 1, size, note });
            match stored {
                Some(Err(error)) => Err(error.into()),
                Some(Ok(_)) => Ok(()),
                None => Err(RecordError::Closed.into()),
            }
        });
        if let Err(error) = signed {
            tracing::error!(%error, "the last checkpoint is not stored or not signed; the next start does both");
        }
        self.checkpoints.publisher.close();
    }
}

/// The time that a cleanup waits until its intent is published.
const PATIENCE: Duration = Duration::from_secs(30);
/// The kind of failure when a checkpoint cannot be published.
const FAILURE: &str = "publishing";

impl Inner {
    /// Stores which checkpoints were delivered since the last check. The first failure and its end are entries.
    pub(super) fn record_places(&self) -> Result<(), SignError> {
        let known = self.view.files.destinations()?;
        let (mut checkpoints, mut events) = (Vec::new(), Vec::new());
        for status in self.checkpoints.publisher.statuses() {
            let before = known.iter().find(|place| place.name == *status.name);
            let (arrived, was_failing) = before.map_or((0, false), |place| (place.number, place.failing));
            let number = status.arrived.unwrap_or_default().max(arrived);
            let failing = if status.is_waiting() { was_failing } else { status.failing.is_some() };
            if (number, failing) != (arrived, was_failing) {
                let name = status.name.to_string();
                checkpoints.push(CheckpointChange::Destination(DestinationState { name, number, failing }));
            }
            if failing != was_failing {
                events.push(self.publishing(&status, failing));
            }
            events.extend(self.conflict(&status));
        }
        if checkpoints.is_empty() && events.is_empty() {
            return Ok(());
        }
        Ok(self.recorder.change(StateChange { checkpoints, ..StateChange::default() }, events)?)
    }

    fn publishing(&self, status: &SinkStatus, failing: bool) -> Event {
        if !failing {
            return self.event("checkpoint.publishing_recovered").fact("place", &*status.name);
        }
        let why = "The newest checkpoint could not be published here; the log retries.";
        let event = self.event("checkpoint.publishing_failed").fact("place", &*status.name);
        event.failed(OutcomeDetail::Unknown, FAILURE, why)
    }

    /// A destination holds checkpoints that this log does not continue. It is recorded once per run of the process.
    fn conflict(&self, status: &SinkStatus) -> Option<Event> {
        let mut told = self.checkpoints.conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = status.failing.clone().filter(|_| status.conflict && told.insert(Arc::clone(&status.name)))?;
        let why = "The checkpoints published here belong to another history; publishing here has stopped.";
        let event = self.event("checkpoint.conflict_found").fact("place", &*status.name).fact("reason", reason);
        Some(event.failed(OutcomeDetail::Unknown, FAILURE, why))
    }

    /// Waits until this checkpoint is published somewhere, if there is a destination. Returns the reason if it is not.
    pub(super) fn wait_published(&self) -> Result<(), String> {
        let publisher = &self.checkpoints.publisher;
        if publisher.is_empty() {
            return Ok(());
        }
        let number = self.view.files.newest_checkpoint().map_err(|error| error.to_string())?;
        let number = number.map_or(0, |newest| newest.number);
        if publisher.wait_for(number, PATIENCE) {
            return Ok(());
        }
        Err("the checkpoint for this cleanup could not be published to any destination".into())
    }

    /// The evidence of the age of the log's entries.
    pub(super) fn evidence(&self, now: Timestamp) -> Result<ClockEvidence, StoreError> {
        let files = &self.view.files;
        Ok(ClockEvidence {
            now,
            marks: files.checkpoint_times()?,
            // Without a destination the log's own checkpoints are the best evidence.
            published: if self.checkpoints.publisher.is_empty() { u64::MAX } else { files.published()? },
            archived: files.newest_archived()?.map_or(0, |newest| newest.checkpoint.size),
            confirmed: files.clock_confirmed()?,
            longest_step: self.longest_step,
        })
    }
}
