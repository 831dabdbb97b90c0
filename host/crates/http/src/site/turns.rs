//! Limits how many bodies of events are read, how many exports run, and how many policies are on trial, at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::problem::Problem;

/// The most bodies of events that are read at once. Others wait for their turn.
const INTAKE: usize = 8;
/// How long the others wait.
const INTAKE_PATIENCE: Duration = Duration::from_secs(5);
/// The most exports at once. Each of them uses a processor while its client reads.
const EXPORTS: usize = 4;
/// The most trials at once: each compiles a component, and judges for some seconds.
const TRIALS: usize = 1;

/// The turns of a site.
#[derive(Debug)]
pub(crate) struct Turns {
    intake: Semaphore,
    exports: Arc<Semaphore>,
    trials: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let [exports, trials] = [EXPORTS, TRIALS].map(|most| Arc::new(Semaphore::new(most)));
        Self { intake: Semaphore::new(INTAKE), exports, trials }
    }
}

impl Turns {
    /// Waits for the turn to read a body of events.
    ///
    /// # Errors
    /// There was no turn within five seconds.
    pub(crate) async fn intake(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = tokio::time::timeout(INTAKE_PATIENCE, self.intake.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(Problem::nothing_taken)
    }

    /// The turn to run an export.
    ///
    /// # Errors
    /// The most allowed exports already run.
    pub(crate) fn export(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.exports).try_acquire_owned().map_err(|_| Problem::too_many_exports())
    }

    /// The turn to try a policy.
    ///
    /// # Errors
    /// Another one is on trial.
    pub(crate) fn trial(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.trials).try_acquire_owned().map_err(|_| Problem::other_trial())
    }
}
