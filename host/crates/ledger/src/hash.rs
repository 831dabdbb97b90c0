//! SHA-256 with RFC 6962's prefixes, the leaf of an entry, and the commitment to its payload.

use std::fmt;

use sha2::{Digest, Sha256};

/// A hash of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// How many bytes a hash has.
    pub const LENGTH: usize = 32;

    /// SHA-256 of `bytes` without a prefix.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of a tree without leaves.
    pub fn of_nothing() -> Self {
        Self::of(b"")
    }

    /// The hash in these bytes; `None` unless there are 32 of them.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash of 64 lower-case hexadecimal digits.
    pub fn from_hex(digits: &str) -> Option<Self> {
        unhex(digits)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

/// The hash of a node over two others: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// In lower-case hexadecimal digits.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The version of the encoding of leaf and content, as in the column `version` of an entry.
pub const VERSION: u16 = 1;

/// The leaf of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The version of the encoding.
    pub version: u16,
    /// The entry's `seq`.
    pub seq: u64,
    /// When it was recorded, in microseconds since 1970.
    pub recorded_at: i64,
    /// SHA-256 of its [`super::Content`].
    pub content: Hash,
}

impl Leaf {
    /// How many bytes a leaf has.
    pub const LENGTH: usize = 2 + 8 + 8 + Hash::LENGTH;

    /// A leaf of the present version.
    pub fn new(seq: u64, recorded_at: i64, content: Hash) -> Self {
        Self { version: VERSION, seq, recorded_at, content }
    }

    /// Version, `seq`, time of recording, hash of the content; numbers are big-endian.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..2].copy_from_slice(&self.version.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.seq.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.recorded_at.to_be_bytes());
        bytes[18..].copy_from_slice(self.content.as_bytes());
        bytes
    }

    /// The leaf that these bytes are.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        let mut content = [0; Hash::LENGTH];
        content.copy_from_slice(&bytes[18..]);
        let version = u16::from_be_bytes([bytes[0], bytes[1]]);
        Self { version, seq: number(2), recorded_at: number(10).cast_signed(), content: Hash(content) }
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

/// `SHA-256("mcp-audit-log-payload-v1" 0x00 salt request response notes)`: the bodies as they were before compression
/// and the notes as they are stored, each with its length before it as eight bytes, big end first. An absent body has
/// the length 2⁶⁴−1.
pub fn commitment(salt: &[u8; 32], request: Option<&str>, response: Option<&str>, notes: &str) -> Hash {
    committed(b"mcp-audit-log-payload-v1\0", salt, request, response, notes)
}

/// Whether `stated` is the commitment to this payload: the one of [`commitment`], or the same with the tag
/// `mcp-audit-payload-v1`, which the product had under its first name.
pub fn is_committed(
    stated: &[u8],
    salt: &[u8; 32],
    request: Option<&str>,
    response: Option<&str>,
    notes: &str,
) -> bool {
    let tags: [&[u8]; 2] = [b"mcp-audit-log-payload-v1\0", b"mcp-audit-payload-v1\0"];
    tags.iter().any(|tag| committed(tag, salt, request, response, notes).0 == *stated)
}

fn committed(tag: &[u8], salt: &[u8; 32], request: Option<&str>, response: Option<&str>, notes: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(tag);
    hash.update(salt);
    for text in [request, response, Some(notes)] {
        hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
        hash.update(text.unwrap_or_default());
    }
    Hash(hash.finalize().into())
}

/// The hash of 64 digits.
pub(super) fn unhex(text: &str) -> Option<Hash> {
    unhex_bytes(text).and_then(|bytes| Hash::from_slice(&bytes))
}

/// Bytes of lower-case digits.
pub(super) fn unhex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let byte = |pair: &[u8]| Some(value(pair[0])? << 4 | value(*pair.get(1)?)?);
    digits.chunks(2).map(byte).collect()
}

/// Lower-case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_changes_the_commitment() {
        let salt = [1; 32];
        let commitments = [
            commitment(&salt, Some("ab"), Some("c"), "{}"),
            commitment(&salt, Some("a"), Some("bc"), "{}"),
            commitment(&salt, Some("abc"), None, "{}"),
            commitment(&salt, Some("abc"), Some(""), "{}"),
            commitment(&salt, None, Some("abc"), "{}"),
            commitment(&salt, None, Some("abc"), "{ }"),
            commitment(&[2; 32], None, Some("abc"), "{}"),
        ];
        let distinct: std::collections::HashSet<_> = commitments.into_iter().collect();
        assert_eq!(distinct.len(), 7);
    }
}
