//! Groups: one pass over the columns of the matching entries. Rows of closed blocks are read only if the filter itself
//! needs them.

use std::collections::BTreeSet;

use super::axis::Axis;
use super::block_scan::BlockScan;
use super::keyed_counts::KeyedCounts;
use super::plan::Plan;
use super::total::{Total, failures};
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{Group, GroupBy, GroupQuery, GroupSort, Groups, MAX_GROUPS, StoreError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::event::Kind;
use mcp_audit_log_model::field::Field;

/// Computes the groups for `query`.
pub(crate) fn groups(log: &dyn Snapshot, texts: &Texts, query: &GroupQuery) -> Result<Groups, StoreError> {
    let plan = Plan::new(log, texts, &query.domain)?;
    let failed = Plan::new(log, texts, &failures())?;
    // Their durations would hide those of calls. Groups by kind keep them apart.
    let has_streams = query.by.contains(&GroupBy::Field(Field::Kind));
    let streams = Plan::new(log, texts, &Domain::equals(Field::Kind, Kind::Stream.as_str()))?;
    let mut fields: BTreeSet<_> = query.by.iter().map(|by| Axis::field(*by)).collect();
    plan.fields(&mut fields);
    fields.extend([Field::Outcome, Field::DurationUs, Field::Kind]);
    let mut counts = KeyedCounts::new(MAX_GROUPS);
    let scan = BlockScan::new(log, 0..u64::MAX, &fields)?;
    for (block, within) in scan.blocks() {
        let found = plan.find(log, block, within)?;
        if found.is_empty() {
            continue;
        }
        let errors = failed.find(log, block, found.clone())?;
        let untimed =
            if has_streams { Bitmap::range(block.length, 0..0) } else { streams.find(log, block, found.clone())? };
        let durations = Axis::numbers(log, block, Field::DurationUs)?;
        let first = Axis::new(log, block, query.by.first().copied(), query.zone)?;
        let second = Axis::new(log, block, query.by.get(1).copied(), query.zone)?;
        let bits = |of: &Bitmap, word: usize| of.words().get(word).copied().unwrap_or(0);
        let amounts = |word| (bits(&errors, word), bits(&untimed, word), durations.raws(word));
        let counted = counts.count(
            [&first, &second],
            &found,
            || Total::new(true),
            amounts,
            |total, amounts, bit| {
                let (errors, untimed, durations) = amounts;
                let duration = if untimed >> bit & 1 == 1 { 0 } else { durations[bit] };
                if let Some(bucket) = total.sums.add_entry(errors >> bit & 1 == 1, duration) {
                    total.add_durations(bucket, 1);
                }
            },
        );
        counted.ok_or(StoreError::TooManyGroups(MAX_GROUPS))?;
    }
    finish(log, texts, query, &counts)
}

/// The requested number of groups, in the requested order.
fn finish(
    log: &dyn Snapshot,
    texts: &Texts,
    query: &GroupQuery,
    counts: &KeyedCounts<2, Total>,
) -> Result<Groups, StoreError> {
    let group = |(key, total): (&[u64; 2], &Total)| {
        let (count, errors, average_us) = (total.sums.entries, total.sums.errors, total.sums.average());
        (*key, Group { keys: Vec::new(), count, errors, average_us, p95_us: total.quantile(95) })
    };
    let mut groups: Vec<_> = counts.iter().map(group).collect();
    let (found, entries) = (groups.len(), counts.iter().map(|(_, total)| total.sums.entries).sum());
    let named = |(key, mut group): ([u64; 2], Group)| {
        let keys = query.by.iter().zip(key).map(|(by, raw)| Axis::value(log, texts, *by, raw));
        group.keys = keys.collect::<Result<_, StoreError>>()?;
        Ok(group)
    };
    // Texts are looked up for those that are shown; only their order needs all of them.
    let mut groups: Vec<Group> = match query.sort {
        GroupSort::Key => {
            let mut groups = groups.into_iter().map(named).collect::<Result<Vec<_>, StoreError>>()?;
            groups.sort_by(|left, right| left.keys.cmp(&right.keys));
            groups
        }
        sort => {
            groups.sort_by_key(|(key, group)| (std::cmp::Reverse(weight(sort, group)), *key));
            groups.into_iter().take(query.limit).map(named).collect::<Result<_, StoreError>>()?
        }
    };
    groups.truncate(query.limit);
    Ok(Groups { groups, found, entries })
}

fn weight(sort: GroupSort, group: &Group) -> (Option<u64>, u64) {
    match sort {
        GroupSort::Errors => (Some(group.errors), group.count),
        GroupSort::Average => (group.average_us, group.count),
        GroupSort::P95 => (group.p95_us, group.count),
        GroupSort::Count | GroupSort::Key => (Some(group.count), group.errors),
    }
}
