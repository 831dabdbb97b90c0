//! A condition on texts that takes looking at them. What stands beside it narrows first: as long as the entries in
//! question have few texts, these are looked up and the dictionary is left alone. So whoever may see one entry cannot
//! have the whole dictionary gone through.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use rusqlite::Connection;

use super::axis::Axis;
use super::blocks::Block;
use super::texts::Texts;
use super::values::used;
use super::{connection, sql};
use crate::StoreError;
use crate::index::{Bitmap, Wanted, Zone};
use mcp_audit_log_filter::{Term, Test};

/// Texts that are looked up one by one. With more of them, going through the whole dictionary once is cheaper.
const SINGLY: usize = if cfg!(test) { 24 } else { 2_048 };

/// A term about a field whose texts are in the dictionary, and what is known of them so far.
pub(super) struct Sought {
    pub(super) term: Term,
    texts: Texts,
    /// Whether the text with this number passes.
    judged: RefCell<HashMap<u64, bool>>,
    /// The numbers of all that pass, once the whole dictionary was gone through.
    all: OnceCell<Wanted>,
}

impl Sought {
    pub(super) fn new(term: &Term, texts: &Texts) -> Self {
        Self { term: term.clone(), texts: texts.clone(), judged: RefCell::default(), all: OnceCell::new() }
    }

    /// What is wanted of a block's column, as far as the entries of `within` go. `zone` is the column's.
    pub(super) fn wanted(
        &self,
        connection: &Connection,
        block: &Block,
        zone: &Zone,
        within: &Bitmap,
    ) -> Result<Wanted, StoreError> {
        if let (None, Zone::Values(values)) = (self.all.get(), zone) {
            let candidates = match within.count() < values.len() as u64 {
                true => used(&Axis::numbers(connection, block, self.term.field)?, within).into_iter().collect(),
                false => values.clone(),
            };
            if let Some(wanted) = self.among(connection, &candidates)? {
                return Ok(wanted);
            }
        }
        if let Some(all) = self.all.get() {
            return Ok(all.clone());
        }
        let all = match &self.term.test {
            Test::Like(pattern) => self.texts.lexicon().matching(connection, self.term.field, pattern)?,
            _ => sql::terms(connection, &self.term)?,
        };
        Ok(self.all.get_or_init(|| Wanted::Among(all)).clone())
    }

    /// Those of `numbers`, which ascend, whose texts pass; `None` where that would be too many texts to look up.
    fn among(&self, connection: &Connection, numbers: &[u64]) -> Result<Option<Wanted>, StoreError> {
        let mut judged = self.judged.borrow_mut();
        let new = numbers.iter().filter(|number| **number > 0 && !judged.contains_key(number)).count();
        if judged.len() + new > SINGLY {
            return Ok(None);
        }
        let mut found = Vec::new();
        for number in numbers.iter().copied().filter(|number| *number > 0) {
            let passes = match judged.get(&number) {
                Some(passes) => *passes,
                None => {
                    connection::check_deadline()?;
                    let text = self.texts.find(connection, self.term.field, number)?;
                    let passes = text.is_some_and(|text| self.term.test.holds_text(&text));
                    judged.insert(number, passes);
                    passes
                }
            };
            if passes {
                found.push(number);
            }
        }
        Ok(Some(Wanted::Among(found)))
    }
}

impl std::fmt::Debug for Sought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sought").field(&self.term).finish()
    }
}
