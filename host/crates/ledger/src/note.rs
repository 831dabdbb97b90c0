//! Signed notes (c2sp.org/signed-note): a text and its signatures. Parsing is strict, because notes come from untrusted
//! sources.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{SigningKey, VerifierKey, is_name};

/// The longest note, in bytes.
const LONGEST: usize = 64 << 10;
/// The most signatures of a note: the least number that the specification requires a verifier to accept.
const MOST_SIGNATURES: usize = 16;
/// The beginning of a signature line: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// A text and its unchecked signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A line below the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

/// A key that signed a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The key.
    pub key: &'a VerifierKey,
    /// The signed time, in seconds since 1970.
    pub time: Option<u64>,
}

/// The reason why a note is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Too long.
    #[error("the note is longer than {LONGEST} bytes")]
    Length,
    /// Bytes that no note has.
    #[error(
        "the note is not plain text: it must be UTF-8 without control characters, and each line must end with a newline"
    )]
    Bytes,
    /// There is no empty line between text and signatures.
    #[error("the note has no signatures: an empty line and signature lines must follow its text")]
    Unsigned,
    /// Too many.
    #[error("the note has more than {MOST_SIGNATURES} signatures")]
    Signatures,
    /// A line that is not a signature line.
    #[error("line {0} below the note's text is not a signature")]
    Line(usize),
    /// A signature of a known key that is wrong.
    #[error("the note has no valid signature of {0}: the note or the signature was changed")]
    Forged(String),
    /// No known key signed it.
    #[error("the note is not signed by a trusted key")]
    Unknown,
}

impl Note {
    /// Signs `text` with all of `keys`, at `time` in seconds since 1970.
    ///
    /// # Errors
    /// The text is not allowed in a note.
    pub fn sign(text: String, keys: &[SigningKey], time: u64) -> Result<Self, NoteError> {
        check_text(&text)?;
        let signature = |key: &SigningKey| Signature {
            name: key.verifier().name().to_owned(),
            id: key.verifier().id(),
            bytes: key.sign(&text, time),
        };
        let signatures = keys.iter().map(signature).collect();
        Ok(Self { text, signatures })
    }

    /// Reads a note; do not trust it before [`Note::verify`].
    ///
    /// # Errors
    /// It is not exactly a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > LONGEST {
            return Err(NoteError::Length);
        }
        let note = std::str::from_utf8(bytes).ok().filter(|note| is_plain(note)).ok_or(NoteError::Bytes)?;
        // The last empty line is the separator: a text may contain empty lines.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
        if lines.split('\n').count() > MOST_SIGNATURES {
            return Err(NoteError::Signatures);
        }
        let read = |(at, line)| Signature::parse(line).ok_or(NoteError::Line(at + 1));
        let signatures = lines.split('\n').enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys among `keys` that signed it: at least one. Other signatures are ignored.
    ///
    /// # Errors
    /// None of them signed it, or a signature under the name of one of them is wrong.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Signed<'k>>, NoteError> {
        let mut signed = Vec::new();
        for Signature { name, id, bytes } in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.name() == name && key.id() == *id) else { continue };
            let time = key.check(&self.text, bytes).ok_or_else(|| NoteError::Forged(key.to_string()))?;
            signed.push(Signed { key, time });
        }
        if signed.is_empty() { Err(NoteError::Unknown) } else { Ok(signed) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|Signature { name, id, bytes }| {
            let encoded = STANDARD.encode([id.to_be_bytes().as_slice(), bytes].concat());
            writeln!(f, "{DASH}{name} {encoded}")
        })
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let fits = is_name(name) && !bytes.is_empty();
        fits.then(|| Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > 1 && text.ends_with('\n') && is_plain(text) { Ok(()) } else { Err(NoteError::Bytes) }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_ascii_control())
}
