//! The runs brought up to where the log is, mended, and removed when their time has come.

use std::collections::BTreeSet;

use super::HOUR;
use super::cuts::{Cut, DIMENSIONS};
use super::fold::fold;
use super::runs::{self, Grain};
use crate::StoreError;
use crate::columns::{MERGED, Zone};
use crate::search::{blocks, seqs};
use crate::snapshot::Snapshot;
use crate::transaction::{HeadChange, Removable, Transaction};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// Behind every run.
const END: u64 = i64::MAX.cast_unsigned();

/// Folds what the large blocks below `end` hold.
pub(crate) fn keep_up(log: &dyn Transaction, end: u64) -> Result<(), StoreError> {
    let large = log.snapshot().block_length() * MERGED;
    let mut folded = runs::folded(log.snapshot())?;
    loop {
        let next = (folded / large + 1) * large;
        if next > end {
            return Ok(());
        }
        let (run, parts) = fold(log.snapshot(), folded..next)?;
        runs::append(log, &run, parts)?;
        folded = next;
    }
}

/// Folds some of what is about to be removed, if it is not folded yet: whatever was recorded before this moment.
/// It is at least what a step of the cleanup removes.
pub(crate) fn fold_before(log: &dyn Transaction, moment: Option<Timestamp>) -> Result<(), StoreError> {
    let Some(moment) = moment else { return Ok(()) };
    let now = log.snapshot();
    let folded = runs::folded(now)?;
    let end = seqs::seq_at(now, moment)?.min(folded + now.block_length() * MERGED);
    if end <= folded {
        return Ok(());
    }
    let (run, parts) = fold(now, folded..end)?;
    runs::append(log, &run, parts)
}

/// Makes the runs whole: what is missing or damaged of them is made again from the entries. What the entries do not say
/// any more stays as it is; answers tell that they lack it. `pruned` and `next` are the log's ends.
pub(crate) fn mend(log: &dyn Transaction, pruned: u64, next: u64) -> Result<(), StoreError> {
    let (now, mut before) = (log.snapshot(), None);
    for (run, is_whole) in runs::all(now)? {
        let follows = is_whole && before.map_or(run.first <= pruned, |before| before == run.first) && run.end() <= next;
        let whole = if follows { run.check(now) } else { Err(run.damaged()) };
        before = Some(run.end());
        match whole {
            Err(error) if !error.is_index() => return Err(error),
            Err(_) if run.first >= pruned => {
                tracing::error!(first = run.first, "usage is rebuilt from the entries");
                log.remove(Removable::Runs(run.first..END))?;
                break;
            }
            Err(_) => tracing::error!(first = run.first, "usage is damaged, and its entries are gone"),
            Ok(()) => {}
        }
    }
    // Parts whose run is gone.
    log.remove(Removable::Runs(runs::folded(now)?..END))?;
    keep_up(log, blocks::end(now)?.unwrap_or(0))
}

/// Removes the oldest run if all of it was recorded before this moment and its entries are gone. Returns whether there
/// was one.
pub(crate) fn prune(log: &dyn Transaction, before: Option<Timestamp>) -> Result<bool, StoreError> {
    let Some(before) = before else { return Ok(false) };
    let (head, runs) = (log.snapshot().head()?, log.snapshot().runs()?);
    let Some(oldest) = runs.first() else { return Ok(false) };
    let end = oldest.first.saturating_add(oldest.length);
    if oldest.recorded >= before.as_micros() || end > head.pruned.cast_signed() {
        return Ok(false);
    }
    let (below, most) = (end.max(0).unsigned_abs(), oldest.most);
    let until = oldest.recorded.max(most.saturating_add(HOUR)).max(head.usage_until.unwrap_or(most));
    log.put_head(HeadChange::UsagePruned { below, until })?;
    log.remove(Removable::Runs(0..below))?;
    Ok(true)
}

/// The numbers of texts of `field` that usage has.
pub(crate) fn used(log: &dyn Snapshot, field: Field) -> Result<BTreeSet<u64>, StoreError> {
    let mut used = BTreeSet::new();
    let Some(cut) = Cut::of(&BTreeSet::from([field])).filter(|_| DIMENSIONS.contains(&field)) else { return Ok(used) };
    for (run, _) in runs::all(log)? {
        for key in run.keys(cut, Grain::Day, None) {
            if let Some(Zone::Values(values)) = run.cells(log, key)?.block.zone(log, field)? {
                used.extend(values);
            }
        }
    }
    Ok(used)
}
