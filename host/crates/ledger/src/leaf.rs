//! A leaf: the values that only the write thread knows, and the hash of everything else.
//!
//! Two levels, so that another thread can hash the long part before the entry has its `seq`, and so that a viewer can
//! be shown that an entry exists without its content.

use super::hash::{Hash, leaf_hash};

/// The version of the encoding of leaf and content, as the column `version` of an entry has it.
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
