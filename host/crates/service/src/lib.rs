//! The audit log for its embedder: one cheap handle to everything.

mod activation;
mod alerts;
mod audit_action;
mod background;
mod backup;
mod bundle;
mod checkpoints;
mod cleanup_preview;
mod crons;
mod evidence;
#[cfg(feature = "export")]
mod exports;
pub mod follow_cursor;
mod holds;
mod integrity;
mod judgement;
mod log_view;
mod open;
mod open_error;
mod operator;
mod payloads;
mod policy_trust;
mod probation;
mod run_error;
mod saved_views;
mod sinks;
mod start_check;
mod start_entry;
mod tokens;
mod tool_watch;
mod verification;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_contract::settings::{InvalidSetting, SettingChange, Settings};
use mcp_audit_log_core::reader::{InternalReads, ReadError};
use mcp_audit_log_core::recorder::{RecordError, Recorder, RecorderControl, Reservation, StateChange};
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_index::{StoreError, Stored, StoredPayload};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::TokenError;
use serde_json::Value as Json;
use tokio::sync::watch;
use uuid::Uuid;

use self::checkpoints::Checkpoints;

pub use activation::PolicyRequest;
pub use alerts::{AlertFinding, AlertResult, AlertStatus, ViewSearch};
pub use audit_action::{ASKED, RefusalLimiter, ToolQuestion};
pub use background::{Background, NotTaken};
pub use backup::{BackupError, BackupSummary, RestoredLog, back_up, newest_backup, restore};
pub use bundle::{BundleExport, BundleRequest, Bundled};
pub use checkpoints::SignError;
pub use crons::{CleanupProgress, CronStatus, JobProgress};
pub use evidence::{EvidenceError, rotate_keys};
pub use integrity::{Integrity, LogStatistics, NewestCheckpoint};
use log_view::Followers;
pub use log_view::{Follower, LogView, Wakeup};
pub use mcp_audit_log_store::old_log;
pub use open::Options;
pub use open_error::OpenError;
pub use run_error::RunError;
#[cfg(feature = "lake")]
pub use sinks::LakeOptions;
pub use sinks::{SinkOptions, SinkProgress, StoredSink};
pub use tokens::TokenRequest;
pub use tool_watch::{ToolListing, ToolWatch};
pub use verification::{Found, StartError, Verification, VerificationProgress, VerificationResult, verify_log};

/// How long a closing log waits for the reading of exchanges that have ended.
const TO_READ: Duration = Duration::from_secs(2);

/// An open audit log. Clones share it. It closes with [`AuditLog::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct AuditLog(Arc<Inner>);

struct Inner {
    view: LogView,
    recorder: Recorder,
    checkpoints: Checkpoints,
    /// The sinks of entries.
    sinks: Mutex<Vec<sinks::RunningSink>>,
    /// The longest trusted jump of the clock, in microseconds.
    longest_step: i64,
    secret: Secret,
    /// The running scheduled job.
    running: Mutex<Option<(String, JobProgress)>>,
    /// The progress of a verification, and the result of the last one.
    verification: Mutex<Verification>,
    /// Held from reading a state until it is changed, so that no two changes start from the same state.
    changing: Mutex<()>,
    /// Set when the process is about to stop.
    stopping: watch::Sender<bool>,
    /// The followers of the log.
    followers: Followers,
    /// Attempts without the right.
    refusals: RefusalLimiter,
    /// Long work. Its entries are recorded when it is done.
    background: Arc<Background>,
    /// Compares listings of tools.
    tool_watch: Arc<ToolWatch>,
    /// The last check of alerts.
    alerts: alerts::Alerts,
    /// When it was opened.
    opened: Timestamp,
    /// Who may sign its policies.
    policy_trust: policy_trust::PolicyTrust,
    /// The file with the last signed checkpoint.
    last_signed: PathBuf,
}

