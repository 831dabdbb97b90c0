//! The data folder's secret key. It makes values recognisable, but not readable.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::atomic_file;

/// 32 random bytes in a file that only its owner may read.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Whether `folder` has a `secret.key`.
    pub fn exists(folder: &Path) -> bool {
        folder.join("secret.key").exists()
    }

    /// Reads `secret.key` in `folder`, or creates it.
    ///
    /// # Errors
    /// The file cannot be read or created, or has a wrong length.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("secret.key");
        match fs::read(&path) {
            Ok(bytes) => bytes
                .try_into()
                .map(Self)
                .map_err(|_| io::Error::other(format!("{} is damaged: it must have 32 bytes", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(&path),
            Err(error) => Err(error),
        }
    }

    /// Reads `secret.key` in `folder`, and does not create it.
    ///
    /// # Errors
    /// The file is missing, cannot be read, or has a wrong length.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join("secret.key");
        let bytes =
            fs::read(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let damaged = |_| io::Error::other(format!("{} is damaged: it must have 32 bytes", path.display()));
        bytes.try_into().map(Self).map_err(damaged)
    }

    fn create(path: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        // Replaced as a whole: half a key, left by a crash, would keep every later start out of the log.
        atomic_file::replace(path, &key)?;
        Ok(Self(key))
    }

    /// HMAC-SHA-256 of `text` for one purpose: the same text gives unrelated codes for different purposes.
    pub fn code(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.mac(purpose, text).finalize().into_bytes().into()
    }

    /// Whether `code` is the code of `text`, in constant time.
    pub fn verify(&self, purpose: &str, text: &str, code: &[u8]) -> bool {
        self.mac(purpose, text).verify_slice(code).is_ok()
    }

    /// The name of an MCP session in the log: four characters of its id and a keyed hash.
    pub fn session(&self, id: &str) -> String {
        let mut name: String = id.chars().filter(char::is_ascii_graphic).take(4).collect();
        name.push('-');
        for byte in &self.code("session", id)[..8] {
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// A separate key for one purpose, for data that is too long to hash in one piece.
    #[doc(hidden)]
    pub fn derive(&self, purpose: &str) -> DerivedKey {
        DerivedKey(Secret(self.code(purpose, "")))
    }

    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        // HMAC itself fills a short key up with zeros to the block's 64 bytes.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac
    }
}

/// A key that is derived from the secret, for one purpose.
#[derive(Clone, Debug)]
pub struct DerivedKey(Secret);

/// A keyed digest of bytes that arrive in pieces.
#[derive(Clone)]
pub struct KeyedDigest(Hmac<Sha256>);

impl DerivedKey {
    /// Begins a digest.
    pub fn begin(&self) -> KeyedDigest {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0.0);
        KeyedDigest(Hmac::<Sha256>::new(&key.into()))
    }
}

impl KeyedDigest {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// HMAC-SHA-256 of all the bytes, in hexadecimal.
    pub fn finish(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl std::fmt::Debug for KeyedDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyedDigest(…)")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_created_once_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Secret::open(folder.path()).expect("made").session("0123456789");
        assert_eq!(Secret::open(folder.path()).expect("read").session("0123456789"), first);
        assert!(first.starts_with("0123-") && !first.contains("456789"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("secret.key")).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(folder.path().join("secret.key"), "short").expect("written");
        assert!(Secret::open(folder.path()).expect_err("refused").to_string().contains("damaged"));
    }

    #[test]
    fn a_digest_is_hmac_under_a_derived_key_in_any_pieces() {
        let secret = Secret([7; 32]);
        let of = |purpose, pieces: &[&[u8]]| {
            let mut digest = secret.derive(purpose).begin();
            pieces.iter().for_each(|piece| digest.update(piece));
            digest.finish()
        };
        let whole = of("bodies", &[b"hello"]);
        assert_eq!(whole, of("bodies", &[b"he", b"", b"llo"]));
        assert_ne!(whole, of("others", &[b"hello"]));
        assert_ne!(whole, of("bodies", &[b"hello "]));
        // RFC 2104 by hand, from the derived key.
        let key = secret.code("bodies", "");
        let block = |pad: u8| {
            let mut block = [pad; 64];
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            block
        };
        use sha2::Digest as _;
        let inner = Sha256::digest([&block(0x36)[..], b"hello"].concat());
        let outer = Sha256::digest([&block(0x5c)[..], &inner[..]].concat());
        assert_eq!(whole, outer.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }

    #[test]
    fn codes_differ_by_purpose() {
        let secret = Secret([7; 32]);
        let code = secret.code("cookie", "anna");
        assert!(secret.verify("cookie", "anna", &code));
        assert!(!secret.verify("session", "anna", &code));
        assert!(!secret.verify("cookie", "otto", &code));
    }
}
