//! The pages of an export: every `seq` of the log once, oldest first, each page in its own transaction.

use std::ops::Range;

use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;

/// The entries of a page: some megabytes, and enough that preparing the filter for each page costs little.
const PAGE: usize = 4_096;
/// The number of entries that one transaction scans: a large block of the index, so that a filter with few matches
/// stays far below the deadline.
const WINDOW: u64 = 65_536;

/// The entries that are left to read.
pub(super) struct Pages {
    domain: Domain,
    all: Range<u64>,
    next: u64,
    page: usize,
    window: u64,
}

impl Pages {
    pub(super) fn new(domain: Domain, seqs: Range<u64>) -> Self {
        Self { domain, next: seqs.start, all: seqs, page: PAGE, window: WINDOW }
    }

    /// The next entries, which may be none; `None` at the end. `read` returns the entries in a range of `seq` that match
    /// the filter, oldest first, at most so many.
    pub(super) fn step(
        &mut self,
        read: impl FnOnce(&Domain, Range<u64>, usize) -> Result<Vec<Entry>, ReadError>,
    ) -> Result<Option<Vec<Entry>>, ReadError> {
        if self.next >= self.all.end {
            return Ok(None);
        }
        let stop = ((self.next / self.window + 1) * self.window).min(self.all.end);
        let entries = read(&self.domain, self.next..stop, self.page)?;
        let full = entries.last().filter(|_| entries.len() == self.page);
        self.next = full.map_or(stop, |last| last.seq + 1);
        Ok(Some(entries))
    }

    /// The number of entries that were scanned, and the number of all entries.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.next - self.all.start, self.all.end - self.all.start)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use mcp_audit_log_index::{Batch, MemoryStore, Prepared, StoreReader, StoreWriter, Writer};
    use mcp_audit_log_model::event::new_id;
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::Timestamp;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn entry(number: usize) -> Prepared {
        let mut entry = Entry::new(new_id(NOW), NOW, NOW);
        entry.set_text(Field::Method, Some(["often", "often", "seldom"][number % 3]));
        Prepared::new(entry, None)
    }

    #[test]
    fn every_seq_below_the_end_comes_once_with_any_page_size() {
        let store = MemoryStore::new(64);
        let mut writer = StoreWriter::new(store.clone()).expect("a writer");
        let mut append = |entries| writer.commit(&Batch { entries, ..Batch::default() }).expect("stored");
        append((0..300).map(entry).collect());
        let log = StoreReader::new(Arc::new(store));
        let seqs = log.seqs().expect("the seqs");
        // What is recorded while the export is under way is not a part of it.
        append(vec![entry(2)]);
        let read = |domain: &Domain, seqs, limit| Ok(log.entries_in(domain, seqs, limit)?);
        let all = read(&Domain::TRUE, 0..u64::MAX, 1_000).expect("entries");
        assert_eq!((seqs.end, all.len()), (300, 301));
        for (page, window) in [(1, 1), (7, 10), (10, 10), (100, 64), (1_000, 65_536)] {
            for domain in [Domain::TRUE, Domain::equals(Field::Method, "seldom"), Domain::FALSE] {
                let expected = all[..300].iter().filter(|entry| domain.matches(entry)).map(|entry| entry.seq);
                let expected: Vec<_> = expected.collect();
                let (mut pages, mut found) = (Pages { page, window, ..Pages::new(domain, seqs.clone()) }, Vec::new());
                while let Some(entries) = pages.step(read).expect("read") {
                    found.extend(entries.iter().map(|entry| entry.seq));
                }
                assert_eq!(found, expected, "{page} {window}");
                assert_eq!(pages.progress(), (300, 300));
            }
        }
    }
}
