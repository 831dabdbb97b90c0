//! The dictionary in memory, field by field, for patterns: a search for a part of a word may have to compare every
//! text.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::StoreError;
use crate::snapshot::Snapshot;
use mcp_audit_log_model::field::Field;

/// Bytes that the texts of all fields together may take in memory. What does not fit is read from the file by each
/// search that needs it, text by text.
const BUDGET: usize = 64 << 20;
/// The number of additional bytes for each text.
const EACH: usize = size_of::<(u64, u32)>();
/// The number of bytes of texts in one piece. A search shares whole pieces, and only the last piece is ever copied.
const PIECE: usize = 256 << 10;
/// The number of texts after which the deadline is checked again.
const TEXTS: usize = 256;

/// The texts of those fields that were searched by patterns. Clones share them.
#[derive(Clone)]
pub(crate) struct DictionaryScan(Arc<Shared>);

struct Shared {
    budget: usize,
    /// The bytes that are used of the budget.
    taken: AtomicUsize,
    fields: [Mutex<FieldTexts>; Field::COUNT],
}

impl Default for DictionaryScan {
    fn default() -> Self {
        Self::within(BUDGET)
    }
}

impl DictionaryScan {
    /// A cache that takes at most `budget` bytes.
    fn within(budget: usize) -> Self {
        let fields = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Shared { budget, taken: AtomicUsize::new(0), fields }))
    }

    /// The numbers of the texts that match, ascending.
    pub(crate) fn matching(
        &self,
        log: &dyn Snapshot,
        field: Field,
        passes: impl Fn(&str) -> bool,
    ) -> Result<Vec<u64>, StoreError> {
        let (kept, is_all) = self.kept(log, field)?;
        let mut found = Vec::new();
        let mut clock = Clock::default();
        for piece in &kept.pieces {
            for (number, text) in piece.texts() {
                clock.tick(log)?;
                if passes(text) {
                    found.push(number);
                }
            }
        }
        if !is_all {
            log.texts(field, kept.last(), &mut |number, text| {
                clock.tick(log)?;
                if passes(text) {
                    found.push(number);
                }
                Ok(true)
            })?;
        }
        Ok(found)
    }

    /// The current texts of a field, as far as the budget permits, and whether these are all of them. Only one thread
    /// at a time reads them into memory, so that no text is in memory twice. Searches do not wait for each other.
    fn kept(&self, log: &dyn Snapshot, field: Field) -> Result<(FieldTexts, bool), StoreError> {
        let shared = &*self.0;
        let mut texts = shared.fields[field as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let swept = log.head()?.swept;
        if texts.swept != swept {
            shared.taken.fetch_sub(texts.bytes, Ordering::Relaxed);
            *texts = FieldTexts { swept, ..FieldTexts::default() };
        }
        let mut is_all = true;
        let last = texts.last();
        log.texts(field, last, &mut |number, text| {
            let bytes = text.len() + EACH;
            is_all = shared.take(bytes);
            if is_all {
                texts.push(number, text);
            }
            Ok(is_all)
        })?;
        Ok((texts.clone(), is_all))
    }

    /// The number of texts of `field` in memory; `None` while another search reads them.
    pub(crate) fn size(&self, field: Field) -> Option<u64> {
        let texts = self.0.fields[field as usize].try_lock().ok()?;
        Some(texts.pieces.iter().map(|piece| piece.numbers.len() as u64).sum())
    }

    /// Whether the cache has a text of `field` that contains this part.
    pub(crate) fn remembers(&self, field: Field, part: &str) -> bool {
        let texts = self.0.fields[field as usize].lock().unwrap_or_else(PoisonError::into_inner);
        texts.pieces.iter().any(|piece| piece.all.contains(part))
    }
}

impl Shared {
    /// Takes `bytes` from the budget, if it has them.
    fn take(&self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= self.budget);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// Checks the deadline once in [`TEXTS`] calls.
#[derive(Default)]
struct Clock(usize);

impl Clock {
    fn tick(&mut self, log: &dyn Snapshot) -> Result<(), StoreError> {
        self.0 += 1;
        if self.0 % TEXTS == 1 { log.check_deadline() } else { Ok(()) }
    }
}

/// The texts of one field, in the order of their numbers. A number is never reused, so texts are only appended until
/// the cleanup removes texts from the dictionary.
#[derive(Clone, Default)]
struct FieldTexts {
    /// How many texts the cleanup had removed when these were read.
    swept: u64,
    bytes: usize,
    pieces: Vec<Arc<Piece>>,
}

#[derive(Clone, Default)]
struct Piece {
    numbers: Vec<u64>,
    /// The end of each text in `all`.
    ends: Vec<u32>,
    all: String,
}

impl FieldTexts {
    fn last(&self) -> u64 {
        self.pieces.last().and_then(|piece| piece.numbers.last()).copied().unwrap_or(0)
    }

    fn push(&mut self, number: u64, text: &str) {
        if self.pieces.last().is_none_or(|piece| piece.all.len() >= PIECE) {
            self.pieces.push(Arc::default());
        }
        let Some(piece) = self.pieces.last_mut().map(Arc::make_mut) else { return };
        piece.numbers.push(number);
        piece.all.push_str(text);
        piece.ends.push(u32::try_from(piece.all.len()).unwrap_or(u32::MAX));
        self.bytes += text.len() + EACH;
    }
}

impl Piece {
    fn texts(&self) -> impl Iterator<Item = (u64, &str)> {
        let mut start = 0;
        self.numbers.iter().zip(&self.ends).map(move |(number, end)| {
            let end = *end as usize;
            let text = self.all.get(start..end).unwrap_or_default();
            start = end;
            (*number, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::reader::Source;
    use crate::write::Store;

    #[test]
    fn what_does_not_fit_the_budget_is_found_all_the_same() {
        let mut store = MemoryStore::new(64);
        let fields = [Field::Tool, Field::User, Field::Server];
        let insert = store.transact(false, &mut |log| {
            for field in fields {
                (1..=1_000).try_for_each(|number| log.append_text(field, number, &format!("text-{number:04}")))?;
            }
            Ok(true)
        });
        insert.expect("texts");
        let expected: Vec<u64> = (1..=1_000).filter(|number| number % 10 == 0).collect();
        for budget in [0, 100, 10_000, 40_000, 1 << 20] {
            let lexicon = DictionaryScan::within(budget);
            let search = &mut |log: &dyn Snapshot| {
                for field in [fields, fields].concat() {
                    let found = lexicon.matching(log, field, |text| text.ends_with('0'))?;
                    assert_eq!(found, expected, "{budget}");
                }
                Ok(())
            };
            store.read(search).expect("found");
            let taken = lexicon.0.taken.load(Ordering::Relaxed);
            let kept: usize = lexicon.0.fields.iter().map(|texts| texts.lock().expect("a lock").bytes).sum();
            assert_eq!(taken, kept);
            assert!(
                taken <= budget && (taken == 3_000 * (9 + EACH) || taken + 9 + EACH > budget),
                "{taken} of {budget}"
            );
        }
    }
}
