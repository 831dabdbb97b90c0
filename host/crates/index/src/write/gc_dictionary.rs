//! The last part of a cleanup: it removes texts that no entry uses any more from the dictionary. A user's name must not
//! outlive the last entry about that user.

use std::collections::BTreeSet;

use crate::columns::{Bitmap, Zone};
use crate::dictionary::most;
use crate::search::axis::Axis;
use crate::search::block_scan::BlockScan;
use crate::search::values;
use crate::snapshot::Snapshot;
use crate::transaction::{Removable, Transaction};
use crate::{StoreError, usage};
use mcp_audit_log_model::field::{Field, FieldType};

/// The most texts that one step removes. It holds the writer no longer than the removal of a chunk of entries.
const STEP: usize = 500;

/// The progress of the garbage collection. It is kept only in memory, so the first cleanup after a start checks the
/// whole dictionary.
#[derive(Debug)]
pub(crate) struct DictionaryGc {
    /// The fields that are not checked yet.
    fields: Vec<Field>,
    /// The remaining unused texts of one field.
    unused: Option<UnusedTexts>,
}

/// Texts of a field that no entry used at the time of the check.
#[derive(Debug)]
struct UnusedTexts {
    field: Field,
    numbers: Bitmap,
    /// Entries from this seq on were recorded after the check, and may use one of the texts again.
    since: u64,
}

impl Default for DictionaryGc {
    /// No field is checked yet.
    fn default() -> Self {
        let fields = Field::ALL.iter().copied().filter(|field| field.kind() == FieldType::Text && field.repeats());
        Self { fields: fields.collect(), unused: None }
    }
}

impl DictionaryGc {
    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.fields.is_empty() && self.unused.is_none()
    }

    /// Removes some texts of one field, and returns the field if there were any. `next` is the seq of the next entry.
    /// Then cached numbers of that field become invalid. After an error, the whole progress is invalid.
    pub(crate) fn step(&mut self, log: &dyn Transaction, next: u64) -> Result<Option<Field>, StoreError> {
        let Some(UnusedTexts { field, numbers, .. }) = self.look(log)? else { return Ok(None) };
        let gone: Vec<_> = numbers.rows().take(STEP).collect();
        let Some(last) = gone.last().copied() else { return Ok(None) };
        log.remove(Removable::Texts(field, &gone))?;
        tracing::debug!(field = field.name(), texts = gone.len(), "unused texts are removed from the dictionary");
        let left = Bitmap::range(numbers.length(), last + 1..u64::MAX).and(&numbers);
        self.unused = (!left.is_empty()).then_some(UnusedTexts { field, numbers: left, since: next });
        Ok(Some(field))
    }

    /// The texts to remove now: the remaining ones of a field, or those of the next field.
    fn look(&mut self, log: &dyn Transaction) -> Result<Option<UnusedTexts>, StoreError> {
        if let Some(unused) = self.unused.take() {
            let used = used(log.snapshot(), unused.field, unused.since, unused.numbers.length())?;
            return Ok(Some(UnusedTexts { numbers: unused.numbers.without(&used), ..unused }));
        }
        self.fields.pop().map(|field| UnusedTexts::of(log, field)).transpose()
    }
}

impl UnusedTexts {
    fn of(log: &dyn Transaction, field: Field) -> Result<Self, StoreError> {
        let there = numbers(log.snapshot(), field)?;
        let highest = there.last().copied().unwrap_or(0);
        // What is made below is as large as this number.
        if highest > most(log.snapshot())? {
            let what = format!("the dictionary has id {highest} of {}, which was never assigned", field.name());
            return Err(StoreError::unlike(0, what));
        }
        let mut numbers = Bitmap::none((highest / 64 + 1) * 64);
        there.into_iter().for_each(|number| numbers.insert(number));
        if highest > 0 {
            numbers = numbers.clone().without(&used(log.snapshot(), field, 0, numbers.length())?);
        }
        let highest_goes = Bitmap::range(numbers.length(), highest..highest + 1).and(&numbers);
        if !highest_goes.is_empty() && !count_on(log, field, highest)? {
            numbers = numbers.without(&highest_goes);
        }
        Ok(Self { field, numbers, since: 0 })
    }
}

/// The numbers of a field's texts, ascending.
fn numbers(log: &dyn Snapshot, field: Field) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    log.texts(field, 0, &mut |number, _| {
        numbers.push(number);
        Ok(true)
    })?;
    Ok(numbers)
}

/// The numbers below `length` that entries from seq `from` on use. For closed blocks, no row is read, and only for the
/// block that the cleanup cut in two are planes read.
fn used(log: &dyn Snapshot, field: Field, from: u64, length: u64) -> Result<Bitmap, StoreError> {
    let mut used = Bitmap::none(length);
    let scan = BlockScan::new(log, from..u64::MAX, &BTreeSet::from([field]))?;
    for (block, within) in scan.blocks() {
        let Some(Zone::Values(values)) = block.zone(log, field)? else { continue };
        if within.count() == block.length {
            values.into_iter().for_each(|number| used.insert(number));
        } else {
            let axis = Axis::numbers(log, block, field)?;
            values::used(&axis, &within).into_iter().for_each(|number| used.insert(number));
        }
    }
    // What usage names is used as long as usage is kept.
    usage::used(log, field)?.into_iter().for_each(|number| used.insert(number));
    Ok(used)
}

/// Gives the number above `highest` to an empty text. So the highest number can be removed and is still never reused.
/// `false` if there is an empty text already, since no text occurs twice in a field.
fn count_on(log: &dyn Transaction, field: Field, highest: u64) -> Result<bool, StoreError> {
    if log.snapshot().number(field, "")?.is_some() {
        return Ok(false);
    }
    log.append_text(field, highest + 1, "").map(|()| true)
}
