//! Opening a log: folder, policy, settings, the recorder, and the first entry.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mcp_audit_log_contract::access::{Grant, GrantInternals, Right, Viewer};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::components::Components;
use mcp_audit_log_core::publish::{Destinations, Publisher, Roots};
use mcp_audit_log_core::reader::{InternalReads, Reader};
use mcp_audit_log_core::recorder::{ActivePolicy, QueueLimits, Recorder, RecorderControl, RecorderParts, SharedPolicy};
use mcp_audit_log_core::retention;
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_core::signer::{Known, Signer, SignerError, SignerOptions};
use mcp_audit_log_core::sink::{EntryBatch, Sink};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{StoreError, StoreReader};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::price::Prices;
use mcp_audit_log_model::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log_sandbox::{Floors, Limits};
use mcp_audit_log_store as store;
use mcp_audit_log_store::Upgraded;
use tokio::sync::watch;

use super::backup::RestoredFrom;
use super::checkpoints::Checkpoints;
use super::judgement::{self, Loading, Named, Purpose, Stack};
use super::policy_trust::PolicyTrust;
use super::start_entry::StartFacts;
use super::{AuditLog, Followers, Inner, LogView, evidence, probation, start_check};
use crate::{Background, OpenError, RefusalLimiter, SinkOptions};

/// The file that makes a folder a log's.
const DATABASE: &str = "mcp-audit-log.db";

/// How a log is opened.
pub struct Options {
    folder: PathBuf,
    policy: Option<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    pub(super) trust: PolicyTrust,
    limits: Limits,
    floors: Floors,
    queue: QueueLimits,
    clock: Arc<dyn Clock>,
    prices: Prices,
    signer: SignerOptions,
    places: Destinations,
    sinks: Vec<(SinkOptions, Box<dyn Sink<EntryBatch>>)>,
    #[cfg(feature = "lake")]
    lake: Option<crate::LakeOptions>,
    longest_step: i64,
    watches_schedule: bool,
    purpose: Purpose,
}

