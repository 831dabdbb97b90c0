//! Slots for connections. Connections without an authenticated request have a separate share: when it is full, the
//! oldest of them is closed to free a slot. So many unfinished requests cannot lock out authenticated users.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_audit_log_identity::ConnectionStanding;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The most connections at once. If the process may open fewer files, half of that number, because the log needs files
/// too.
const CONNECTIONS: usize = 8_192;
/// One connection in this number may be unauthenticated.
const STRANGERS: usize = 4;

/// The slots of a server.
pub(crate) struct ConnectionSlots {
    all: Arc<Semaphore>,
    most_strangers: usize,
    strangers: Mutex<VecDeque<Stranger>>,
}

/// A connection without an authenticated request at the last check.
struct Stranger {
    standing: ConnectionStanding,
    /// Dropping it ends the connection, unless it has been authenticated.
    place: oneshot::Sender<()>,
}

/// A connection's slot, until it is dropped.
pub(crate) struct ConnectionSlot {
    standing: ConnectionStanding,
    taken: oneshot::Receiver<()>,
    _one_of_all: Option<OwnedSemaphorePermit>,
}

impl Default for ConnectionSlots {
    fn default() -> Self {
        Self::of(connections())
    }
}

impl ConnectionSlots {
    /// ConnectionSlots for so many connections.
    pub(crate) fn of(connections: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(connections)),
            most_strangers: (connections / STRANGERS).max(1),
            strangers: Mutex::default(),
        }
    }

    /// Waits for a free slot. If none is free, the oldest unauthenticated connection is closed.
    pub(crate) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(one) = Arc::clone(&self.all).try_acquire_owned() {
            return Some(one);
        }
        self.make_room();
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    fn make_room(&self) {
        let mut strangers = self.strangers();
        retain(&mut strangers);
        drop(strangers.pop_front());
    }

    /// Gives a connection its slot.
    pub(crate) fn enter(&self, one_of_all: Option<OwnedSemaphorePermit>) -> ConnectionSlot {
        let (standing, (place, taken)) = (ConnectionStanding::default(), oneshot::channel());
        let mut strangers = self.strangers();
        if strangers.len() >= self.most_strangers {
            retain(&mut strangers);
        }
        if strangers.len() >= self.most_strangers {
            drop(strangers.pop_front());
        }
        strangers.push_back(Stranger { standing: standing.clone(), place });
        ConnectionSlot { standing, taken, _one_of_all: one_of_all }
    }

    fn strangers(&self) -> MutexGuard<'_, VecDeque<Stranger>> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps only connections that are still open and unauthenticated.
fn retain(strangers: &mut VecDeque<Stranger>) {
    strangers.retain(|stranger| !stranger.place.is_closed() && !stranger.standing.is_known());
}

impl ConnectionSlot {
    /// For the extensions of the connection's requests.
    pub(crate) fn standing(&self) -> ConnectionStanding {
        self.standing.clone()
    }

    /// Completes when the connection must free its slot.
    pub(crate) async fn is_taken(&mut self) {
        let _ = (&mut self.taken).await;
        if self.standing.is_known() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
fn connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = files.and_then(|files| usize::try_from(files / 2).ok());
    half.map_or(CONNECTIONS, |half| half.clamp(1, CONNECTIONS))
}

#[cfg(not(unix))]
fn connections() -> usize {
    CONNECTIONS
}
