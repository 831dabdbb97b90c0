//! Follows the growing log: it returns every entry once, in order, whatever happens in between.

use mcp_audit_log_core::reader::{MAX_LIMIT, ReadError, Reader};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;

/// A position in the log, and a filter for the entries after it.
///
/// It holds no rights: each step uses those of its reader.
#[derive(Clone, Debug)]
pub struct FollowCursor {
    domain: Domain,
    after: Option<u64>,
}

impl FollowCursor {
    /// Finds entries matching `domain` above the `seq` `after`, or from the log's first entry on.
    pub fn new(domain: Domain, after: Option<u64>) -> Self {
        Self { domain, after }
    }

    /// The next entries, at most `limit` and [`MAX_LIMIT`]; fewer mean that the end is reached. `next` is the next
    /// `seq` of the log before this call: entries below it are not read again.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails; the position is unchanged.
    pub fn step(&mut self, reader: &Reader<'_>, next: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let limit = limit.clamp(1, MAX_LIMIT);
        let entries = reader.after(self.domain.clone(), self.after, limit)?;
        let passed = next.checked_sub(1).filter(|_| entries.len() < limit);
        self.after = self.after.max(passed).max(entries.last().map(|entry| entry.seq));
        Ok(entries)
    }

    /// The `seq` below which everything was read.
    pub(crate) fn passed(&self) -> u64 {
        self.after.map_or(0, |after| after + 1)
    }

    /// Goes back to the position after `after`: later entries were not used and are read again.
    pub fn back_to(&mut self, after: Option<u64>) {
        self.after = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditLog, Options};
    use mcp_audit_log_contract::access::Viewer;
    use mcp_audit_log_model::event::{Channel, Detail, Event, Kind};
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::{Clock, SystemClock};

    async fn record(log: &AuditLog, method: &str) {
        let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, Detail::Ok);
        log.record_durably(Event { method: Some(method.to_owned()), ..event }).await.expect("stored");
    }

    #[tokio::test]
    async fn every_entry_comes_once_and_skipped_ones_are_not_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).own_schedule().open().expect("a log");
        let access = log.view().access(&Viewer::new("root", ["admin"]));
        let mut walk = FollowCursor::new(Domain::equals(Field::Method, "wanted"), None);
        let step = |walk: &mut FollowCursor, limit| {
            let next = *log.appended().borrow();
            walk.step(&log.view().reader(&access), next, limit)
                .expect("read")
                .iter()
                .map(|entry| entry.seq)
                .collect::<Vec<_>>()
        };
        for method in ["wanted", "other", "wanted", "wanted", "other"] {
            record(&log, method).await;
        }
        // The log's own start is the entry at 0.
        assert_eq!(step(&mut walk, 2), [1, 3]);
        assert_eq!(walk.after, Some(3), "a full page may not be all there is");
        assert_eq!(step(&mut walk, usize::MAX), [4]);
        assert_eq!(walk.after, Some(5), "the end was reached");
        assert!(step(&mut walk, 2).is_empty());
        record(&log, "wanted").await;
        let stale = walk.step(&log.view().reader(&access), 0, 2).expect("read");
        assert_eq!(stale.len(), 1, "what is there is read, whatever was known of the end");
        walk.back_to(Some(3));
        assert_eq!(step(&mut walk, 9), [4, 6]);
    }
}
