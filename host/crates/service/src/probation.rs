//! The probation of an activated policy goes on after a restart.

use std::sync::Arc;

use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::recorder::{ActivePolicy, PROBATION_EVENTS, UnfinishedProbation};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{StoreError, StoreReader};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;

use super::activation::{ACTIVATED, ROLLED_BACK};
use super::judgement::Loading;

/// What the entries and records say of a probation that is not over: the active policy was swapped in less than a
/// thousand events ago. A policy that a start named has none, nor one that came back by itself.
///
/// # Errors
/// The store fails. Where only the policy before cannot be loaded, there is no probation.
pub(super) fn unfinished(
    files: &StoreReader,
    loading: &Loading<'_>,
    active: &JudgedBy,
) -> Result<Option<UnfinishedProbation>, StoreError> {
    let Some((first, before)) = swapped_in(files, active)? else { return Ok(None) };
    let since = first.since..files.seqs()?.end;
    let judged = usize::try_from(since.end.saturating_sub(since.start)).unwrap_or(usize::MAX);
    if judged >= PROBATION_EVENTS || !began_by_a_swap(files, &first)? {
        return Ok(None);
    }
    let failed = files.entries_in(&Domain::unset(Field::Fault).not(), since, PROBATION_EVENTS)?.len();
    let policy = match loading.kept(&before) {
        Ok(policy) => Arc::new(policy),
        Err(error) => {
            tracing::warn!(%error, "the policy before cannot be loaded, so the active one stays even if it fails");
            return Ok(None);
        }
    };
    let settings = Arc::new(Settings::load(&policy.manifest().settings, &files.settings()?));
    let before = ActivePolicy { policy, settings, configured: before.configured, since: None };
    Ok(Some(UnfinishedProbation { before, judged, failed }))
}

/// The record that began the active policy, and the one before it. Settings may have changed since.
fn swapped_in(files: &StoreReader, active: &JudgedBy) -> Result<Option<(JudgedBy, JudgedBy)>, StoreError> {
    let mut first = active.clone();
    if active.configured.is_none() {
        return Ok(None);
    }
    while let Some(before) = files.judged_before(first.since, 1)?.pop() {
        if before.digests() != first.digests() {
            return Ok(Some((first, before)));
        }
        first = before;
    }
    Ok(None)
}

/// Whether the entry before a record is about the swap to it.
fn began_by_a_swap(files: &StoreReader, first: &JudgedBy) -> Result<bool, StoreError> {
    let swaps = [ACTIVATED, ROLLED_BACK].map(|method| Domain::equals(Field::Method, method));
    let swaps = Domain::equals(Field::Channel, "system").and(Domain::Any(swaps.into()));
    let entries = files.entries_in(&swaps, first.since.saturating_sub(1)..first.since, 1)?;
    let names =
        |entry: &Entry| entry.details.get("policy_digests").is_some_and(|named| *named == first.digests().join(", "));
    Ok(entries.iter().any(names))
}
