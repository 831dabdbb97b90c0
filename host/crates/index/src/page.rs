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
    /// The beginning of the next page: entries below this `seq`.
    pub next: Option<u64>,
    /// The beginning of the previous page: entries above this `seq`.
    pub previous: Option<u64>,
}

/// The position where a page begins or ends.
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

/// The cursor of the previous page, if there was one.
impl From<Option<u64>> for PageAnchor {
    fn from(before: Option<u64>) -> Self {
        before.map_or(Self::Newest, Self::Before)
    }
}

/// The page to read.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// Where it begins.
    pub from: PageAnchor,
    /// How many.
    pub limit: usize,
}

/// Figures about the whole log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Entries there are.
    pub entries: u64,
    /// The size of the database in bytes, with the data that is still in the write-ahead log.
    pub bytes: u64,
    /// Bytes of the write-ahead log beside it. It is used again and again, and longer than some 16 MB
    /// only while a reader takes long.
    pub journal_bytes: u64,
    /// The recording time of the oldest entry.
    pub oldest: Option<Timestamp>,
    /// The recording time of the newest entry.
    pub newest: Option<Timestamp>,
}
