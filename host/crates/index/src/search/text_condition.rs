//! A condition for which texts must be compared. The other conditions of a filter narrow the rows first. While the
//! remaining entries have few texts, only these are looked up, and not the whole dictionary. So the search of a viewer
//! who sees one entry does not scan the whole dictionary.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::axis::Axis;
use super::blocks::Block;
use super::values::used;
use crate::StoreError;
use crate::columns::{Bitmap, ValueSet, Zone};
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::Term;

/// A term about a field whose texts are in the dictionary, with the results of earlier comparisons.
pub(crate) struct TextCondition {
    pub(crate) term: Term,
    texts: Texts,
    /// Whether the text with this number matches.
    judged: RefCell<HashMap<u64, bool, RandomState>>,
    /// The numbers of all matching texts, once the whole dictionary was scanned.
    all: OnceCell<ValueSet>,
}

impl TextCondition {
    pub(crate) fn new(term: &Term, texts: &Texts) -> Self {
        Self { term: term.clone(), texts: texts.clone(), judged: RefCell::default(), all: OnceCell::new() }
    }

    /// The wanted values of a block's column, for the rows in `within`. `zone` is the zone of the column.
    pub(crate) fn wanted(
        &self,
        log: &dyn Snapshot,
        block: &Block,
        zone: &Zone,
        within: &Bitmap,
    ) -> Result<ValueSet, StoreError> {
        if let (None, Zone::Values(values)) = (self.all.get(), zone) {
            let candidates = match within.count() < values.len() as u64 {
                true => used(&Axis::numbers(log, block, self.term.field)?, within).into_iter().collect(),
                false => values.clone(),
            };
            if let Some(wanted) = self.among(log, &candidates)? {
                return Ok(wanted);
            }
        }
        if let Some(all) = self.all.get() {
            return Ok(all.clone());
        }
        let all = self.texts.matching(log, self.term.field, |text| self.term.test.holds_text(text))?;
        Ok(self.all.get_or_init(|| ValueSet::Among(all)).clone())
    }

    /// Those of `numbers` (ascending) whose texts match; `None` if too many texts would have to be looked up.
    fn among(&self, log: &dyn Snapshot, numbers: &[u64]) -> Result<Option<ValueSet>, StoreError> {
        let mut judged = self.judged.borrow_mut();
        let new = numbers.iter().filter(|number| **number > 0 && !judged.contains_key(number)).count();
        // With more of them, going through the whole dictionary once is cheaper: a look-up takes as long as eight
        // comparisons. How many texts there are is known once they are in memory; else 2,048 in blocks of 4,096 decide.
        let half = log.block_length() / 2;
        let most = self.texts.in_memory(self.term.field).map_or(half, |texts| half.min(texts / 8));
        if (judged.len() + new) as u64 > most {
            return Ok(None);
        }
        let mut found = Vec::new();
        for number in numbers.iter().copied().filter(|number| *number > 0) {
            let passes = match judged.get(&number) {
                Some(passes) => *passes,
                None => {
                    log.check_deadline()?;
                    let text = self.texts.find(log, self.term.field, number)?;
                    let passes = text.is_some_and(|text| self.term.test.holds_text(&text));
                    judged.insert(number, passes);
                    passes
                }
            };
            if passes {
                found.push(number);
            }
        }
        Ok(Some(ValueSet::Among(found)))
    }
}

impl std::fmt::Debug for TextCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sought").field(&self.term).finish()
    }
}
