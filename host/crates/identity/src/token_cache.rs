//! A cache of tokens, so that not every request opens a file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::Token;
use sha2::{Digest, Sha256};
use tokio::sync::MutexGuard;

/// How long a found token is cached. A missing one is looked up every time, so a new token works at once.
const BELIEVED: Duration = Duration::from_secs(1);
/// The most cached tokens.
const REMEMBERED: usize = 10_000;

/// The key of a lookup. An id is not a secret, so it must never be accepted as one.
#[derive(Clone, Copy, Debug)]
pub(super) enum LookupKey<'a> {
    Secret(&'a str),
    Id(&'a str),
    /// The token's id, for its session that expires at this time.
    Session(&'a str, Timestamp),
}

/// How many lookups run at once.
const LOOKS: usize = 32;

/// By the hash of the lookup key, so that no secret stays in memory.
#[derive(Debug)]
pub(super) struct TokenCache {
    found: Mutex<HashMap<[u8; 32], Found>>,
    /// Held during a lookup, so that a thousand requests with one token cause one lookup.
    looks: [tokio::sync::Mutex<()>; LOOKS],
}

impl Default for TokenCache {
    fn default() -> Self {
        Self { found: Mutex::default(), looks: std::array::from_fn(|_| tokio::sync::Mutex::default()) }
    }
}

/// A token, and when it was found.
#[derive(Debug)]
struct Found {
    since: Instant,
    token: Arc<Token>,
}

impl TokenCache {
    pub(super) fn get(&self, by: LookupKey<'_>) -> Option<Arc<Token>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(&hash(by)).filter(|found| found.since.elapsed() < BELIEVED).map(|found| Arc::clone(&found.token))
    }

    /// The right to look up a token. The holder checks the cache first.
    pub(super) async fn look(&self, by: LookupKey<'_>) -> MutexGuard<'_, ()> {
        self.looks[usize::from(hash(by)[0]) % LOOKS].lock().await
    }

    /// Removes it from the cache; the caller has the right to look it up.
    pub(super) fn forget(&self, by: LookupKey<'_>) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(by));
    }

    pub(super) fn put(&self, by: LookupKey<'_>, token: &Arc<Token>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(hash(by), Found { since: Instant::now(), token: Arc::clone(token) });
    }
}

fn hash(by: LookupKey<'_>) -> [u8; 32] {
    let (kind, text, until) = match by {
        LookupKey::Secret(secret) => (b"s", secret, None),
        LookupKey::Id(id) => (b"i", id, None),
        LookupKey::Session(id, until) => (b"c", id, Some(until)),
    };
    let until = until.map(|until| until.as_micros().to_be_bytes()).unwrap_or_default();
    Sha256::new_with_prefix(kind).chain_update(until).chain_update(text).finalize().into()
}
