//! The keys of an issuer, from a file or an address: kept, and read again when one is missing or they are old.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hyper::Uri;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::jws::{Key, Signed};
use super::jwt::JwtError;
use crate::fetch::{Fetch, FetchError, LONGEST};

/// How long keys are used without a look whether the issuer has taken one back.
const AGE: Duration = Duration::from_secs(3_600);
/// How long to wait after a look for a key that was not there: whoever makes key ids up causes one look a minute.
const PAUSE: Duration = Duration::from_secs(60);
/// How long to wait after a look that failed.
const RETRY: Duration = Duration::from_secs(10);
/// More keys than any issuer has.
const MOST: usize = 100;

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file with a JWK set.
    File(PathBuf),
    /// The address of one.
    Url(Uri),
}

/// What is no place for keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// Whoever is on the way could put keys of their own in.
    #[error("keys must come from a file or over https://, except from this machine itself")]
    Plain,
    /// Neither a file nor an address.
    #[error("this is neither a file nor an address such as https://id.example.com/jwks.json")]
    Form,
    /// The file cannot be read.
    #[error("the keys in {0} cannot be read: {1}")]
    File(PathBuf, std::io::Error),
    /// There is nothing usable in it.
    #[error(
        "{0} has no key that a JWT can be checked with: it must be a JWK set with public RSA, P-256, P-384 or Ed25519 keys"
    )]
    Empty(PathBuf),
    /// This machine trusts nobody.
    #[error(transparent)]
    Certificates(#[from] FetchError),
}

impl KeySource {
    /// A file's path, or an address that begins with `https://`; `http://` is for this machine alone.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, KeySourceError> {
        if !text.contains("://") {
            return if text.is_empty() { Err(KeySourceError::Form) } else { Ok(Self::File(text.into())) };
        }
        let url: Uri = text.parse().map_err(|_| KeySourceError::Form)?;
        let here = matches!(url.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match (url.scheme_str(), url.host()) {
            (Some("https"), Some(_)) => Ok(Self::Url(url)),
            (Some("http"), Some(_)) if here => Ok(Self::Url(url)),
            (Some("http"), _) => Err(KeySourceError::Plain),
            _ => Err(KeySourceError::Form),
        }
    }
}

/// The keys as they are known.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    known: RwLock<Known>,
    /// Not before this is a missing key looked for. Held while somebody looks.
    next_look: Mutex<Instant>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Url(Box<Fetch>, Uri),
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<[Key]>,
    since: Option<Instant>,
}

impl Keys {
    /// A file is read at once, an address when the first JWT comes.
    pub(super) fn open(source: &KeySource) -> Result<Self, KeySourceError> {
        let (source, known) = match source {
            KeySource::File(path) => (Source::File(path.clone()), Known::new(from_file(path)?)),
            KeySource::Url(url) => (Source::Url(Box::new(Fetch::new(url)?), url.clone()), Known::default()),
        };
        Ok(Self { source, known: RwLock::new(known), next_look: Mutex::new(Instant::now()) })
    }

    /// What `signed` says, if one of the keys has signed it.
    pub(super) async fn claims<'a>(&self, signed: &'a Signed<'_>) -> Result<&'a [u8], JwtError> {
        let known = self.known();
        if known.is_old()
            && let Ok(mut next) = self.next_look.try_lock()
            && *next <= Instant::now()
        {
            self.look(&mut next, Duration::ZERO).await;
        }
        match checked(&self.known().keys, signed) {
            Err(JwtError::Key) => {}
            found => return found,
        }
        let mut next = self.next_look.lock().await;
        // Somebody else may have looked while this one waited.
        match checked(&self.known().keys, signed) {
            Err(JwtError::Key) if *next <= Instant::now() => self.look(&mut next, PAUSE).await,
            found => return found,
        }
        drop(next);
        checked(&self.known().keys, signed)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys again. Where that fails, those that are known stay.
    async fn look(&self, next: &mut Instant, pause: Duration) {
        let found = match &self.source {
            Source::File(path) => from_file(path).map_err(|error| error.to_string()),
            Source::Url(fetch, url) => fetch.get(url).await.and_then(|bytes| read(&bytes).ok_or_else(unusable)),
        };
        *next = Instant::now() + if found.is_ok() { pause } else { RETRY };
        match found {
            Ok(keys) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::new(keys),
            Err(error) => tracing::error!(%error, "the keys that JWTs are checked with could not be read"),
        }
    }
}

impl Known {
    fn new(keys: Vec<Key>) -> Self {
        Self { keys: keys.into(), since: Some(Instant::now()) }
    }

    fn is_old(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() > AGE)
    }
}

fn checked<'a>(keys: &[Key], signed: &'a Signed<'_>) -> Result<&'a [u8], JwtError> {
    let mut fitting = keys.iter().filter(|key| key.fits(signed)).peekable();
    if fitting.peek().is_none() {
        return Err(JwtError::Key);
    }
    fitting.find_map(|key| signed.claims(key)).ok_or(JwtError::Signature)
}

fn from_file(path: &Path) -> Result<Vec<Key>, KeySourceError> {
    let bytes = std::fs::read(path).map_err(|error| KeySourceError::File(path.to_owned(), error))?;
    if bytes.len() > LONGEST {
        return Err(KeySourceError::Empty(path.to_owned()));
    }
    read(&bytes).ok_or_else(|| KeySourceError::Empty(path.to_owned()))
}

fn unusable() -> String {
    "there is no key that can be used".to_owned()
}

/// The usable keys of a set; `None`: there is none. An issuer may publish others beside them.
fn read(bytes: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Json>,
    }
    let set: Set = serde_json::from_slice(bytes).ok()?;
    let keys = set.keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value(key).ok());
    let keys: Vec<Key> = keys.filter(Key::is_usable).collect();
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_a_file_or_over_a_way_that_nobody_can_change() {
        assert_eq!(KeySource::parse("keys.json").expect("a file"), KeySource::File("keys.json".into()));
        for good in ["https://id.example/jwks", "http://127.0.0.1:8080/jwks", "http://localhost/", "http://[::1]:1/"] {
            assert!(matches!(KeySource::parse(good), Ok(KeySource::Url(_))), "{good}");
        }
        assert!(matches!(KeySource::parse("http://id.example/jwks"), Err(KeySourceError::Plain)));
        assert!(matches!(KeySource::parse("http://127.0.0.1.evil.example/"), Err(KeySourceError::Plain)));
        for bad in ["", "ftp://id.example/jwks", "https://", "https:///jwks"] {
            assert!(matches!(KeySource::parse(bad), Err(KeySourceError::Form)), "{bad}");
        }
    }
}
