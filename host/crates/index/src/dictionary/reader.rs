//! The dictionary of repeated texts for readers: a cache from numbers to texts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::scan::DictionaryScan;
use crate::StoreError;
use crate::snapshot::Snapshot;
use mcp_audit_log_model::field::Field;

/// The most bytes of texts that all readers together cache.
const REMEMBERED: usize = 16 << 20;
/// The approximate number of additional bytes for each text.
const EACH: usize = 64;

/// Texts by field and number.
#[derive(Default)]
struct Known {
    texts: HashMap<(Field, u64), Arc<str>, RandomState>,
    bytes: usize,
}

/// A cache of texts by field and number. A number is never reused for another text, so a cached text stays valid. Texts
/// that the cleanup removed are never requested. Clones share the cache.
#[derive(Clone, Default)]
pub struct Texts {
    known: Arc<Mutex<Known>>,
    lexicon: DictionaryScan,
}

impl Texts {
    /// The numbers of the texts of `field` that match, ascending. Every text of the field is compared.
    ///
    /// # Errors
    /// The store fails, or the deadline passes.
    pub fn matching(
        &self,
        log: &dyn Snapshot,
        field: Field,
        passes: impl Fn(&str) -> bool,
    ) -> Result<Vec<u64>, StoreError> {
        self.lexicon.matching(log, field, passes)
    }

    /// The number of texts of `field` that are in memory for patterns; `None` before the first search.
    pub(crate) fn in_memory(&self, field: Field) -> Option<u64> {
        self.lexicon.size(field).filter(|texts| *texts > 0)
    }

    /// Whether the cache for patterns has a text of `field` that contains this part.
    #[doc(hidden)]
    pub fn remembers(&self, field: Field, part: &str) -> bool {
        self.lexicon.remembers(field, part)
    }

    /// The text with this number.
    pub(crate) fn get(&self, log: &dyn Snapshot, field: Field, id: u64) -> Result<Arc<str>, StoreError> {
        let missing = || StoreError::damaged("reading the dictionary", format!("no text {id} of {}", field.name()));
        self.find(log, field, id)?.ok_or_else(missing)
    }

    /// The same, but `None` if the dictionary does not have this number.
    pub(crate) fn find(&self, log: &dyn Snapshot, field: Field, id: u64) -> Result<Option<Arc<str>>, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().texts.get(&(field, id)) {
            return Ok(Some(Arc::clone(text)));
        }
        let text = log.text(field, id)?;
        if let Some(text) = &text {
            known().remember(field, id, text);
        }
        Ok(text)
    }
}

impl Known {
    fn remember(&mut self, field: Field, id: u64, text: &Arc<str>) {
        let bytes = text.len() + EACH;
        if self.bytes + bytes > REMEMBERED {
            *self = Self::default();
        }
        if self.texts.insert((field, id), Arc::clone(text)).is_none() {
            self.bytes += bytes;
        }
    }
}