impl Options {
    /// Options for the log in `folder`, with the default policy and limits.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
            policy: None,
            extensions: Vec::new(),
            trust: PolicyTrust::default(),
            limits: Limits::default(),
            floors: Floors::default(),
            queue: QueueLimits::default(),
            clock: Arc::new(SystemClock),
            prices: Prices::default(),
            signer: SignerOptions::default(),
            places: Destinations::default(),
            sinks: Vec::new(),
            #[cfg(feature = "lake")]
            lake: None,
            longest_step: retention::LONGEST_STEP,
            watches_schedule: true,
            purpose: Purpose::Start,
        }
    }

    /// Sets another policy: the bytes of a component.
    pub fn policy(mut self, component: Vec<u8>) -> Self {
        self.policy = Some(component);
        self
    }

    /// Adds an extension over the policy (repeatable): the bytes of a component. Their needs and their names decide the
    /// order of extensions.
    pub fn extend(mut self, component: Vec<u8>) -> Self {
        self.extensions.push(component);
        self
    }

    /// Other limits for the policy.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Turns off some of the floors below every policy. The log's first entry names them.
    pub fn floors(mut self, floors: Floors) -> Self {
        self.floors = floors;
        self
    }

    /// Another size of the queue.
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = limits;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the prices of language models. They apply to events that have tokens and no cost of their own.
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// Sets the keys that sign the log's checkpoints.
    pub fn signer(mut self, signer: SignerOptions) -> Self {
        self.signer = signer;
        self
    }

    /// Sets the destinations of checkpoints.
    pub fn publish(mut self, places: Destinations) -> Self {
        self.places = places;
        self
    }

    /// Sends entries to `sink`, from the log's first one on (repeatable). Batches come in order; what has arrived is
    /// stored in the log under the sink's name, so that a restart goes on from there.
    pub fn sink(mut self, options: SinkOptions, sink: impl Sink<EntryBatch>) -> Self {
        self.sinks.push((options, Box::new(sink)));
        self
    }

    /// Writes sealed segments of all entries to a lake, as a sink does that is called [`mcp_audit_log_lake::LAKE_SINK`].
    #[cfg(feature = "lake")]
    pub fn lake(mut self, lake: crate::LakeOptions) -> Self {
        self.lake = Some(lake);
        self
    }

    /// Trusts the clock whatever jump it makes, because the operator keeps it right by other means. By default a jump
    /// of more than three days pauses the cleanup until an operator confirms the clock.
    pub fn believe_clock(mut self) -> Self {
        self.longest_step = i64::MAX;
        self
    }

    /// Opens the log for a moment, to record something and to close it again: where no policy is named, the one that
    /// judged last judges on.
    pub fn for_a_moment(mut self) -> Self {
        self.purpose = Purpose::Moment;
        self.own_schedule()
    }

    /// Leaves the schedule to the embedder, which calls [`AuditLog::run_due`] at least once a minute.
    pub fn own_schedule(mut self) -> Self {
        self.watches_schedule = false;
        self
    }

    /// Opens the log. It creates the folder and its files if they are missing.
    ///
    /// # Errors
    /// The folder cannot be used, another process has the log open, the policy is refused, or nothing can be recorded.
    pub fn open(self) -> Result<AuditLog, OpenError> {
        let Self {
            folder,
            policy,
            extensions,
            trust,
            limits,
            floors,
            queue,
            clock,
            prices,
            signer,
            places,
            sinks,
            #[cfg(feature = "lake")]
            lake,
            longest_step,
            watches_schedule,
            purpose,
        } = self;
        let named_sinks = sinks.iter().map(|(options, _)| options.described());
        #[cfg(feature = "lake")]
        let named_sinks = named_sinks.chain(lake.iter().map(|lake| lake.sink().described()));
        let named_sinks = named_sinks.collect();
        let loading = Loading { folder: &folder, limits, floors: &floors, now: clock.now() };
        let named = Named { policy, extensions, purpose };
        let trust = trust.with(Components::of(&folder).notes());
        let load = |newest: Option<&JudgedBy>| {
            let (policy, stack) = loading.named(&named, newest)?;
            let signers = trust.signers(&policy)?;
            Ok::<_, OpenError>((policy, stack, signers))
        };
        // A policy that is refused leaves no new folder behind.
        let is_there = folder.join(DATABASE).is_file();
        let early = if is_there { None } else { Some(load(None)?) };
        let (files, mut writer) = store::open(&folder)?;
        let judged_before = files.judged_before(u64::MAX, 1)?.pop();
        let (policy, stack, policy_signers) = match early {
            Some(loaded) => loaded,
            None => load(judged_before.as_ref())?,
        };
        let policy = Arc::new(policy);
        let lock = writer.store().hold_lock().map_err(OpenError::Lock)?;
        let (resume, last_signed) = (signer.resume.clone(), signer.last_path(&folder));
        let signer = signer_of(&folder, &signer, &files, clock.now())?;
        let checkpoints = Checkpoints::new(signer, Publisher::start(&places, roots(&files))?, lock);
        let clean = stopped_cleanly(&files)?;
        let lost_secret = clean.is_some() && !Secret::exists(&folder);
        let secret = Secret::open(&folder).map_err(OpenError::Secret)?;
        let stored = Settings::load(&policy.manifest().settings, &files.settings()?);
        let configured = stack.configured.clone();
        let active = ActivePolicy { policy: Arc::clone(&policy), settings: Arc::new(stored), configured, since: None };
        judgement::begin(&folder, &stack, &active, &mut writer)?;
        let judges = files.judged_before(u64::MAX, 1)?.pop().unwrap_or_default();
        let active = ActivePolicy { since: Some(judges.since), ..active };
        let probation = probation::unfinished(&files, &loading, &judges)?;
        let components = Components::of(&folder);
        for digest in components.remove_leftovers(&files.judging_components()?, clock.now()) {
            tracing::info!(digest, "a component that never judged was removed from the log's folder");
        }
        components.keep_notes(trust.notes()).map_err(OpenError::Component)?;
        let active = SharedPolicy::new(active);
        let (writer, clock_of_recorder) = (Box::new(writer), Arc::clone(&clock));
        let parts = RecorderParts {
            active: active.clone(),
            probation,
            files: files.clone(),
            writer,
            clock: clock_of_recorder,
            prices,
        };
        let recorder = Recorder::start(parts, queue).map_err(OpenError::Thread)?;
        let opened = clock.now();
        let view = LogView { files, active, clock, folder, limits, floors: floors.clone() };
        view.save_compiled(&policy);
        let log = AuditLog(Arc::new(Inner {
            view,
            recorder,
            checkpoints,
            sinks: Mutex::default(),
            longest_step,
            secret,
            running: Mutex::new(None),
            verification: Mutex::default(),
            last_signed,
            changing: Mutex::new(()),
            stopping: watch::Sender::new(false),
            followers: Followers::default(),
            refusals: RefusalLimiter::default(),
            background: Arc::new(Background::new("audit-unpack")),
            tool_watch: Arc::default(),
            alerts: Default::default(),
            opened,
            policy_trust: trust,
        }));
        // What the last stop left comes first, so that the first entry counts it.
        log.begin_checkpoints()?;
        let (restored, upgraded) = (RestoredFrom::of(&log.view().folder), Upgraded::of(&log.view().folder));
        log.record_start(&StartFacts {
            clean,
            resume,
            floors,
            lost_secret,
            policy_signers,
            judges,
            judged_before,
            restored,
            upgraded,
            sinks: named_sinks,
        })?;
        log.record_old_changes();
        // Before the first cleanup, which leaves what they still need.
        log.start_sinks(sinks)?;
        #[cfg(feature = "lake")]
        lake.map_or(Ok(()), |lake| log.start_lake(lake))?;
        log.0.plan_schedule::<OpenError>()?;
        log.0.show_raised();
        if watches_schedule {
            log.watch_alerts()?;
            log.watch_schedule()?;
            log.watch_checkpoints()?;
        }
        Ok(log)
    }
}

