//! Keys that sign and verify notes, in the text forms of C2SP signed-note. Without I/O: `signer` owns the key file.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// The prefix of a secret key, as in Go's note package.
const PRIVATE: &str = "PRIVATE+KEY+";
/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 200;

/// The statement that a signature confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureKind {
    /// The log's checkpoint: Ed25519 over the text.
    Log,
    /// The checkpoint and its time: a timestamped cosignature.
    Time,
}

impl SignatureKind {
    /// The byte that C2SP assigned to it.
    pub fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Time => 0x04,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Log, Self::Time].into_iter().find(|kind| kind.byte() == byte)
    }

    /// The signed bytes for a note's text; `time` is used only by [`SignatureKind::Time`].
    pub(super) fn message(self, text: &str, time: u64) -> Vec<u8> {
        match self {
            Self::Log => text.as_bytes().to_vec(),
            Self::Time => format!("cosignature/v1\ntime {time}\n{text}").into_bytes(),
        }
    }
}

/// Why a key is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key has the wrong number of parts.
    #[error("not a verification key; one looks like example.com/log+530d903a+AekyeRrm…")]
    Form,
    /// A name that is not allowed in a note.
    #[error("a key's name must have 1 to {LONGEST_NAME} characters, without spaces and plus signs")]
    Name,
    /// The signature algorithm is not Ed25519.
    #[error("unknown kind of key; supported are Ed25519 (01) and timestamped Ed25519 (04)")]
    Kind,
    /// The id does not match the key.
    #[error("the key's id does not match its name and bytes: the key was changed or cut off")]
    Id,
}

/// A key that verifies signatures, for verifiers outside the log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads `<name>+<id>+<base64>`.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, kind, public) = parts(text, id)?;
        Ok(Self { name, kind, public })
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The statement that its signatures confirm.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The byte before its signatures.
    pub fn id(&self) -> u32 {
        id(&self.name, self.kind, &self.public)
    }

    /// Checks the bytes after the id in a signature of `text`; returns the signed time in seconds since 1970, if it has
    /// one. `None`: the signature is wrong.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        let (time, signature) = match self.kind {
            SignatureKind::Log => (None, signature),
            SignatureKind::Time => {
                let (time, signature) = signature.split_first_chunk()?;
                // The specification's bound; what is beyond has no meaning as a time.
                let time = u64::from_be_bytes(*time);
                (Some(i64::try_from(time).map(|_| time).ok()?), signature)
            }
        };
        let message = self.kind.message(text, time.unwrap_or_default());
        UnparsedPublicKey::new(&ED25519, self.public).verify(&message, signature).ok()?;
        Some(time)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, self.id(), self.kind, &self.public)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that signs.
pub struct SigningKey {
    verifier: VerifierKey,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key of `seed`, 32 random bytes.
    ///
    /// # Errors
    /// The name is not allowed in a note.
    pub fn from_seed(name: &str, kind: SignatureKind, seed: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Form)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Form)?;
        Ok(Self { verifier: VerifierKey { name: name.to_owned(), kind, public }, seed, pair })
    }

    /// Reads what [`SigningKey::secret_text`] writes.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix(PRIVATE).ok_or(KeyError::Form)?;
        let made = |name: &str, kind, seed: &[u8; 32]| Self::from_seed(name, kind, *seed).map(|key| key.verifier.id());
        let (name, kind, seed) = parts(text, |name, kind, seed| made(name, kind, seed).unwrap_or_default())?;
        Self::from_seed(&name, kind, seed)
    }

    /// The line in a key file, with the secret.
    pub fn secret_text(&self) -> String {
        let Self { verifier, seed, .. } = self;
        let mut text = PRIVATE.to_owned();
        let _ = write_key(&mut text, &verifier.name, verifier.id(), verifier.kind, seed);
        text
    }

    /// The key that verifies its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The bytes after the id in a signature of `text`.
    pub(super) fn sign(&self, text: &str, time: u64) -> Vec<u8> {
        let kind = self.verifier.kind;
        let signature = self.pair.sign(&kind.message(text, time));
        match kind {
            SignatureKind::Log => signature.as_ref().to_vec(),
            SignatureKind::Time => [time.to_be_bytes().as_slice(), signature.as_ref()].concat(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

/// Whether a key may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits)
}

fn id(name: &str, kind: SignatureKind, public: &[u8; 32]) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(public).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Name, kind and bytes of a key, whose id must match `id`.
fn parts(
    text: &str,
    id: impl Fn(&str, SignatureKind, &[u8; 32]) -> u32,
) -> Result<(String, SignatureKind, [u8; 32]), KeyError> {
    let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
    let (hex, bytes) = rest.split_once('+').ok_or(KeyError::Form)?;
    if !is_name(name) {
        return Err(KeyError::Name);
    }
    let bytes = STANDARD.decode(bytes).map_err(|_| KeyError::Form)?;
    let (kind, bytes) = bytes.split_first().ok_or(KeyError::Form)?;
    let kind = SignatureKind::of(*kind).ok_or(KeyError::Kind)?;
    let bytes = bytes.try_into().map_err(|_| KeyError::Form)?;
    // Compared as text, so that there is one spelling.
    if format!("{:08x}", id(name, kind, &bytes)) != hex {
        return Err(KeyError::Id);
    }
    Ok((name.to_owned(), kind, bytes))
}

fn write_key(f: &mut impl fmt::Write, name: &str, id: u32, kind: SignatureKind, bytes: &[u8; 32]) -> fmt::Result {
    let encoded = STANDARD.encode([&[kind.byte()], bytes.as_slice()].concat());
    write!(f, "{name}+{id:08x}+{encoded}")
}
