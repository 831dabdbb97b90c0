//! One step of the cleanup: it removes what is old enough, oldest first, and nothing that a hold keeps.

use super::gc_dictionary::DictionaryGc;
use super::writer::{Ends, State, report_foreign_change};
use crate::dictionary::Texts;
use crate::row::{ColumnValue, RowColumns};
use crate::search::blocks;
use crate::snapshot::Snapshot;
use crate::states::held_from;
use crate::transaction::{HeadChange, Removable, Transaction};
use crate::tree::edge::{self, Tree};
use crate::tree::leaves;
use crate::{PRUNE_CHUNK, Pruned, Removal, StoreError, usage};
use mcp_audit_log_contract::hold;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// The result of a step. The writer applies it once the step is committed.
pub(super) enum Step {
    /// Nothing is old enough, so the transaction is rolled back.
    Nothing,
    /// A run of usage was removed.
    Usage(Ends),
    /// Entries or payloads were removed.
    Entries {
        /// The ends of the log after the step.
        left: Ends,
        entries: u64,
        payloads: u64,
        more: bool,
    },
    /// Texts were removed, if there were any to remove.
    Texts(Ends),
}

impl Step {
    /// The result to report, after the commit.
    pub(super) fn done(self, state: &mut State) -> Pruned {
        match self {
            Self::Nothing => Pruned::default(),
            Self::Usage(left) => {
                (state.left, state.gc) = (Some(left), DictionaryGc::default());
                Pruned { more: true, ..Pruned::default() }
            }
            Self::Entries { left, entries, payloads, more } => {
                state.left = Some(left);
                if entries > 0 {
                    state.gc = DictionaryGc::default();
                }
                Pruned { entries, payloads, more: more || !state.gc.is_over() }
            }
            Self::Texts(left) => {
                state.left = Some(left);
                Pruned { more: !state.gc.is_over(), ..Pruned::default() }
            }
        }
    }
}

/// Removes one chunk of entries and payloads; if there are none, a run of usage.
pub(super) fn prune(state: &mut State, log: &dyn Transaction, removal: Removal) -> Result<Step, StoreError> {
    let now = log.snapshot();
    let found = Ends::of(now)?;
    report_foreign_change(state.left.take(), found);
    // Read in the very transaction that removes, so that no removal gets past a hold.
    let plan = hold::cut(removal.plan, held_from(now)?);
    usage::append_before(log, plan.entries_before)?;
    let Ends { pruned, payloads_pruned, .. } = found;
    let mut entries = entries(now, pruned, plan.entries_before)?;
    entries.stop_at(removal.entries_below.max(pruned));
    // Only those that go before their entries; the others go with them, under the cover that their entries have.
    let mut payloads = payloads(log, payloads_pruned, plan.payloads_before)?;
    payloads.stop_at(removal.payloads_below.max(payloads_pruned));
    let payloads_upto = payloads.upto.max(entries.upto);
    if (entries.upto, payloads_upto) == (pruned, payloads_pruned) {
        let step = if usage::prune(log, plan.usage_before)? { Step::Usage(found) } else { Step::Nothing };
        if matches!(step, Step::Nothing) {
            state.left = Some(found);
        }
        return Ok(step);
    }
    Tree::of(now)?;
    leaves::check(now, &Texts::default(), pruned..entries.upto)?;
    log.put_head(HeadChange::Pruned { entries: entries.upto, payloads: payloads_upto })?;
    let payloads_gone = log.remove(Removable::Payloads(payloads_upto))?;
    let entries_gone = log.remove(Removable::Entries(entries.upto))?;
    blocks::prune(log, entries.upto)?;
    edge::prune(log, entries.upto)?;
    Ok(Step::Entries {
        left: Ends { pruned: entries.upto, payloads_pruned: payloads_upto, ..found },
        entries: entries_gone,
        payloads: payloads_gone,
        more: entries.more || payloads.more,
    })
}

/// One step of the dictionary's garbage collection, which runs when nothing else is left to remove.
pub(super) fn gc_dictionary(state: &mut State, log: &dyn Transaction) -> Result<Step, StoreError> {
    let found = Ends::of(log.snapshot())?;
    if let Some(field) = state.gc.step(log, found.next)? {
        state.forget(log, field)?;
    }
    Ok(Step::Texts(found))
}

/// The entries or payloads that one step of the cleanup removes.
struct Chunk {
    upto: u64,
    more: bool,
    count: u64,
}

impl Chunk {
    fn new(from: u64) -> Self {
        Self { upto: from, more: false, count: 0 }
    }

    /// Adds the entry or payload at `seq`; `false` if it is not old enough, or the chunk is full.
    fn take(&mut self, seq: u64, is_old: bool) -> bool {
        if !is_old {
            return false;
        }
        self.more = self.count == PRUNE_CHUNK;
        if !self.more {
            self.upto = seq + 1;
            self.count += 1;
        }
        !self.more
    }

    fn stop_at(&mut self, seq: u64) {
        if self.upto >= seq {
            (self.upto, self.more) = (seq, false);
        }
    }
}

/// The next chunk of entries from `from` on that were recorded before `before`. Recording times never go back, so these
/// are a prefix, and only the rows to remove are read.
fn entries(log: &dyn Snapshot, from: u64, before: Option<Timestamp>) -> Result<Chunk, StoreError> {
    let mut chunk = Chunk::new(from);
    let Some(before) = before else { return Ok(chunk) };
    let upto = from.saturating_add(PRUNE_CHUNK + 1);
    log.rows(from..upto, RowColumns::Fields(&[Field::RecordedAt]), &mut |seq, row| {
        let is_old = matches!(row.column(0), ColumnValue::Integer(at) if at < before.as_micros());
        Ok(chunk.take(seq, is_old))
    })?;
    Ok(chunk)
}

/// The same for payloads, by the recording time of their entries.
fn payloads(log: &dyn Transaction, from: u64, before: Option<Timestamp>) -> Result<Chunk, StoreError> {
    let mut chunk = Chunk::new(from);
    let Some(before) = before else { return Ok(chunk) };
    log.payloads_from(from, &mut |seq, recorded_at| chunk.take(seq, recorded_at < before))?;
    Ok(chunk)
}
