//! A string of bytes for each cell, one behind the other.

use crate::columns::{read, write};

/// Strings that were read.
pub(super) struct Ragged {
    bytes: Vec<u8>,
    /// Where each one begins, and where the last one ends.
    bounds: Vec<usize>,
}

/// Strings that are put together.
#[derive(Default)]
pub(super) struct RaggedBuf {
    count: u64,
    lengths: Vec<u8>,
    bytes: Vec<u8>,
}

impl RaggedBuf {
    pub(super) fn push(&mut self, string: &[u8]) {
        self.count += 1;
        write(&mut self.lengths, string.len() as u64);
        self.bytes.extend_from_slice(string);
    }

    /// As stored: how many there are, the length of each, and then they themselves.
    pub(super) fn write(self, into: &mut Vec<u8>) {
        write(into, self.count);
        into.extend(self.lengths);
        into.extend(self.bytes);
    }
}

impl Ragged {
    /// The strings in stored bytes; `None` when these are not `count` strings and nothing else.
    pub(super) fn read(mut bytes: &[u8], count: u64) -> Option<Self> {
        if read(&mut bytes)? != count {
            return None;
        }
        // A forged count must not cost the memory for it: each string has a byte of length at least.
        let mut bounds = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len()) + 1);
        let mut end = 0_usize;
        bounds.push(end);
        for _ in 0..count {
            end = end.checked_add(usize::try_from(read(&mut bytes)?).ok()?)?;
            bounds.push(end);
        }
        (bytes.len() == end).then(|| Self { bytes: bytes.to_vec(), bounds })
    }

    /// The string at `place`; empty where there is none.
    pub(super) fn get(&self, place: usize) -> &[u8] {
        match self.bounds.get(place..place.saturating_add(2)) {
            Some([start, end]) => &self.bytes[*start..*end],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_were() {
        let strings: [&[u8]; 4] = [b"", b"one", &[7; 300], b""];
        let (mut ragged, mut bytes) = (RaggedBuf::default(), Vec::new());
        strings.iter().for_each(|string| ragged.push(string));
        ragged.write(&mut bytes);
        let read = Ragged::read(&bytes, 4).expect("strings");
        strings.iter().enumerate().for_each(|(place, string)| assert_eq!(read.get(place), *string));
        assert!(read.get(4).is_empty() && read.get(usize::MAX).is_empty());
        for forged in [&bytes[1..], &bytes[..bytes.len() - 1], &[], &[4, 255, 255, 255, 255, 15]] {
            assert!(Ragged::read(forged, 4).is_none());
        }
        assert!(Ragged::read(&bytes, 3).is_none() && Ragged::read(&bytes, u64::MAX).is_none());
    }
}
