//! The dictionary of repeated texts, as readers see it: numbers to texts, remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params};

use super::Doing;
use super::lexicon::Lexicon;
use crate::field::Field;
use crate::store::StoreError;

/// How many texts all readers together remember.
const REMEMBERED: usize = 100_000;

type Known = HashMap<(Field, u64), Arc<str>>;

/// Texts by field and number. A number is never given to another text, so what was read once stays true; what the
/// cleanup removed is asked for by nobody.
#[derive(Clone, Default)]
pub(super) struct Texts {
    known: Arc<Mutex<Known>>,
    lexicon: Lexicon,
}

impl Texts {
    /// The texts for patterns.
    pub(super) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// The text with this number.
    pub(super) fn get(&self, connection: &Connection, field: Field, id: u64) -> Result<Arc<str>, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().get(&(field, id)) {
            return Ok(Arc::clone(text));
        }
        let sql = "SELECT text FROM term WHERE field = ?1 AND id = ?2";
        let mut statement = connection.prepare_cached(sql).doing("reading the dictionary")?;
        let text: Arc<str> =
            statement.query_row(params![field as i64, id as i64], |row| row.get(0)).doing("reading the dictionary")?;
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((field, id), Arc::clone(&text));
        Ok(text)
    }
}
