//! The pages of an export: every place of the log once, oldest first, each page in a transaction of its own.

use std::ops::Range;

use crate::domain::Domain;
use crate::entry::Entry;
use crate::reader::{ReadError, Reader};

/// Entries of a page.
const PAGE: usize = 1_000;
/// Places that one transaction looks at: as many as a large block of the index has, so that a filter that hardly
/// anything matches stays far from the deadline.
const WINDOW: u64 = 65_536;

/// What is left to read.
pub(super) struct Pages {
    domain: Domain,
    all: Range<u64>,
    next: u64,
}

impl Pages {
    pub(super) fn new(domain: Domain, places: Range<u64>) -> Self {
        Self { domain, next: places.start, all: places }
    }

    /// The next entries, which may be none; `None` at the end.
    pub(super) fn step(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<Entry>>, ReadError> {
        if self.next >= self.all.end {
            return Ok(None);
        }
        let stop = ((self.next / WINDOW + 1) * WINDOW).min(self.all.end);
        let entries = reader.stretch(&self.domain, self.next..stop, PAGE)?;
        let full = entries.last().filter(|_| entries.len() == PAGE);
        self.next = full.map_or(stop, |last| last.seq + 1);
        Ok(Some(entries))
    }

    /// How many places were looked at, and how many there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.next - self.all.start, self.all.end - self.all.start)
    }
}
