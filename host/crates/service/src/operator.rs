//! What the operator reads who holds the log's files: entries under no viewer's rule, to explain and to replay them.
//! Only the users are also for viewers, who see those of their own entries.

use std::ops::Range;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{GroupBy, GroupSort, StoreError};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use uuid::Uuid;

use super::LogView;
use super::open::own_access;

impl LogView {
    /// The entry with this id.
    ///
    /// # Errors
    /// The store fails.
    pub fn operators_entry(&self, id: Uuid) -> Result<Option<Entry>, ReadError> {
        self.reader(&own_access()).entry(id)
    }

    /// The entries in a range of `seq`, oldest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn operators_entries(&self, seqs: Range<u64>) -> Result<Vec<Entry>, StoreError> {
        let limit = usize::try_from(seqs.end.saturating_sub(seqs.start)).unwrap_or(usize::MAX);
        self.files.entries_in(&Domain::TRUE, seqs, limit)
    }

    /// Users of entries with their tenants, the most frequent first; at most `limit`.
    ///
    /// # Errors
    /// There are too many to count, or the store fails.
    pub fn operators_users(&self, limit: usize) -> Result<Vec<(String, Option<String>)>, ReadError> {
        self.users(&own_access(), Domain::TRUE, limit)
    }

    /// The same of the entries that match `domain` and that a viewer may see.
    ///
    /// # Errors
    /// The viewer may not read, there are too many to count, or the store fails.
    pub fn users(
        &self,
        access: &Grant,
        domain: Domain,
        limit: usize,
    ) -> Result<Vec<(String, Option<String>)>, ReadError> {
        let by = [Field::User, Field::Instance].map(GroupBy::Field);
        let named = domain.and(Domain::unset(Field::User).not());
        let groups = self.reader(access).groups(named, &by, GroupSort::default(), limit)?;
        let text = |value: Option<&Value>| match value {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let users = groups.groups.iter().filter_map(|group| Some((text(group.keys.first())?, text(group.keys.get(1)))));
        Ok(users.collect())
    }

    /// The range of `seq` that was recorded from `from` on and before `until`.
    ///
    /// # Errors
    /// The store fails.
    pub fn seqs_between(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> Result<Range<u64>, StoreError> {
        let all = self.files.seqs()?;
        let at =
            |moment: Option<Timestamp>, otherwise| moment.map_or(Ok(otherwise), |moment| self.files.seq_at(moment));
        let (start, end) = (at(from, all.start)?, at(until, all.end)?);
        Ok(start.max(all.start)..end.min(all.end).max(start))
    }

    /// The stored settings as a policy with this manifest has them.
    ///
    /// # Errors
    /// The store fails.
    pub fn settings_under(&self, manifest: &Manifest) -> Result<Settings, StoreError> {
        Ok(Settings::load(&manifest.settings, &self.files.settings()?))
    }
}
