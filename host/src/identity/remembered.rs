//! Tokens that were just found, so that not every request opens a file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::store::Token;

/// How long a token that was found is believed without looking again. What is not found is looked up every time, so a
/// new token works at once.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many tokens are remembered.
const REMEMBERED: usize = 10_000;

/// What a token is found by. An id may be known to anybody, so that it must never pass for a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'a> {
    Secret(&'a str),
    Id(&'a str),
}

/// By the hash of what they were found by: no secret stays in memory.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<[u8; 32], Found>>);

/// A token, and since when it is believed.
#[derive(Debug)]
struct Found {
    since: Instant,
    token: Arc<Token>,
}

impl Remembered {
    pub(super) fn get(&self, by: By<'_>) -> Option<Arc<Token>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(&hash(by)).filter(|found| found.since.elapsed() < BELIEVED).map(|found| Arc::clone(&found.token))
    }

    pub(super) fn put(&self, by: By<'_>, token: &Arc<Token>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(hash(by), Found { since: Instant::now(), token: Arc::clone(token) });
    }
}

fn hash(by: By<'_>) -> [u8; 32] {
    let (kind, text) = match by {
        By::Secret(secret) => (b"s", secret),
        By::Id(id) => (b"i", id),
    };
    Sha256::new_with_prefix(kind).chain_update(text).finalize().into()
}
