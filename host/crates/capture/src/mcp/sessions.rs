//! State that exchanges of one session share (the client, calls in flight, requests of the server), in bounded maps.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use axum::http::HeaderValue;
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_model::event::{Body, Caller};
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::RefusalLimiter;
use uuid::Uuid;

use super::cancel::Cancelled;
use super::exchange::Exchange;
use super::late_answer::Awaited;
use super::listing::viewer;
use crate::parse::jsonrpc::{Id, Message};
use crate::parse::params::Named;

/// The most sessions, and the most clients without a session. The least recently used ones are dropped first.
const SESSIONS: usize = 10_000;
/// The most unanswered requests of a server per session.
const ASKED: usize = 64;
/// The most links between related calls.
const LINKS: usize = 10_000;

/// The state that all exchanges of a log share. Sessions are found by a hash under a random key; their ids, which are
/// credentials, are not kept.
pub(crate) struct Sessions {
    secret: Secret,
    hasher: RandomState,
    in_flight: Mutex<HashMap<u64, Vec<Weak<Exchange>>>>,
    known: Mutex<Bounded<Session>>,
    /// Clients that reported their name, by caller and user agent, for exchanges without a known session.
    clients: Mutex<Bounded<(Named, Option<String>)>>,
    links: Mutex<Bounded<Uuid>>,
    /// Cancelled calls that wait for an answer of the server.
    pub(crate) cancelled: Arc<Cancelled>,
    /// Calls whose answer may come in another exchange.
    pub(crate) awaited: Mutex<VecDeque<Awaited>>,
    /// Recent refusals.
    pub(crate) flood: RefusalLimiter,
}

/// The state of one session.
#[derive(Default)]
struct Session {
    client: Named,
    protocol: Option<String>,
    /// The caller; its data is never used for other callers.
    caller: Option<Caller>,
    asked: VecDeque<Asked>,
}

/// A server's request that waits for its answer.
pub(crate) struct Asked {
    pub(crate) message: Message,
    pub(crate) at: Instant,
    pub(crate) body: Option<Body>,
    /// The entry of the call in whose stream the request came.
    pub(crate) parent: Option<Uuid>,
    caller: Option<Caller>,
}

impl Sessions {
    pub(crate) fn new(log: &AuditLog) -> Self {
        Self {
            secret: log.secret().clone(),
            hasher: RandomState::new(),
            in_flight: Mutex::default(),
            known: Mutex::new(Bounded::new(SESSIONS)),
            clients: Mutex::new(Bounded::new(SESSIONS)),
            links: Mutex::new(Bounded::new(LINKS)),
            cancelled: Cancelled::new(log),
            awaited: Mutex::default(),
            flood: RefusalLimiter::default(),
        }
    }

    /// A number for `value` that outsiders cannot compute.
    pub(crate) fn hash(&self, value: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(value)
    }

    /// The session's name in the log.
    pub(crate) fn name(&self, session: &HeaderValue) -> String {
        self.secret.session(&String::from_utf8_lossy(session.as_bytes()))
    }

