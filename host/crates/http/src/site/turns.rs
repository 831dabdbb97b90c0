//! Limits how many bodies of events are read, and how many exports run, at once.

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

/// The turns of a site.
#[derive(Debug)]
pub(crate) struct Turns {
    intake: Semaphore,
    exports: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { intake: Semaphore::new(INTAKE), exports: Arc::new(Semaphore::new(EXPORTS)) }
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
}