impl Options {
    /// Opens the log for reading only, beside a process that may be recording.
    ///
    /// # Errors
    /// There is no log in the folder, or the policy is refused.
    pub fn view(self) -> Result<LogView, OpenError> {
        let Self { folder, policy, extensions, limits, floors, clock, .. } = self;
        let files = store::open_to_read(&folder)?;
        let loading = Loading { folder: &folder, limits, floors: &floors, now: clock.now() };
        let named = Named { policy, extensions, purpose: Purpose::View };
        let (policy, Stack { configured, .. }) = loading.named(&named, files.judged_before(u64::MAX, 1)?.first())?;
        let settings = Arc::new(Settings::load(&policy.manifest().settings, &files.settings()?));
        let active = SharedPolicy::new(ActivePolicy { policy: Arc::new(policy), settings, configured, since: None });
        Ok(LogView { files, active, clock, folder, limits, floors })
    }
}

/// The signer of this log. It must be the one that signed the log before.
fn signer_of(folder: &Path, options: &SignerOptions, files: &StoreReader, now: Timestamp) -> Result<Signer, OpenError> {
    let keys = evidence::known(files)?;
    let size = files.tree(|size, _| Ok(size))?;
    let signer = Signer::open(folder, options, Known { keys: &keys, size, now })?;
    let last = signer.last().map(|last| last.checkpoint().size);
    let root = files.tree(|_, nodes| last.map(|last| nodes.root_at(last)).transpose())?;
    signer.check(size, |_| root.flatten())?;
    match start_check::difference(files, &signer)? {
        Some(what) => Err(SignerError::Inconsistent { what, path: options.last_path(folder) }.into()),
        None => Ok(signer),
    }
}

/// The log's earlier roots, for the publisher.
fn roots(files: &StoreReader) -> Roots {
    let files = files.clone();
    Arc::new(move |size| files.linked_root(size).ok().flatten())
}

/// Only the log's own entries count: on other channels a caller may use the same method name.
fn says_stopped(entry: &Entry) -> bool {
    (entry.text(Field::Channel), entry.text(Field::Method)) == (Some("system"), Some("log.stopped"))
}

/// Whether the last entry is a clean stop; `None` for a log without entries.
fn stopped_cleanly(files: &StoreReader) -> Result<Option<bool>, StoreError> {
    match Reader::new(files, &own_access(), Timestamp::EPOCH).page(Domain::TRUE, None, 1) {
        Ok(page) => Ok(page.entries.first().map(says_stopped)),
        Err(mcp_audit_log_core::reader::ReadError::Store(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The grant with which the log reads the payload of its own entries.
pub(super) fn own_payload_access() -> Grant {
    let viewer = own_access().viewer().clone();
    Grant::new(viewer, [Right::Read, Right::ReadPayloads].into(), Domain::TRUE)
}

/// The grant with which the log reads its own entries, for no viewer.
pub(super) fn own_access() -> Grant {
    let viewer = Viewer { user: String::new(), groups: Vec::new(), instance: None };
    Grant::new(viewer, [Right::Read].into(), Domain::TRUE)
}
