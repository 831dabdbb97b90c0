//! The one read path: all shown, counted and exported data is read here, with a [`Grant`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::growth::Growth;
use mcp_audit_log_contract::access::{Denied, Grant, GrantInternals, Right};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{
    GroupBy, GroupQuery, GroupSort, Groups, LogStats, Overview, OverviewQuery, Page, PageAnchor, PageQuery, StoreError,
    StoreReader, StoredPayload, Timeline, TimelineAnchor, TimelineQuery, Usage, UsageQuery, Values, is_dimension,
};
use mcp_audit_log_ledger::{Consistency, Inclusion};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{HOUR, Timestamp};

/// Most entries of one page.
pub const MAX_LIMIT: usize = 500;

/// A viewer's view of the log: the record rule is part of every query.
pub struct Reader<'a> {
    files: &'a StoreReader,
    access: &'a Grant,
    now: Timestamp,
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The viewer lacks the right.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The query for figures is so narrow that it would reveal single entries, and the viewer may not read all of them.
    #[error(
        "you may not read all entries that are counted here, so usage can be filtered only by user, server, tool, \
         connection, provider, llm_model, api_key, instance and outcome"
    )]
    Narrow,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a [`Reader`], and reads data that only the log itself may read, because it records the access. The façade
/// does not re-export it.
pub trait InternalReads<'a>: Sized {
    /// A reader of the entries that `access` lets its viewer see at `now`.
    fn new(files: &'a StoreReader, access: &'a Grant, now: Timestamp) -> Self;

    /// All entries above `after`, oldest first, at most [`MAX_LIMIT`]; for each, whether it matches `domain` and the
    /// viewer may see it. The caller may reveal only the existence of the others.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    fn sealed(&self, domain: &Domain, after: Option<u64>, limit: usize) -> Result<Vec<(Entry, bool)>, ReadError>;

    /// The payload of the entry with this id; absent if the entry is absent, or has no payload.
    ///
    /// # Errors
    /// The viewer may not read payloads, or the store fails.
    fn payload(&self, id: Uuid) -> Result<Option<(Entry, StoredPayload)>, ReadError>;

    /// The log's range of `seq`, for an export.
    ///
    /// # Errors
    /// The viewer may not export, or the store fails.
    fn seqs(&self) -> Result<Range<u64>, ReadError>;

    /// The entries in a range of `seq` that match `domain`, oldest first, for an export; at most `limit`.
    ///
    /// # Errors
    /// The viewer may not export, or the store fails.
    fn entries_in(&self, domain: &Domain, places: Range<u64>, limit: usize) -> Result<Vec<Entry>, ReadError>;

    /// The payload of an entry that this reader returned, for an export; absent if none is kept.
    ///
    /// # Errors
    /// The viewer may not export payloads, or the store fails.
    fn export_payload(&self, entry: &Entry) -> Result<Option<StoredPayload>, ReadError>;
}

impl<'a> InternalReads<'a> for Reader<'a> {
    fn new(files: &'a StoreReader, access: &'a Grant, now: Timestamp) -> Self {
        Self { files, access, now }
    }

    fn sealed(&self, domain: &Domain, after: Option<u64>, limit: usize) -> Result<Vec<(Entry, bool)>, ReadError> {
        let visible = self.visible()?.and(domain.clone());
        let entries = self.files.after(&Domain::TRUE, after, limit.clamp(1, MAX_LIMIT))?;
        Ok(entries
            .into_iter()
            .map(|entry| {
                let shown = visible.matches(&entry);
                (entry, shown)
            })
            .collect())
    }

    fn payload(&self, id: Uuid) -> Result<Option<(Entry, StoredPayload)>, ReadError> {
        self.access.require(Right::ReadPayloads)?;
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let payload = self.files.payload(entry.seq)?;
        Ok(payload.map(|payload| (entry, payload)))
    }

    fn seqs(&self) -> Result<Range<u64>, ReadError> {
        self.access.require(Right::Export)?;
        self.visible()?;
        Ok(self.files.seqs()?)
    }

    fn entries_in(&self, domain: &Domain, places: Range<u64>, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.access.require(Right::Export)?;
        Ok(self.files.entries_in(&self.visible()?.and(domain.clone()), places, limit)?)
    }

    fn export_payload(&self, entry: &Entry) -> Result<Option<StoredPayload>, ReadError> {
        self.access.require(Right::ExportPayloads)?;
        if !self.visible()?.matches(entry) {
            return Ok(None);
        }
        Ok(self.files.payload(entry.seq)?)
    }
}

impl<'a> Reader<'a> {
    /// A page of entries that match `domain`, newest first; at most [`MAX_LIMIT`].
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn page(&self, domain: Domain, from: impl Into<PageAnchor>, limit: usize) -> Result<Page, ReadError> {
        let domain = self.visible()?.and(domain);
        Ok(self.files.page(&PageQuery { domain, from: from.into(), limit: limit.clamp(1, MAX_LIMIT) })?)
    }

    /// Entries that match `domain`, oldest first, above `after` or from the first one; at most [`MAX_LIMIT`].
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn after(&self, domain: Domain, after: Option<u64>, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let domain = self.visible()?.and(domain);
        Ok(self.files.after(&domain, after, limit.clamp(1, MAX_LIMIT))?)
    }

