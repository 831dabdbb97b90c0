//! Verification of the whole log against its ledger: on demand while recording continues, or of files.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

use mcp_audit_log_contract::access::{Denied, Grant, GrantInternals, Right};
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_core::signer;
use mcp_audit_log_core::signer::{SignerError, SignerOptions};
use mcp_audit_log_ledger::VerifierKey;
use mcp_audit_log_model::event::{Event, OutcomeDetail};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store as store;
use mcp_audit_log_store::{CHECKS, ExternalCheckpoint, Verified, VerifyError, VerifyFinding, VerifyProgress};
use uuid::Uuid;

use super::{AuditLog, Inner};

const VERIFIED: &str = "log.verified";

/// The progress and the last result of verification since the log was opened.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// How far a run is.
    pub running: Option<VerificationProgress>,
    /// How the last one ended.
    pub last: Option<VerificationResult>,
}

/// How far a run is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerificationProgress {
    /// When it began.
    pub began: Timestamp,
    /// The user who started it.
    pub by: String,
    /// The current check, counted from 1; 0 before the first.
    pub at: usize,
    /// How many checks there are.
    pub of: usize,
    /// The name of that check.
    pub check: String,
    /// How much it has checked.
    pub done: u64,
    /// The number of items to check; 0 if unknown.
    pub all: u64,
}

