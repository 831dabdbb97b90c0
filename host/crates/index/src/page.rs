//! Pages of entries, and figures about the whole log: the types of queries and answers.

use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;

/// A page of entries, newest first.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins: entries below this `seq`.
    pub next: Option<u64>,
    /// Where the page before this one begins: entries above this `seq`.
    pub previous: Option<u64>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageAnchor {
    /// With the newest entry.
    #[default]
    Newest,
    /// The page ends with the oldest entry.
    Oldest,
    /// The page begins with the first entry below this `seq`.
    Before(u64),
    /// The page ends with the first entry above this `seq`.
    After(u64),
}

/// The cursor of the page before, where there was one.
impl From<Option<u64>> for PageAnchor {
    fn from(before: Option<u64>) -> Self {
        before.map_or(Self::Newest, Self::Before)
    }
}

/// Which entries to read.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// Where it begins.
    pub from: PageAnchor,
    /// How many.
    pub limit: usize,
}

/// Stats of the log as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Entries there are.
    pub entries: u64,
    /// Bytes of the database, what waits in the write-ahead log included.
    pub bytes: u64,
    /// Bytes of the write-ahead log beside it. It is used again and again, and longer than some 16 MB
    /// only while a reader takes long.
    pub journal_bytes: u64,
    /// When the oldest was recorded.
    pub oldest: Option<Timestamp>,
    /// When the newest was recorded.
    pub newest: Option<Timestamp>,
}
