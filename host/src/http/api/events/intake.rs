//! How many senders are listened to at once, so that the memory that bodies take is bounded.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::super::problem::Problem;

/// Bodies that are read at once. Others wait for their turn.
const TURNS: usize = 8;
/// How long they do.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns of a site.
#[derive(Debug)]
pub(in super::super::super) struct Intake(Semaphore);

impl Default for Intake {
    fn default() -> Self {
        Self(Semaphore::new(TURNS))
    }
}

impl Intake {
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = tokio::time::timeout(PATIENCE, self.0.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(Problem::nothing_taken)
    }
}