/// The reason why something was not changed: a setting, a hold, a view.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The viewer may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A setting's value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
    /// The request is not allowed. The text is for the user.
    #[error("{0}")]
    Refused(String),
    /// There is no object with this id, or the viewer may not see it.
    #[error("no such {0}")]
    Missing(&'static str),
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens cannot be read or written.
    #[error(transparent)]
    Tokens(TokenError),
    /// There is no checkpoint of it.
    #[error("nothing was changed: {0}")]
    Sign(#[from] SignError),
    /// It could not be recorded, so nothing was changed.
    #[error("nothing was changed: {0}")]
    Record(#[from] RecordError),
}

impl AuditLog {
    /// The read side of the log, the same as of a log that is open for reading only.
    pub fn view(&self) -> &LogView {
        &self.0.view
    }

    /// Records an event and returns at once; see [`Recorder::record`].
    ///
    /// # Errors
    /// The queue is full (the event is counted in a gap entry), or the log is closed.
    pub fn record(&self, event: Event) -> Result<(), RecordError> {
        self.0.recorder.record(event)
    }

    /// Records the events that `events` creates on the recorder's thread; see [`Recorder::record_later`].
    ///
    /// # Errors
    /// The queue is full (the event is counted in a gap entry), or the log is closed.
    pub fn record_later(
        &self,
        bytes: usize,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) -> Result<(), RecordError> {
        self.0.recorder.record_later(bytes, events)
    }

    /// The same, but rejected events are not counted as lost; see [`Recorder::offer_later`].
    ///
    /// # Errors
    /// The queue is full, or the log is closed.
    pub fn offer_later(
        &self,
        bytes: usize,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) -> Result<(), RecordError> {
        self.0.recorder.offer_later(bytes, events)
    }

    /// Reserves a slot for a call that begins now; see [`Recorder::reserve`].
    pub fn reserve(&self) -> Option<Reservation> {
        self.0.recorder.reserve()
    }

    /// Counts this many events as lost; see [`Recorder::dropped`].
    pub fn dropped(&self, events: u64) {
        self.0.recorder.dropped(events);
    }

    /// Records an event and returns when it is durable.
    ///
    /// # Errors
    /// It was not recorded.
    pub async fn record_durably(&self, event: Event) -> Result<Stored, RecordError> {
        self.0.recorder.record_durably(event).await
    }

    /// Records all events or none, and returns when the result of each is known; see [`Recorder::record_all`].
    ///
    /// # Errors
    /// No event was accepted: the queue has no room for all of them, the log is closed, or the store fails.
    pub async fn record_all(
        &self,
        events: Vec<Event>,
        bytes: usize,
    ) -> Result<Vec<Result<Stored, RecordError>>, RecordError> {
        self.0.recorder.record_all(events, bytes).await
    }

    /// Whether capture keeps bodies: the payload setting. While it is off, capture must not pass any body.
    pub fn keeps_payloads(&self) -> bool {
        self.view().settings().log_payloads()
    }

    /// Whether each entry gets keyed digests of its bodies, even if the bodies are not kept.
    pub fn digests_bodies(&self) -> bool {
        self.view().settings().digest_bodies()
    }

    /// The data folder's secret.
    pub fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// The recorder, for its gauges.
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// The payload of an entry. An entry about the reading is stored before this returns. Blocks.
    ///
    /// # Errors
    /// The viewer may not read payloads, the reading could not be recorded, or the store fails.
    pub fn read_payload(&self, access: &Grant, id: Uuid) -> Result<Option<(Entry, StoredPayload)>, PayloadError> {
        self.allow(access, Right::ReadPayloads, "payload.read").map_err(ReadError::from)?;
        let Some((entry, payload)) = self.view().reader(access).payload(id)? else { return Ok(None) };
        let event = self.by("payload.read", access).fact("entry", id.to_string());
        self.0.recorder.change(StateChange::default(), vec![event])?;
        Ok(Some((entry, payload)))
    }

    /// Changes settings, all or none. Each change is stored together with an entry that has its old and new value, and
    /// is in force when this returns. Blocks.
    ///
    /// # Errors
    /// The viewer may not do this, a value is not allowed, or the change could not be recorded. Then nothing is
    /// changed.
    pub fn change_settings(
        &self,
        access: &Grant,
        wanted: &serde_json::Map<String, Json>,
    ) -> Result<Arc<Settings>, ChangeError> {
        self.allow(access, Right::Configure, "settings.updated")?;
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = self.view().settings().changes(&self.view().manifest().settings, wanted)?;
        let event = |change: &SettingChange| {
            let event = self.by("settings.updated", access).fact("setting", change.key.clone());
            event.fact("old", change.old.clone()).fact("new", change.new.clone())
        };
        let events: Vec<_> = settings.iter().map(event).collect();
        if !events.is_empty() {
            self.0.recorder.change(StateChange { settings, ..StateChange::default() }, events)?;
        }
        Ok(self.view().settings())
    }

    /// Announces that the process will stop: the server, not the client, ended exchanges that end from now on.
    /// Followers are disconnected.
    pub fn stopping(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Whether the process is about to stop.
    pub fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// The log's thread for long work, such as decoding a large body.
    #[doc(hidden)]
    pub fn background(&self) -> Arc<Background> {
        Arc::clone(&self.0.background)
    }

    /// A handle that does not keep the log open.
    #[doc(hidden)]
    pub fn downgrade(&self) -> WeakLog {
        WeakLog(Arc::downgrade(&self.0))
    }

    /// Accepts no more events, stores what is queued with a last entry about the clean stop, and returns.
    pub fn close(&self) {
        self.0.close();
    }
}

/// A handle that does not keep the log open.
#[derive(Clone)]
pub struct WeakLog(Weak<Inner>);

impl WeakLog {
    /// The log, while it is open.
    pub fn upgrade(&self) -> Option<AuditLog> {
        self.0.upgrade().map(AuditLog)
    }
}

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It may not or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The reading could not be recorded, so it was refused.
    #[error("the payload is not shown, because the reading could not be recorded: {0}")]
    Record(#[from] RecordError),
}

impl Inner {
    fn close(&self) {
        self.stopping.send_replace(true);
        self.background.close();
        self.end_tool_watch();
        self.end_sinks();
        let writer = self.recorder.close(Some(self.event("log.stopped")));
        self.end_checkpoints(writer);
    }
}

impl Inner {
    /// Compares the listings in exchanges that wait in the recorder's queue, too.
    fn end_tool_watch(&self) {
        if self.tool_watch.is_used() {
            // It comes after all of them, and needs no store, which may be failing.
            let (sender, all_read) = std::sync::mpsc::sync_channel(1);
            let last = move || {
                let _ = sender.send(());
                Vec::new()
            };
            if self.recorder.offer_later(0, last).is_ok() {
                let _ = all_read.recv_timeout(TO_READ);
            }
            self.tool_watch.close();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
