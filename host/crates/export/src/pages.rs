//! The pages of an export: every `seq` of the log once, oldest first, each page in its own transaction.

use std::ops::Range;

use mcp_audit_log_core::reader::{InternalReads, ReadError, Reader};
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
    pub(super) fn new(domain: Domain, places: Range<u64>) -> Self {
        Self { domain, next: places.start, all: places, page: PAGE, window: WINDOW }
    }

    /// The next entries, possibly none; `None` at the end.
    pub(super) fn step(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<Entry>>, ReadError> {
        if self.next >= self.all.end {
            return Ok(None);
        }
        let stop = ((self.next / self.window + 1) * self.window).min(self.all.end);
        let entries = reader.stretch(&self.domain, self.next..stop, self.page)?;
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
    use super::*;
    use mcp_audit_log_contract::access::{Grant, Viewer};
    use mcp_audit_log_model::event::{Channel, Detail, Event, Kind};
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::{Clock, SystemClock};
    use mcp_audit_log_service::{AuditLog, Options};

    fn record(log: &AuditLog, number: usize) {
        let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, Detail::Ok);
        let method = ["often", "often", "seldom"][number % 3].to_owned();
        log.record(Event { method: Some(method), ..event }).expect("recorded");
    }

    fn walked(log: &AuditLog, access: &Grant, mut pages: Pages) -> Vec<u64> {
        let mut found = Vec::new();
        while let Some(entries) = pages.step(&log.view().reader(access)).expect("read") {
            found.extend(entries.iter().map(|entry| entry.seq));
        }
        assert_eq!(pages.progress().0, pages.progress().1);
        found
    }

    #[test]
    fn every_seq_below_the_end_comes_once_with_any_page_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).own_schedule().open().expect("a log");
        (0..300).for_each(|number| record(&log, number));
        log.close();
        let log = Options::new(folder.path()).own_schedule().open().expect("the log again");
        let access = log.view().access(&Viewer::new("root", ["admin"]));
        let places = log.view().reader(&access).places().expect("places");
        record(&log, 0);
        for (page, window) in [(1, 1), (7, 10), (10, 10), (100, 64), (1_000, 65_536)] {
            for domain in [Domain::TRUE, Domain::equals(Field::Method, "seldom"), Domain::FALSE] {
                let expected = places.clone().filter(|seq| {
                    let at = log
                        .view()
                        .reader(&access)
                        .page(Domain::equals(Field::Seq, *seq as i64), None, 1)
                        .expect("a page");
                    at.entries.iter().any(|entry| domain.matches(entry))
                });
                let expected: Vec<_> = expected.collect();
                let pages = Pages { page, window, ..Pages::new(domain, places.clone()) };
                assert_eq!(walked(&log, &access, pages), expected, "{page} {window}");
            }
        }
    }
}
