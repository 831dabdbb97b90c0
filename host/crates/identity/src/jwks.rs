//! The keys of an issuer, from a file or a URL. They are cached, and read again when one is missing or they are old.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hyper::Uri;
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::{HttpClient, HttpClientError, LONGEST};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::jws::{Key, Signed};
use super::jwt::JwtError;

/// The time that keys are used before the log checks whether the issuer revoked one.
const AGE: Duration = Duration::from_secs(3_600);
/// The pause after fetching for an unknown key, so that invented key ids cause at most one request a minute.
const PAUSE: Duration = Duration::from_secs(60);
/// The pause after a failed request.
const RETRY: Duration = Duration::from_secs(10);
/// The time that keys are used if their issuer cannot be reached: it may have revoked one.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 3_600);
/// More keys than any issuer has.
const MOST: usize = 100;

/// The source of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A file with a JWK set.
    File(PathBuf),
    /// The address of one.
    Url(Uri),
}

/// The reason why a source of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// Without TLS the network could inject keys.
    #[error("keys must come from a file or over https://, except from this machine")]
    Plain,
    /// Neither a file nor an address.
    #[error("neither a file nor a URL such as https://id.example.com/jwks.json")]
    Form,
    /// The file cannot be read.
    #[error("the keys in {0} cannot be read: {1}")]
    File(PathBuf, std::io::Error),
    /// There is nothing usable in it.
    #[error("{0} has no usable key: it must be a JWK set with public RSA, P-256, P-384 or Ed25519 keys")]
    Empty(PathBuf),
    /// The system has no trusted certificates.
    #[error(transparent)]
    Certificates(#[from] HttpClientError),
}

impl KeySource {
    /// Reads a file's path, or a URL that begins with `https://`; `http://` is only for this machine.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, KeySourceError> {
        if !text.contains("://") {
            return if text.is_empty() { Err(KeySourceError::Form) } else { Ok(Self::File(text.into())) };
        }
        let source = Self::Url(text.parse().map_err(|_| KeySourceError::Form)?);
        source.check().map(|()| source)
    }

    /// Whether the source is safe from changes on the network.
    fn check(&self) -> Result<(), KeySourceError> {
        let Self::Url(url) = self else { return Ok(()) };
        // The address, and so the password, would appear in messages.
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(KeySourceError::Form);
        }
        let here = matches!(url.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match (url.scheme_str(), url.host()) {
            (Some("https"), Some(_)) => Ok(()),
            (Some("http"), Some(_)) if here => Ok(()),
            (Some("http"), _) => Err(KeySourceError::Plain),
            _ => Err(KeySourceError::Form),
        }
    }
}

/// The keys as they are known.
#[derive(Debug)]
pub(super) struct Keys {
    shared: Arc<Shared>,
    /// The earliest time to fetch a missing key. Locked during a request.
    next_look: Arc<Mutex<Instant>>,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    known: RwLock<Known>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Url(Box<HttpClient>, Uri),
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<[Key]>,
    since: Option<Instant>,
}

impl Keys {
    /// A file is read at once, a URL when the first JWT comes.
    pub(super) fn open(source: &KeySource, authorities: &Authorities) -> Result<Self, KeySourceError> {
        source.check()?;
        let (source, known) = match source {
            KeySource::File(path) => (Source::File(path.clone()), Known::new(from_file(path)?)),
            KeySource::Url(url) => {
                let client = HttpClient::trusting(url, authorities, false)?;
                (Source::Url(Box::new(client), url.clone()), Known::default())
            }
        };
        let shared = Arc::new(Shared { source, known: RwLock::new(known) });
        Ok(Self { shared, next_look: Arc::new(Mutex::new(Instant::now())) })
    }

    /// Reads the keys if there are none, or only old ones.
    pub(super) async fn refresh(&self) {
        if self.shared.known().is_old()
            && let Ok(next) = Arc::clone(&self.next_look).try_lock_owned()
            && *next <= Instant::now()
        {
            self.look(next, Duration::ZERO).await;
        }
    }

