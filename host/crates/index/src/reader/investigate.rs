//! (short: what pages for an investigation need, beside the reader) The overview of a search, and the timeline of
//! entries that belong together.

use crate::search::{overview, timeline};
use crate::{Overview, OverviewQuery, StoreError, StoreReader, Timeline, TimelineQuery};

impl StoreReader {
    /// The number of matching entries, their bars over time, and their most frequent values. `go_on` is asked before
    /// each block of the index; `None` if it answered no before the bars were complete.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn overview(&self, query: &OverviewQuery, go_on: &dyn Fn() -> bool) -> Result<Option<Overview>, StoreError> {
        self.read(|log| overview::overview(log, self.texts(), &self.block_counts, query, go_on))
    }

    /// Entries in the order in which they began.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn timeline(&self, query: &TimelineQuery) -> Result<Timeline, StoreError> {
        self.read(|log| timeline::timeline(log, self.texts(), query))
    }
}
