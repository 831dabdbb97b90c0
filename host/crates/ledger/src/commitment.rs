//! An entry's commitment to its payload: a salted hash, so that the payload can be erased and the hash reveals nothing.

use sha2::{Digest, Sha256};

use super::hash::Hash;

/// `SHA-256("mcp-audit-log-payload-v1" 0x00 salt request response notes)`: the bodies as they were before compression and
/// the notes as they are stored, each with its length before it as eight bytes, big end first. An absent body has the
/// length 2⁶⁴−1.
pub fn commitment(salt: &[u8; 32], request: Option<&str>, response: Option<&str>, notes: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"mcp-audit-log-payload-v1\0");
    hash.update(salt);
    for text in [request, response, Some(notes)] {
        hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
        hash.update(text.unwrap_or_default());
    }
    Hash(hash.finalize().into())
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