    /// The claims of `signed`, if one of the keys signed it.
    pub(super) async fn claims<'a>(&self, signed: &'a Signed<'_>) -> Result<&'a [u8], JwtError> {
        self.refresh().await;
        if let Some(found) = self.shared.checked(signed) {
            return found;
        }
        let next = Arc::clone(&self.next_look).lock_owned().await;
        // Another task may have fetched the keys while this one waited.
        match self.shared.checked(signed) {
            Some(found) => return found,
            None if *next <= Instant::now() => self.look(next, PAUSE).await,
            None => drop(next),
        }
        self.shared.checked(signed).unwrap_or_else(|| self.shared.refusal(signed))
    }

    /// Fetches the keys again, even if the caller disconnects meanwhile; otherwise the next caller would cause another
    /// request to the issuer.
    async fn look(&self, mut next: OwnedMutexGuard<Instant>, pause: Duration) {
        let shared = Arc::clone(&self.shared);
        let look = tokio::spawn(async move {
            let read = shared.look().await;
            *next = Instant::now() + if read { pause } else { RETRY };
        });
        if let Err(error) = look.await {
            tracing::error!(%error, "the JWT keys could not be read");
        }
    }
}

impl Shared {
    fn known(&self) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_too_old() { Known::default() } else { known }
    }

    /// The result with the cached keys. `None`: fetching may help, because an issuer may replace a key under its name.
    fn checked<'a>(&self, signed: &'a Signed<'_>) -> Option<Result<&'a [u8], JwtError>> {
        checked(&self.known().keys, signed).ok().map(Ok)
    }

    fn refusal<'a>(&self, signed: &'a Signed<'_>) -> Result<&'a [u8], JwtError> {
        let known = self.known();
        if known.since.is_none() { Err(JwtError::Unreachable) } else { checked(&known.keys, signed) }
    }

    /// Stores whether the keys could be fetched. If not, the cached keys stay valid for a while.
    async fn look(&self) -> bool {
        let found = match &self.source {
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || from_file(&path).map_err(|error| error.to_string()));
                read.await.unwrap_or_else(|error| Err(error.to_string()))
            }
            // An issuer that has no key any more has taken all of them back.
            Source::Url(fetch, url) => fetch.get(url).await.and_then(|bytes| read(&bytes).ok_or_else(unreadable)),
        };
        let found = found.inspect_err(|error| {
            tracing::error!(%error, "the JWT keys could not be read");
        });
        let Ok(keys) = found else { return false };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::new(keys);
        true
    }
}

impl Known {
    fn new(keys: Vec<Key>) -> Self {
        Self { keys: keys.into(), since: Some(Instant::now()) }
    }

    fn is_old(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() > AGE)
    }

    fn is_too_old(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() > LONGEST_AGE)
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
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes));
    file.map_err(|error| KeySourceError::File(path.to_owned(), error))?;
    let keys = read(&bytes).filter(|keys| bytes.len() <= LONGEST && !keys.is_empty());
    keys.ok_or_else(|| KeySourceError::Empty(path.to_owned()))
}

fn unreadable() -> String {
    "not a JWK set".to_owned()
}

/// The usable keys of a key set; `None` if it is not a key set. An issuer may also publish other keys.
fn read(bytes: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Json>,
    }
    let set: Set = serde_json::from_slice(bytes).ok()?;
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    let mut keys: Vec<Key> = keys.filter(Key::is_usable).collect();
    if keys.len() > MOST {
        tracing::warn!(keys = keys.len(), "the issuer has too many JWT keys; only the first {MOST} are used");
        keys.truncate(MOST);
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_a_file_or_over_tls() {
        assert_eq!(KeySource::parse("keys.json").expect("a file"), KeySource::File("keys.json".into()));
        for good in ["https://id.example/jwks", "http://127.0.0.1:8080/jwks", "http://localhost/", "http://[::1]:1/"] {
            assert!(matches!(KeySource::parse(good), Ok(KeySource::Url(_))), "{good}");
        }
        assert!(matches!(KeySource::parse("http://id.example/jwks"), Err(KeySourceError::Plain)));
        assert!(matches!(KeySource::parse("http://127.0.0.1.evil.example/"), Err(KeySourceError::Plain)));
        for bad in ["", "ftp://id.example/jwks", "https://", "https:///jwks", "https://u:p@id.example/jwks"] {
            assert!(matches!(KeySource::parse(bad), Err(KeySourceError::Form)), "{bad}");
        }
    }
}
