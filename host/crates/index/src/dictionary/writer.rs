//! The dictionary of repeated texts for the writer.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::StoreError;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use mcp_audit_log_model::field::Field;

/// How many texts of one field the writer caches. In a log with more distinct texts, each of the others costs a
/// look-up.
const REMEMBERED: usize = 50_000;

/// Texts and their numbers. After a failed transaction, the numbers that it assigned must be removed from this cache.
#[derive(Debug, Default)]
pub(crate) struct DictionaryWriter {
    fields: Vec<Known>,
}

/// The cached texts of one field.
#[derive(Debug)]
struct Known {
    numbers: HashMap<Box<str>, u64, RandomState>,
    /// The text of the last request, which is often requested again.
    last: (String, u64),
    /// The number of the next new text.
    next: u64,
}

impl DictionaryWriter {
    /// The number of `text`. A new text gets the next number.
    pub(crate) fn id(&mut self, log: &dyn Transaction, field: Field, text: &str) -> Result<u64, StoreError> {
        if self.fields.is_empty() {
            self.fields = Field::ALL.iter().map(|field| Known::of(log, *field)).collect::<Result<_, _>>()?;
        }
        let known = &mut self.fields[field as usize];
        if known.last.0 != text {
            let id = known.numbers.get(text).copied().map_or_else(|| known.learn(log, field, text), Ok)?;
            known.last.0.clear();
            known.last.0.push_str(text);
            known.last.1 = id;
        }
        Ok(known.last.1)
    }

    /// Removes one field from the cache, after some of its texts were removed from the dictionary.
    pub(crate) fn forget(&mut self, log: &dyn Transaction, field: Field) -> Result<(), StoreError> {
        if let Some(known) = self.fields.get_mut(field as usize) {
            *known = Known::of(log, field)?;
        }
        Ok(())
    }
}

impl Known {
    fn of(log: &dyn Transaction, field: Field) -> Result<Self, StoreError> {
        Ok(Self { numbers: HashMap::default(), last: (String::new(), 0), next: log.last_number(field)? + 1 })
    }

    fn learn(&mut self, log: &dyn Transaction, field: Field, text: &str) -> Result<u64, StoreError> {
        // Where every number is remembered, a text that is not is new.
        let found = match self.numbers.len() as u64 == self.next - 1 {
            true => None,
            false => log.snapshot().number(field, text)?,
        };
        let id = match found {
            Some(id) => id,
            None => {
                log.append_text(field, self.next, text)?;
                self.next += 1;
                self.next - 1
            }
        };
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        self.numbers.insert(text.into(), id);
        Ok(id)
    }
}

/// A number above all numbers of a field. Each number belongs to a text of an entry, or to the empty text that the
/// garbage collection adds above the highest removed number.
///
/// # Errors
/// The store fails.
pub fn most(log: &dyn Snapshot) -> Result<u64, StoreError> {
    Ok(log.head()?.tree.size.saturating_mul(2).saturating_add(1))
}
