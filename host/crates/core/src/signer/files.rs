//! The signer's files, with the path in each error. The key file has one key per line; all of them sign, so that keys
//! can be rotated while verifiers still use the old ones.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use mcp_audit_log_ledger::{SignatureKind, SignedCheckpoint, SigningKey, VerifierKey};

use super::SignerError;
use crate::atomic_file;

/// The bytes of a file, if it exists.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, SignerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(SignerError::File { path: path.to_owned(), reason }),
    }
}

/// Replaces a file with these bytes. Durable when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    atomic_file::replace(path, bytes).map_err(|reason| SignerError::File { path: path.to_owned(), reason })
}

/// Whether all users of the machine may read the file. A group may: containers get secrets this way.
#[cfg(unix)]
pub(crate) fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o007 != 0)
}

/// Permissions of this kind exist on Unix only.
#[cfg(not(unix))]
pub(crate) fn is_open(_path: &Path) -> bool {
    false
}

const HEADING: &str =
    "# The keys that sign this audit log's checkpoints. Keep them secret: they can sign in its name.\n";

/// Reads the keys in the file, if it exists.
pub(super) fn open(path: &Path) -> Result<Option<Vec<SigningKey>>, SignerError> {
    match read(path)? {
        Some(_) if is_open(path) => Err(SignerError::Open(path.to_owned())),
        Some(bytes) => parse(&String::from_utf8_lossy(&bytes)).map(Some),
        None => Ok(None),
    }
}

/// Creates both keys of a new log with the name `origin`, without writing them.
pub(super) fn make(path: &Path, origin: Option<&str>) -> Result<Vec<SigningKey>, SignerError> {
    let unusable = |reason| SignerError::File { path: path.to_owned(), reason };
    let origin = origin.map_or_else(by_chance, |origin| Ok(origin.to_owned())).map_err(unusable)?;
    named(&origin, path)
}

/// Creates new keys for the log whose keys are in the file, and returns the verifier keys. The newest old key continues
/// to sign beside them, so that a verifier who knows only that key sees the rotation in the log; older keys stop.
/// `known` are the keys that the log remembers, `last` is the last signed checkpoint. The log must not be open.
///
/// # Errors
/// The file cannot be read or written, holds no keys, or holds keys that the log was never started with: then no
/// checkpoint would be signed by both the oldest and the newest.
pub fn rotate(
    path: &Path,
    last: Option<&SignedCheckpoint>,
    known: &[VerifierKey],
) -> Result<Vec<VerifierKey>, SignerError> {
    let old = open(path)?.ok_or_else(|| SignerError::Missing(path.to_owned()))?;
    if !old.iter().all(|key| known.contains(key.verifier())) {
        return Err(SignerError::Unused);
    }
    let old = old.into_iter().find(|key| key.verifier().kind() == SignatureKind::Log).ok_or(SignerError::Keys)?;
    // The next start accepts the last signed checkpoint by this key, which also vouches for the new ones.
    if last.is_some_and(|last| last.verify(std::slice::from_ref(old.verifier())).is_err()) {
        return Err(SignerError::Unused);
    }
    let mut keys = named(old.verifier().name(), path)?;
    keys.push(old);
    write(path, &keys)?;
    Ok(keys.iter().map(|key| key.verifier().clone()).collect())
}

/// Reads keys, one per line; lines that begin with `#` are comments.
pub(super) fn parse(text: &str) -> Result<Vec<SigningKey>, SignerError> {
    let lines = text.lines().map(str::trim).enumerate();
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let key = |(at, line)| SigningKey::parse(line).map_err(|reason| SignerError::Key { line: at + 1, reason });
    let keys: Vec<_> = keys.map(key).collect::<Result<_, _>>()?;
    let of = |kind| keys.iter().map(SigningKey::verifier).filter(move |key| key.kind() == kind);
    let mut names = of(SignatureKind::Log).map(VerifierKey::name);
    let name = names.next().ok_or(SignerError::Keys)?;
    let is_one = names.all(|other| other == name) && of(SignatureKind::Time).count() == 1;
    if is_one { Ok(keys) } else { Err(SignerError::Keys) }
}

/// Writes the file. It gets its name only when it is complete.
pub(super) fn write(path: &Path, keys: &[SigningKey]) -> Result<(), SignerError> {
    let mut text = HEADING.to_owned();
    for key in keys {
        let _ = writeln!(text, "{}", key.secret_text());
    }
    replace(path, text.as_bytes())
}

/// A key that signs, and one that signs with a time.
fn named(origin: &str, path: &Path) -> Result<Vec<SigningKey>, SignerError> {
    let unusable = |reason| SignerError::File { path: path.to_owned(), reason };
    let names = [(origin.to_owned(), SignatureKind::Log), (format!("{origin}/time"), SignatureKind::Time)];
    let key = |(name, kind): (String, SignatureKind)| {
        let seed = random().map_err(unusable)?;
        SigningKey::from_seed(&name, kind, seed).map_err(|reason| SignerError::Key { line: 1, reason })
    };
    names.into_iter().map(key).collect()
}

fn by_chance() -> io::Result<String> {
    let number = u64::from_be_bytes(random()?);
    Ok(format!("mcp-audit-log/{number:016x}"))
}

pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
