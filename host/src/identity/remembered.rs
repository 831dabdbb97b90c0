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
    pub(super) fn get(&self, key: &str) -> Option<Arc<Token>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(&hash(key)).filter(|found| found.since.elapsed() < BELIEVED).map(|found| Arc::clone(&found.token))
    }

    pub(super) fn put(&self, key: &str, token: &Arc<Token>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(hash(key), Found { since: Instant::now(), token: Arc::clone(token) });
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}
