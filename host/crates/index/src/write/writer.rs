//! The writer of any store: one commit and one step of the cleanup, in terms of the seam.

use super::cleanup::{self, Step};
use super::gc_dictionary::DictionaryGc;
use super::ids::{IdMatch, Ids};
use super::rebuild::{append, rebuild_tail, repair};
use crate::columns::{OpenBlock, Raw};
use crate::dictionary::{DictionaryWriter, Texts};
use crate::row::NewRow;
use crate::search::seqs::recorded_at;
use crate::snapshot::{LogHead, Snapshot};
use crate::transaction::Transaction;
use crate::tree::edge::Tree;
use crate::tree::leaves;
use crate::{Batch, Prepared, Pruned, Removal, StoreError, Stored, Writer};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_ledger::Leaf;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// A store for its writer: it runs transactions, one after the other.
///
/// A store has one writer among all processes. When a store is opened, it refuses a second writer.
pub trait Store: Send {
    /// Runs `work` in one transaction. If `work` returns `true`, its changes are kept, and they are **durable** when
    /// this returns: they survive a kill of the process or a power cut. If it returns `false`, none of its changes is
    /// kept.
    ///
    /// Only if `may_remove` is true may the work remove entries, payloads, texts or tiles.
    ///
    /// # Errors
    /// The work fails or the store does. Then it is unknown whether anything is stored; the next transaction reads the
    /// actual state.
    fn transact(&mut self, may_remove: bool, work: Work<'_>) -> Result<(), StoreError>;
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn transact(&mut self, may_remove: bool, work: Work<'_>) -> Result<(), StoreError> {
        (**self).transact(may_remove, work)
    }
}

/// The work of one transaction. It returns whether the changes are kept.
pub type Work<'a> = &'a mut dyn FnMut(&dyn Transaction) -> Result<bool, StoreError>;

/// The writer of a log in `S`.
#[derive(Debug)]
pub struct StoreWriter<S> {
    store: S,
    state: State,
    /// Set when the index was found damaged.
    damaged: bool,
}

/// The writer's knowledge of the log between two transactions. All of it can be read again.
#[derive(Debug, Default)]
pub(super) struct State {
    dictionary: DictionaryWriter,
    /// `None` if it must be read from the rows first.
    remembered: Option<Remembered>,
    pub(super) gc: DictionaryGc,
    /// The ends of the log after this writer's last transaction; `None` if they are unknown.
    pub(super) left: Option<Ends>,
}

/// What a writer caches of the last stored rows.
#[derive(Debug)]
struct Remembered {
    /// The values of the block that is not full yet.
    open: OpenBlock,
    ids: Ids,
    tree: Tree,
}

impl<S: Store> StoreWriter<S> {
    /// The writer of `store`, after a check that ledger and entries match at both ends and that the index is whole.
    ///
    /// # Errors
    /// They do not match, or the store fails.
    pub fn new(store: S) -> Result<Self, StoreError> {
        let mut writer = Self { store, state: State::default(), damaged: false };
        let mut left = None;
        writer.store.transact(false, &mut |log| {
            let found = Ends::of(log.snapshot())?;
            agree(log.snapshot(), found)?;
            repair(log, found.pruned, found.next)?;
            left = Some(found);
            Ok(true)
        })?;
        writer.state.left = left;
        Ok(writer)
    }

    /// The store itself.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Repairs the index if the last step found it damaged.
    fn repair(&mut self) -> Result<(), StoreError> {
        if self.damaged {
            self.store.transact(false, &mut |log| {
                let found = Ends::of(log.snapshot())?;
                repair(log, found.pruned, found.next).map(|()| true)
            })?;
            self.damaged = false;
        }
        Ok(())
    }

    /// Resets the caches after an error: the outcome is unknown, and so are the numbers of new texts.
    fn failed(&mut self, error: &StoreError) {
        self.damaged = error.is_index();
        self.state = State::default();
    }
}

impl<S: Store> Writer for StoreWriter<S> {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        self.repair()?;
        let (mut stored, mut after) = (Vec::new(), None);
        let Self { store, state, .. } = self;
        let done = store.transact(!batch.states.erased.is_empty(), &mut |log| {
            let (each, ends, remembered) = state.append(log, batch)?;
            (stored, after) = (each, Some((ends, remembered)));
            Ok(true)
        });
        if let Err(error) = done {
            self.failed(&error);
            return Err(error);
        }
        if let Some((ends, remembered)) = after {
            (self.state.left, self.state.remembered) = (Some(ends), Some(remembered));
        }
        Ok(stored)
    }

    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError> {
        self.repair()?;
        let mut step = Step::Nothing;
        let Self { store, state, .. } = self;
        let mut done = store.transact(true, &mut |log| {
            step = cleanup::prune(state, log, removal)?;
            Ok(!matches!(step, Step::Nothing))
        });
        if done.is_ok() && matches!(step, Step::Nothing) {
            // The last part of the cleanup, in its own transaction.
            done = store.transact(true, &mut |log| {
                step = cleanup::gc_dictionary(state, log)?;
                Ok(true)
            });
        }
        if let Err(error) = done {
            self.failed(&error);
            return Err(error);
        }
        Ok(step.done(&mut self.state))
    }
}

