//! What exchanges of one session must know of each other: who the client is, what is in flight, what the server asked.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use axum::http::HeaderValue;
use uuid::Uuid;

use super::exchange::Exchange;
use super::jsonrpc::{Id, Message};
use super::params::Named;
use crate::event::{Body, Caller};
use crate::flood::Flood;
use crate::secret::Secret;

/// Most sessions that are remembered; the one that came first is forgotten first.
const SESSIONS: usize = 10_000;
/// Most requests of a server that wait for their answer, for each session.
const ASKED: usize = 64;
/// Most links between calls that belong together.
const LINKS: usize = 10_000;

/// The state that all exchanges of a log share. Sessions are found by a hash under a random key; their ids, which are
/// credentials, are not kept.
pub(super) struct Sessions {
    secret: Secret,
    hasher: RandomState,
    in_flight: Mutex<HashMap<u64, Vec<Weak<Exchange>>>>,
    known: Mutex<Bounded<Session>>,
    links: Mutex<Bounded<Uuid>>,
    /// What was refused lately.
    pub(super) flood: Flood,
}

/// What is remembered of a session.
#[derive(Default)]
struct Session {
    client: Named,
    protocol: Option<String>,
    asked: VecDeque<Asked>,
}

/// A server's request that waits for its answer.
pub(super) struct Asked {
    pub(super) message: Message,
    pub(super) at: Instant,
    pub(super) body: Option<Body>,
    /// The entry of the call in whose stream it came.
    pub(super) parent: Option<Uuid>,
    caller: Option<Caller>,
}

/// A map that forgets what came first when it is full.
#[derive(Default)]
struct Bounded<T> {
    map: HashMap<u64, T>,
    order: VecDeque<u64>,
}

impl Sessions {
    pub(super) fn new(secret: Secret) -> Self {
        Self {
            secret,
            hasher: RandomState::new(),
            in_flight: Mutex::default(),
            known: Mutex::default(),
            links: Mutex::default(),
            flood: Flood::default(),
        }
    }

    /// How the session is named in the log.
    pub(super) fn name(&self, session: &HeaderValue) -> String {
        self.secret.session(&String::from_utf8_lossy(session.as_bytes()))
    }

    /// On the path: an exchange of a session begins.
    pub(super) fn begin(&self, exchange: &Arc<Exchange>) {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return };
        lock(&self.in_flight).entry(key).or_default().push(Arc::downgrade(exchange));
    }

    /// An exchange is over.
    pub(super) fn end(&self, exchange: &Exchange) {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return };
        let mut in_flight = lock(&self.in_flight);
        let Some(list) = in_flight.get_mut(&key) else { return };
        list.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), exchange));
        if list.is_empty() {
            in_flight.remove(&key);
        }
    }

    /// The other exchanges of this one's session that are in flight under the same caller, newest first.
    pub(super) fn others(&self, exchange: &Exchange) -> Vec<Arc<Exchange>> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        // Upgraded under the lock but dropped outside of it: dropping an exchange takes the lock.
        let all: Vec<_> =
            lock(&self.in_flight).get(&key).into_iter().flatten().rev().filter_map(Weak::upgrade).collect();
        all.into_iter()
            .filter(|other| !std::ptr::eq(other.as_ref(), exchange) && other.caller.get() == exchange.caller.get())
            .collect()
    }

    /// A session was begun: these are the client and the revision that the two agreed on.
    pub(super) fn learn(&self, server: &str, session: &HeaderValue, client: Named, protocol: Option<String>) {
        let Some(key) = self.key(server, Some(session)) else { return };
        let mut known = lock(&self.known);
        let state = known.entry(key, SESSIONS);
        (state.client, state.protocol) = (client, protocol);
    }

    /// The client and the revision of a session.
    pub(super) fn known(&self, exchange: &Exchange) -> Option<(Named, Option<String>)> {
        let key = self.key(&exchange.head.server, exchange.head.session.as_ref())?;
        lock(&self.known).map.get(&key).map(|session| (session.client.clone(), session.protocol.clone()))
    }

    /// The server asks the client something.
    pub(super) fn asked(&self, exchange: &Exchange, mut asked: Asked) {
        let session = exchange.head.session.as_ref().or_else(|| exchange.response.get()?.session.as_ref());
        let Some(key) = self.key(&exchange.head.server, session) else { return };
        asked.caller = exchange.caller.get().cloned();
        let mut known = lock(&self.known);
        let state = known.entry(key, SESSIONS);
        if state.asked.len() >= ASKED {
            state.asked.pop_front();
        }
        state.asked.push_back(asked);
    }

    /// What the server asked under this id, the oldest first.
    pub(super) fn answered(&self, exchange: &Exchange, id: &Id) -> Option<Asked> {
        let key = self.key(&exchange.head.server, exchange.head.session.as_ref())?;
        let mut known = lock(&self.known);
        let asked = &mut known.map.get_mut(&key)?.asked;
        let fits =
            |asked: &Asked| asked.message.id.as_ref() == Some(id) && asked.caller.as_ref() == exchange.caller.get();
        let at = asked.iter().position(fits)?;
        asked.remove(at)
    }

    /// Takes out what the server asked on behalf of a call and nobody answered yet.
    pub(super) fn asked_for(&self, exchange: &Exchange, call: Uuid) -> Vec<Asked> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        let mut known = lock(&self.known);
        let Some(session) = known.map.get_mut(&key) else { return Vec::new() };
        let (asked, waiting): (VecDeque<_>, VecDeque<_>) =
            session.asked.drain(..).partition(|asked| asked.parent == Some(call));
        session.asked = waiting;
        Vec::from(asked)
    }

    /// The session is over; returns what the server asked in vain.
    pub(super) fn forget(&self, exchange: &Exchange) -> Vec<Asked> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        lock(&self.known).map.remove(&key).map(|session| session.asked.into()).unwrap_or_default()
    }

    /// Remembers the entry that a later call will refer to by `name`.
    pub(super) fn link(&self, exchange: &Exchange, name: impl std::hash::Hash, event: Uuid) {
        let key = self.hasher.hash_one((&*exchange.head.server, name));
        *lock(&self.links).entry(key, LINKS) = event;
    }

    /// The entry that `name` refers to.
    pub(super) fn linked(&self, exchange: &Exchange, name: impl std::hash::Hash) -> Option<Uuid> {
        let key = self.hasher.hash_one((&*exchange.head.server, name));
        lock(&self.links).map.get(&key).copied()
    }

    fn key(&self, server: &str, session: Option<&HeaderValue>) -> Option<u64> {
        Some(self.hasher.hash_one((server, session?.as_bytes())))
    }
}

impl Asked {
    pub(super) fn new(message: Message, at: Instant, body: Option<Body>, parent: Option<Uuid>) -> Self {
        Self { message, at, body, parent, caller: None }
    }
}

impl<T: Default> Bounded<T> {
    fn entry(&mut self, key: u64, most: usize) -> &mut T {
        if !self.map.contains_key(&key) {
            self.order.push_back(key);
            if self.order.len() > most {
                let oldest = self.order.pop_front();
                oldest.and_then(|oldest| self.map.remove(&oldest));
            }
        }
        self.map.entry(key).or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