    /// The entry with this id; one that the viewer may not see is absent.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn entry(&self, id: Uuid) -> Result<Option<Entry>, ReadError> {
        Ok(self.files.entry(id, &self.visible()?)?)
    }

    /// Groups of the entries that match `domain`, by one or two fields or by the viewer's days; at most
    /// [`MAX_LIMIT`] groups.
    ///
    /// # Errors
    /// The viewer may not read, there are more than [`mcp_audit_log_index::MAX_GROUPS`] groups, or the store fails.
    pub fn groups(&self, domain: Domain, by: &[GroupBy], sort: GroupSort, limit: usize) -> Result<Groups, ReadError> {
        let domain = self.visible()?.and(domain);
        let by = by.iter().copied().take(2).collect();
        Ok(self.files.groups(&GroupQuery {
            domain,
            by,
            zone: self.access.zone(),
            sort,
            limit: limit.clamp(1, MAX_LIMIT),
        })?)
    }

    /// How many entries match `domain`, how many of them failed, both over time, and the most frequent values of
    /// `fields`, at most `values` of each. `None` if this takes longer than `patience`; if only the values take longer,
    /// they are missing in the answer.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn overview(
        &self,
        domain: Domain,
        fields: &[Field],
        values: usize,
        patience: Duration,
    ) -> Result<Option<Overview>, ReadError> {
        let (domain, begun) = (self.visible()?.and(domain), Instant::now());
        let query = OverviewQuery {
            domain,
            zone: self.access.zone(),
            now: self.now,
            fields: fields.to_vec(),
            values: values.min(MAX_LIMIT),
        };
        Ok(self.files.overview(&query, &|| begun.elapsed() < patience)?)
    }

    /// A page of the entries that match `domain`, in the order in which they began; at most [`MAX_LIMIT`].
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn timeline(&self, domain: Domain, from: TimelineAnchor, limit: usize) -> Result<Timeline, ReadError> {
        let domain = self.visible()?.and(domain);
        Ok(self.files.timeline(&TimelineQuery { domain, from, limit: limit.clamp(1, MAX_LIMIT) })?)
    }

    /// Usage of the requests that match the query's domain; at most [`MAX_LIMIT`] rows of a breakdown.
    ///
    /// A viewer who may not read every counted entry must not infer single entries, neither by narrowing a query nor by
    /// repeating it. Such a viewer can ask only about whole hours and about the dimensions that usage is kept by. The
    /// figures are those of the last full hour, as they were known when it ended.
    ///
    /// # Errors
    /// The viewer may not see usage, or not this narrow; there are too many values to count; or the store fails.
    pub fn usage(&self, query: UsageQuery) -> Result<Usage, ReadError> {
        self.access.require(Right::ReadUsage)?;
        let query = if self.access.reads_what_it_counts() { query } else { self.coarse(query)? };
        let domain = self.access.usage_rule().clone().and(query.domain);
        Ok(self.files.usage(&UsageQuery {
            domain,
            zone: self.access.zone(),
            limit: query.limit.clamp(1, MAX_LIMIT),
            ..query
        })?)
    }

    fn coarse(&self, query: UsageQuery) -> Result<UsageQuery, ReadError> {
        let (times, domain) = query.domain.split_times();
        let mut fields = BTreeSet::new();
        domain.fields(&mut fields);
        if !fields.into_iter().all(is_dimension) {
            return Err(ReadError::Narrow);
        }
        let start = query.range.start.max(Timestamp::from_micros(times.start));
        let end = query.range.end.min(Timestamp::from_micros(times.end));
        let known = self.now.start_of_hour();
        let end = end.plus(HOUR - 1).start_of_hour().min(known);
        let range = start.start_of_hour().min(end)..end;
        Ok(UsageQuery { domain, range, recorded_before: Some(known), ..query })
    }

    /// The values of `field` among the entries that the viewer may see, for a menu; at most [`MAX_LIMIT`]. For a viewer
    /// who sees only part of the log, only the newest million entries are searched.
    ///
    /// # Errors
    /// The viewer may not read, or the store fails.
    pub fn values(&self, field: Field, limit: usize) -> Result<Values, ReadError> {
        Ok(self.files.values(&self.visible()?, field, limit.clamp(1, MAX_LIMIT))?)
    }

    /// The entry with this id, and the proof that it is in the ledger's tree of `size` leaves, or in the current tree.
    /// Absent if the viewer may not see it.
    ///
    /// # Errors
    /// The viewer may not read, there is no proof for that size, or the store fails.
    pub fn inclusion(&self, id: Uuid, size: Option<u64>) -> Result<Option<Inclusion>, ReadError> {
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        Ok(self.files.inclusion(entry.seq, size)?)
    }

    /// The proof that the log of `old` entries is the beginning of the log of `new` entries, or of the current one.
    ///
    /// # Errors
    /// The viewer may not verify, there is no proof for these sizes, or the store fails.
    pub fn consistency(&self, old: u64, new: Option<u64>) -> Result<Consistency, ReadError> {
        self.access.require(Right::Verify)?;
        Ok(self.files.consistency(old, new)?)
    }

    /// The size of the whole log.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn extent(&self) -> Result<LogStats, ReadError> {
        self.access.require_oversight()?;
        Ok(self.files.extent()?)
    }

    /// The daily growth, over the last seven days or since the beginning if that is later; `None` while the log is
    /// younger than an hour.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn growth(&self, extent: &LogStats, now: Timestamp) -> Result<Option<Growth>, ReadError> {
        self.access.require_oversight()?;
        let Some(since) = Growth::since(extent, now) else { return Ok(None) };
        let entries = self.files.seqs()?.end.saturating_sub(self.files.seq_at(since)?);
        Ok(Some(Growth::a_day(extent, entries, since, now)))
    }

    /// The record rule, if the viewer may read at all.
    fn visible(&self) -> Result<Domain, Denied> {
        self.access.require(Right::Read)?;
        Ok(self.access.rule().clone())
    }
}