impl State {
    /// Appends a batch. The caller caches what is new once it is committed.
    fn append(&mut self, log: &dyn Transaction, batch: &Batch) -> Result<(Vec<Stored>, Ends, Remembered), StoreError> {
        let now = log.snapshot();
        let found = Ends::of(now)?;
        report_foreign_change(self.left.take(), found);
        let remembered = self.remembered.take().filter(|remembered| remembered.open.next() == found.next);
        let Remembered { mut open, mut ids, mut tree } = remembered.map_or_else(|| Remembered::of(log, found), Ok)?;
        if tree.size() != found.next {
            return Err(behind(&tree, found));
        }
        let mut newest = newest(now, found)?;
        let mut stored = Vec::with_capacity(batch.entries.len());
        let mut records = Vec::new();
        for (at, prepared) in batch.entries.iter().enumerate() {
            records.extend(begins(batch, at, open.next()));
            let (prepared, there) = ids.admit(now, prepared)?;
            match there {
                IdMatch::Nothing => {}
                IdMatch::Same => {
                    stored.push(Stored::Duplicate);
                    continue;
                }
                IdMatch::Other => {
                    stored.push(Stored::Conflict);
                    continue;
                }
            }
            // Never backwards, whatever the clock did: retention removes a prefix by this.
            newest = prepared.entry().recorded_at.max(newest);
            let seq = open.next();
            let raw = self.append_entry(log, &prepared, seq, newest)?;
            tree.push(log, Leaf::new(seq, newest.as_micros(), prepared.content()).hash())?;
            stored.push(Stored::At(seq));
            append(log, &mut open, &raw)?;
        }
        tree.store(log)?;
        records.extend(begins(batch, batch.entries.len(), open.next()));
        log.put_states(&batch.states)?;
        records.iter().try_for_each(|(since, record)| put_judged_by(log, record, *since))?;
        Ok((stored, Ends { next: open.next(), ..found }, Remembered { open, ids, tree }))
    }

    /// Appends an entry with its payload, and returns its numbers for the index.
    fn append_entry(
        &mut self,
        log: &dyn Transaction,
        prepared: &Prepared,
        seq: u64,
        recorded_at: Timestamp,
    ) -> Result<Raw, StoreError> {
        let (entry, mut numbers) = (prepared.entry(), [0; Field::COUNT]);
        for field in Field::ALL.iter().filter(|field| field.repeats()) {
            if let Some(text) = entry.text(*field) {
                numbers[*field as usize] = self.dictionary.id(log, *field, text)?;
            }
        }
        let row = NewRow::new(entry, seq, recorded_at, numbers);
        log.append(&row)?;
        if let Some(payload) = prepared.payload() {
            log.append_payload(seq, payload)?;
        }
        Ok(row.raw())
    }

    /// Removes the numbers of a field from the cache, after some of its texts were removed.
    pub(super) fn forget(&mut self, log: &dyn Transaction, field: Field) -> Result<(), StoreError> {
        self.dictionary.forget(log, field)
    }
}

impl Remembered {
    fn of(log: &dyn Transaction, ends: Ends) -> Result<Self, StoreError> {
        let open = rebuild_tail(log, ends.pruned, ends.next)?;
        Ok(Self { open, ids: Ids::of(log)?, tree: Tree::of(log.snapshot())? })
    }
}

/// The ends of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// The seq of the next entry.
    pub(super) next: u64,
    /// The head's prune points.
    pub(super) pruned: u64,
    pub(super) payloads_pruned: u64,
}

impl Ends {
    /// The ends of `log`.
    pub(super) fn of(log: &dyn Snapshot) -> Result<Self, StoreError> {
        let LogHead { pruned, payloads_pruned, .. } = log.head()?;
        Ok(Self { next: log.seqs()?.end, pruned, payloads_pruned })
    }
}

/// Whether ledger and entries match at both ends of the log. The cost does not depend on the length of the log.
fn agree(log: &dyn Snapshot, ends: Ends) -> Result<(), StoreError> {
    let tree = Tree::of(log)?;
    if tree.size() != ends.next {
        return Err(behind(&tree, ends));
    }
    let texts = Texts::default();
    let last = ends.next.saturating_sub(1).max(ends.pruned);
    [ends.pruned, last]
        .iter()
        .filter(|seq| **seq < ends.next)
        .try_for_each(|seq| leaves::check(log, &texts, *seq..seq + 1))
}

fn behind(tree: &Tree, ends: Ends) -> StoreError {
    let (size, next) = (tree.size(), ends.next);
    StoreError::unlike(size.min(next), format!("{next} entries were recorded in total, but the ledger has {size}"))
}

/// Reports a change by another program. There is only one writer, so if the ends are not those that it wrote, another
/// program changed them. A store alone cannot keep such a program from appending at the next `seq` or from moving the
/// prune points. The log reports the change and continues from the present state.
pub(super) fn report_foreign_change(left: Option<Ends>, found: Ends) {
    if let Some(left) = left.filter(|left| *left != found) {
        tracing::error!(
            ?left,
            ?found,
            "another program changed the log: its ends are not the ones that this process wrote"
        );
    }
}

/// The records that come into force after `at` entries of the batch, with the next `seq`.
fn begins(batch: &Batch, at: usize, next: u64) -> impl Iterator<Item = (u64, &JudgedBy)> {
    let changes = batch.states.judged_by.iter().filter(move |change| change.after == at);
    changes.map(move |change| (next, &change.record))
}

/// Stores a record, unless the newest one says the same: a batch whose outcome was unknown comes once more.
fn put_judged_by(log: &dyn Transaction, record: &JudgedBy, since: u64) -> Result<(), StoreError> {
    let newest = log.snapshot().judged_before(u64::MAX, 1)?;
    record.behind(newest.first(), since).map_or(Ok(()), |record| log.append_judged_by(&record))
}

/// The recording time of the newest entry; the earliest possible time if there is none.
fn newest(log: &dyn Snapshot, ends: Ends) -> Result<Timestamp, StoreError> {
    let last = ends.next.saturating_sub(1)..ends.next;
    Ok(recorded_at(log, last)?.unwrap_or(Timestamp::from_micros(i64::MIN)))
}