    /// On the path: an exchange of a session begins.
    pub(crate) fn begin(&self, exchange: &Arc<Exchange>) {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return };
        lock(&self.in_flight).entry(key).or_default().push(Arc::downgrade(exchange));
    }

    /// An exchange is over.
    pub(crate) fn end(&self, exchange: &Exchange) {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return };
        let mut in_flight = lock(&self.in_flight);
        let Some(list) = in_flight.get_mut(&key) else { return };
        list.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), exchange));
        if list.is_empty() {
            in_flight.remove(&key);
        }
    }

    /// The other exchanges of the same session and caller that are in flight, newest first.
    pub(crate) fn others(&self, exchange: &Exchange) -> Vec<Arc<Exchange>> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        // Upgraded under the lock but dropped outside of it: dropping an exchange takes the lock.
        let all: Vec<_> =
            lock(&self.in_flight).get(&key).into_iter().flatten().rev().filter_map(Weak::upgrade).collect();
        all.into_iter()
            .filter(|other| !std::ptr::eq(other.as_ref(), exchange) && other.caller.get() == exchange.caller.get())
            .collect()
    }

    /// A client introduced itself: this is its name, and the revision that it and the server agreed on. It is
    /// remembered for its session, if it begins one, and for its caller.
    pub(crate) fn learn(&self, exchange: &Exchange, client: &Named, protocol: Option<String>, begins: bool) {
        let session = exchange.response.get().and_then(|head| head.session.as_ref()).filter(|_| begins);
        if let Some(key) = self.key(&exchange.head.server, session) {
            let mut known = lock(&self.known);
            let state = known.entry(key);
            (state.client, state.protocol) = (client.clone(), protocol.clone());
            state.caller = exchange.caller.get().cloned();
        }
        if let (Some(key), true) = (self.client_key(exchange), client.name.is_some()) {
            *lock(&self.clients).entry(key) = (client.clone(), protocol);
        }
    }

    /// The client and the revision, from the session or else from the same caller's last introduction.
    pub(crate) fn known(&self, exchange: &Exchange) -> (Named, Option<String>) {
        let session = self.key(&exchange.head.server, exchange.head.session.as_ref()).and_then(|key| {
            let mut known = lock(&self.known);
            let session = known.get(key).filter(|session| session.caller.as_ref() == exchange.caller.get())?;
            Some((session.client.clone(), session.protocol.clone()))
        });
        let by_session = session.filter(|(client, _)| client.name.is_some());
        let by_caller = || lock(&self.clients).get(self.client_key(exchange)?).cloned();
        by_session.or_else(by_caller).unwrap_or_default()
    }

    /// A key for all exchanges of the same client; `None` if it cannot be distinguished from others.
    fn client_key(&self, exchange: &Exchange) -> Option<u64> {
        let head = &exchange.head;
        let user_agent = head.user_agent();
        match (exchange.caller.get(), head.authorization()) {
            (Some(caller), _) => Some(self.hasher.hash_one((&*head.server, user_agent, caller))),
            (None, Some(token)) => Some(self.hasher.hash_one((&*head.server, user_agent, token))),
            (None, None) => None,
        }
    }

    /// The caller of a listing, as a digest that a restart does not change: by name, or by its credentials.
    pub(crate) fn viewer(&self, exchange: &Exchange) -> String {
        let credentials = exchange.head.authorization();
        match exchange.caller.get() {
            Some(caller) => viewer(&self.secret, caller, None),
            None => viewer(&self.secret, &Caller::default(), credentials),
        }
    }

    /// Remembers a request of the server to the client.
    pub(crate) fn asked(&self, exchange: &Exchange, mut asked: Asked) {
        let session = exchange.head.session.as_ref().or_else(|| exchange.response.get()?.session.as_ref());
        let Some(key) = self.key(&exchange.head.server, session) else { return };
        asked.caller = exchange.caller.get().cloned();
        let mut known = lock(&self.known);
        let state = known.entry(key);
        if state.asked.len() >= ASKED {
            state.asked.pop_front();
        }
        state.asked.push_back(asked);
    }

    /// The server's request with this id; the oldest if there are several.
    pub(crate) fn answered(&self, exchange: &Exchange, id: &Id) -> Option<Asked> {
        let key = self.key(&exchange.head.server, exchange.head.session.as_ref())?;
        let mut known = lock(&self.known);
        let asked = &mut known.get(key)?.asked;
        let fits =
            |asked: &Asked| asked.message.id.as_ref() == Some(id) && asked.caller.as_ref() == exchange.caller.get();
        // Some clients change a number to a text or a text to a number.
        let alike = |asked: &Asked| {
            asked.message.id.as_ref().is_some_and(|own| own.text() == id.text())
                && asked.caller.as_ref() == exchange.caller.get()
        };
        let at = asked.iter().position(fits).or_else(|| asked.iter().position(alike))?;
        asked.remove(at)
    }

    /// Takes the unanswered requests that the server sent during a call.
    pub(crate) fn asked_for(&self, exchange: &Exchange, call: Uuid) -> Vec<Asked> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        let mut known = lock(&self.known);
        let Some(session) = known.get(key) else { return Vec::new() };
        let (asked, waiting): (VecDeque<_>, VecDeque<_>) =
            session.asked.drain(..).partition(|asked| asked.parent == Some(call));
        session.asked = waiting;
        Vec::from(asked)
    }

    /// Ends the session; returns the unanswered requests of the server. The client stays known, because exchanges of
    /// the session may end later.
    pub(crate) fn over(&self, exchange: &Exchange) -> Vec<Asked> {
        let Some(key) = self.key(&exchange.head.server, exchange.head.session.as_ref()) else { return Vec::new() };
        lock(&self.known).get(key).map(|session| std::mem::take(&mut session.asked).into()).unwrap_or_default()
    }

    /// Remembers the entry that a later call will refer to by `name`.
    pub(crate) fn link(&self, exchange: &Exchange, name: impl std::hash::Hash, event: Uuid) {
        let key = self.hasher.hash_one((&*exchange.head.server, name));
        *lock(&self.links).entry(key) = event;
    }

    /// The entry that `name` refers to.
    pub(crate) fn linked(&self, exchange: &Exchange, name: impl std::hash::Hash) -> Option<Uuid> {
        let key = self.hasher.hash_one((&*exchange.head.server, name));
        lock(&self.links).get(key).copied()
    }

    /// The key of a session.
    pub(crate) fn key(&self, server: &str, session: Option<&HeaderValue>) -> Option<u64> {
        Some(self.hasher.hash_one((server, session?.as_bytes())))
    }
}

impl Asked {
    pub(crate) fn new(message: Message, at: Instant, body: Option<Body>, parent: Option<Uuid>) -> Self {
        Self { message, at, body, parent, caller: None }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two generations: when the young one is full it replaces the old one, and unused entries of the old one are dropped.
pub(crate) struct Bounded<T> {
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
    half: usize,
}

impl<T> Bounded<T> {
    /// An empty one that holds at most `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: most.div_ceil(2).max(1) }
    }

    pub(crate) fn get(&mut self, key: u64) -> Option<&mut T> {
        if let Some(value) = self.old.remove(&key) {
            self.insert(key, value);
        }
        self.young.get_mut(&key)
    }

    pub(crate) fn insert(&mut self, key: u64, value: T) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// The value of this key, created if it is missing.
    pub(crate) fn entry(&mut self, key: u64) -> &mut T
    where
        T: Default,
    {
        if self.get(key).is_none() {
            self.insert(key, T::default());
        }
        self.young.entry(key).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_map_keeps_recently_used_entries() {
        let mut map = Bounded::new(8);
        for key in 0..1_000 {
            map.insert(key, key);
            assert_eq!(map.get(0), Some(&mut 0), "used all the time");
            assert!(map.young.len() + map.old.len() <= 8);
        }
        assert_eq!((map.get(999).copied(), map.get(500)), (Some(999), None));
        *map.entry(7_000) += 1;
        assert_eq!(map.entry(7_000), &1);
    }
}