/// How a run ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerificationResult {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The user who started it.
    pub by: String,
    /// The result.
    pub found: Found,
    /// The id of the entry about it.
    pub entry: Uuid,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub enum Found {
    /// Everything fits.
    Whole(Verified),
    /// Something does not.
    Wrong(VerifyFinding),
    /// The log could not be read, so nothing is known.
    Unread(String),
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The viewer may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// One is running.
    #[error("a verification is already running; wait until it has ended")]
    Running,
    /// There is no thread for it.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// A run. While it lasts, no other run can begin.
struct Run {
    inner: Arc<Inner>,
    by: Grant,
    began: Timestamp,
}

impl AuditLog {
    /// The current and the last run.
    ///
    /// # Errors
    /// The viewer may not verify.
    pub fn verification(&self, access: &Grant) -> Result<Verification, Denied> {
        access.require(Right::Verify)?;
        let mut state = self.0.verification().clone();
        // A viewer of a tenant must not see users of other tenants.
        if access.viewer().instance.is_some() {
            let own = &access.viewer().user;
            let by =
                state.running.iter_mut().map(|run| &mut run.by).chain(state.last.iter_mut().map(|run| &mut run.by));
            by.filter(|by| *by != own).for_each(|by| "another user".clone_into(by));
        }
        Ok(state)
    }

    /// Starts to verify the whole log, like `mcp-audit-log verify`, and returns at once. Recording continues; the run
    /// reads the log in its current state.
    ///
    /// # Errors
    /// The viewer may not verify, a verification is running, or no thread can be started.
    pub fn start_verification(&self, access: &Grant) -> Result<(), StartError> {
        self.allow(access, Right::Verify, VERIFIED)?;
        let run = Run::claim(&self.0, access)?;
        let thread = std::thread::Builder::new().name("audit-verify".into());
        thread.spawn(move || run.finish()).map(drop).map_err(StartError::Thread)
    }
}

impl Run {
    fn claim(inner: &Arc<Inner>, access: &Grant) -> Result<Self, StartError> {
        let (began, by) = (inner.view.now(), access.viewer().user.clone());
        let mut state = inner.verification();
        if state.running.is_some() {
            return Err(StartError::Running);
        }
        let (check, of) = (String::new(), CHECKS);
        state.running = Some(VerificationProgress { began, by, at: 0, of, check, done: 0, all: 0 });
        drop(state);
        Ok(Self { inner: Arc::clone(inner), by: access.clone(), began })
    }

    fn finish(self) {
        let signer = SignerOptions { last_signed: Some(self.inner.last_signed.clone()), ..SignerOptions::default() };
        let tell = |check: &_, done, all| self.tell(check, done, all);
        let found = match verify_log(&self.inner.view.folder, &signer, Vec::new(), &tell) {
            Ok(verified) => Found::Whole(verified),
            Err(VerifyError::Wrong(wrong)) => Found::Wrong(wrong),
            Err(error) => Found::Unread(error.to_string()),
        };
        let event = self.event(&found);
        let (ended, by) = (self.inner.view.now(), self.by.viewer().user.clone());
        let result = VerificationResult { began: self.began, ended, by, found, entry: event.id };
        // First, as a log that does not fit takes no entry any more.
        self.inner.verification().last = Some(result);
        let inner = Arc::clone(&self.inner);
        drop(self);
        if let Err(error) = inner.recorder.change(StateChange::default(), vec![event]) {
            tracing::warn!(%error, "the result of a verification was not recorded");
        }
    }

    fn tell(&self, check: &str, done: u64, all: u64) {
        if let Some(progress) = &mut self.inner.verification().running {
            progress.at += usize::from(progress.check != check);
            (progress.done, progress.all) = (done, all);
            if progress.check != check {
                check.clone_into(&mut progress.check);
            }
        }
    }

    fn event(&self, found: &Found) -> Event {
        let event = self.inner.event(VERIFIED).by_actor(self.by.actor(), self.by.viewer().instance.as_deref());
        let event = event.fact("began", self.began.to_string());
        let place = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        match found {
            Found::Whole(Verified { head, first, .. }) => {
                let event = event.fact("result", "whole").fact("first", place(*first));
                event.fact("size", place(head.size)).fact("root", head.root.to_string())
            }
            Found::Wrong(wrong) => {
                let sentence = format!("The log does not match its ledger: {wrong}.");
                event.fact("result", "wrong").failed(OutcomeDetail::Unknown, "wrong", sentence)
            }
            Found::Unread(error) => {
                let sentence = format!("The log could not be read: {error}.");
                event.fact("result", "unread").failed(OutcomeDetail::Incomplete, "unread", sentence)
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.inner.verification().running = None;
    }
}

impl Inner {
    fn verification(&self) -> MutexGuard<'_, Verification> {
        self.verification.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The check of checkpoints that were kept elsewhere.
const CHECK: &str = "kept";

/// Verifies the log in `folder` without writing; a server may be using it. The log must contain the last checkpoint of
/// its signer, and each of `kept`, which are checkpoints of this log that a verifier has. If `kept` is not empty, the
/// signer's checkpoint may be missing, as in an outsider's copy.
///
/// # Errors
/// The first mismatch, or the reason why the log cannot be read.
pub fn verify_log(
    folder: &Path,
    signer: &SignerOptions,
    mut kept: Vec<ExternalCheckpoint>,
    tell: VerifyProgress<'_>,
) -> Result<Verified, VerifyError> {
    let path = signer.last_path(folder);
    let name = path.display().to_string();
    let wrong = |what: String| VerifyError::Wrong(VerifyFinding { check: CHECK, at: name.clone(), seq: None, what });
    let last = signer::last(&path).map_err(|error| match error {
        SignerError::File { path, reason } => VerifyError::Beside { path, reason },
        error => wrong(error.to_string()),
    })?;
    let is_missing = last.is_none() && kept.is_empty();
    let signed = last.as_ref().map(|note| note.checkpoint().size);
    let given = kept.len();
    kept.extend(last.map(|note| ExternalCheckpoint { name: name.clone(), note }));
    let named = signer::verifiers(folder, signer).map_err(|error| match error {
        SignerError::File { path, reason } => VerifyError::Beside { path, reason },
        error => VerifyError::Keys(error.to_string()),
    })?;
    let mut verified = match store::verify(folder, &kept, tell) {
        Ok(verified) => verified,
        // Only a log that is whole but for that can say whose checkpoints are its own.
        Err(VerifyError::Wrong(wrong)) if wrong.check == CHECK => {
            let known = store::open_to_read(folder)?.verifiers()?;
            let named = &kept[..given];
            return Err(foreign(named, &wrong, &known).unwrap_or(VerifyError::Wrong(wrong)));
        }
        Err(error) => return Err(error),
    };
    verified.signed = signed;
    if let Some(what) = unlike(&named, &store::open_to_read(folder)?.verifiers()?) {
        let at = signer.key_path(folder).display().to_string();
        let at = if signer.keys.is_some() { "the given signing keys".to_owned() } else { at };
        return Err(VerifyError::Wrong(VerifyFinding { check: CHECK, at, seq: None, what }));
    }
    if is_missing && verified.head.size > 0 {
        return Err(wrong(
            "the last signed checkpoint is missing; name its file with --last-signed, or name a checkpoint kept \
             elsewhere with --checkpoint"
                .to_owned(),
        ));
    }
    Ok(verified)
}

/// The error if the wrong checkpoint belongs to a log with another name. The last checkpoint of the log's own signer
/// must belong to the log.
fn foreign(kept: &[ExternalCheckpoint], wrong: &VerifyFinding, known: &[String]) -> Option<VerifyError> {
    let ExternalCheckpoint { name, note } = kept.iter().find(|kept| kept.name == wrong.at)?;
    let names: Vec<_> = known.iter().filter_map(|key| Some(VerifierKey::parse(key).ok()?.name().to_owned())).collect();
    let (origin, log) = (note.checkpoint().origin.clone(), names.first()?.clone());
    (!names.contains(&origin)).then(|| VerifyError::Foreign { name: name.clone(), origin, log })
}

/// The mismatch if these keys do not belong to the log. After a rotation the file also has the newest old key, so the
/// log knows one of them.
fn unlike(named: &[VerifierKey], known: &[String]) -> Option<String> {
    if named.is_empty() || known.is_empty() || named.iter().any(|key| known.contains(&key.to_string())) {
        return None;
    }
    let name = |key: &VerifierKey| key.name().to_owned();
    let known = known.iter().find_map(|key| VerifierKey::parse(key).ok());
    let (found, log) = (named.first().map(name).unwrap_or_default(), known.as_ref().map(name).unwrap_or_default());
    Some(format!("the keys of {found} never signed this log, {log}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use mcp_audit_log_contract::access::Viewer;

    #[test]
    fn only_one_verification_runs_at_a_time_however_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).open().expect("a log");
        let access = log.view().access(&Viewer::new("otto", ["auditor"]));
        let run = Run::claim(&log.0, &access).expect("nothing runs");
        run.tell("file", 0, 0);
        run.tell("file", 7, 9);
        run.tell("tree", 0, 0);
        let progress = log.verification(&access).expect("allowed").running.expect("one runs");
        assert_eq!((progress.at, progress.check.as_str(), progress.by.as_str()), (2, "tree", "otto"));
        assert!(matches!(log.start_verification(&access), Err(StartError::Running)));
        drop(run);
        assert!(log.verification(&access).expect("allowed").running.is_none());
        log.start_verification(&access).expect("there is room");
    }
}
