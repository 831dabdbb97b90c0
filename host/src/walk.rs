//! Reading on as the log grows: every entry once, in order, whatever happens in between.

use crate::domain::Domain;
use crate::entry::Entry;
use crate::reader::{MAX_LIMIT, ReadError, Reader};

/// A place in the log, and what is looked for from there on.
///
/// It holds no rights: each step reads with those of the reader that it is given.
#[derive(Clone, Debug)]
pub struct Walk {
    domain: Domain,
    after: Option<u64>,
}

impl Walk {
    /// Looks for `domain` above the place `after`, or from the log's first entry on.
    pub fn new(domain: Domain, after: Option<u64>) -> Self {
        Self { domain, after }
    }

    /// The next entries, at most `limit` and [`MAX_LIMIT`]; fewer mean that the end is reached. `next` is the place after the last entry
    /// that could be read before this was called: below it nothing is read again.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails; the place is as it was.
    pub fn step(&mut self, reader: &Reader<'_>, next: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let limit = limit.clamp(1, MAX_LIMIT);
        let entries = reader.after(self.domain.clone(), self.after, limit)?;
        let passed = next.checked_sub(1).filter(|_| entries.len() < limit);
        self.after = self.after.max(passed).max(entries.last().map(|entry| entry.seq));
        Ok(entries)
    }

    /// Goes back to above `after`: what came then was not used and is to be read again.
    pub fn back_to(&mut self, after: Option<u64>) {
        self.after = after;
    }
}
