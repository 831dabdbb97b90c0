//! The dictionary in memory, field by field, for patterns: a search for a part of a word must look at every text there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::{Doing, connection};
use crate::domain::Pattern;
use crate::field::Field;
use crate::store::StoreError;

const DOING: &str = "reading the dictionary";
/// Bytes of texts that are kept of one field. Beyond, each search reads them from the file.
const KEPT: usize = 32 << 20;

/// After so many texts it is time to look at the clock.
const TEXTS: usize = 256;

/// Texts of fields, as far as somebody has looked for patterns in them.
#[derive(Clone, Default)]
pub(super) struct Lexicon {
    fields: Arc<Mutex<HashMap<Field, Arc<Texts>>>>,
}

/// The texts of one field, in the order of their numbers. A number is never given twice, so that they are only added
/// to, until the cleanup took texts from the dictionary.
#[derive(Clone, Default)]
struct Texts {
    /// How many texts the cleanup had removed when these were read.
    swept: i64,
    numbers: Vec<u64>,
    /// Where each text ends in `all`.
    ends: Vec<usize>,
    all: String,
}

impl Lexicon {
    /// The numbers of the texts that match, ascending.
    pub(super) fn matching(
        &self,
        connection: &Connection,
        field: Field,
        pattern: &Pattern,
    ) -> Result<Vec<u64>, StoreError> {
        let texts = self.texts(connection, field)?;
        texts.matching(pattern)
    }

    /// The texts of a field as of now. Whoever searches them does so alone, and holds up nobody.
    fn texts(&self, connection: &Connection, field: Field) -> Result<Arc<Texts>, StoreError> {
        let known = self.lock().get(&field).cloned().unwrap_or_default();
        let texts = Texts::now(known, connection, field)?;
        match texts.all.len() > KEPT {
            true => drop(self.lock().remove(&field)),
            false => drop(self.lock().insert(field, Arc::clone(&texts))),
        }
        Ok(texts)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Field, Arc<Texts>>> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a text of `field` is remembered that begins so.
    #[cfg(test)]
    pub(super) fn remembers(&self, field: Field, text: &str) -> bool {
        self.lock().get(&field).is_some_and(|texts| texts.all.contains(text))
    }
}

impl Texts {
    /// `known` and what came since.
    fn now(known: Arc<Self>, connection: &Connection, field: Field) -> Result<Arc<Self>, StoreError> {
        let mut swept = connection.prepare_cached("SELECT swept FROM head").doing(DOING)?;
        let swept = swept.query_row([], |row| row.get(0)).doing(DOING)?;
        let mut texts = if known.swept == swept { known } else { Arc::new(Self { swept, ..Self::default() }) };
        // The field's number stands in the statement: bound, it would have SQLite plan anew for each.
        let sql = format!("SELECT id, text FROM term WHERE field = {} AND id > ?1 ORDER BY id", field as i64);
        let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
        let last = texts.numbers.last().copied().unwrap_or(0);
        let mut rows = statement.query([last as i64]).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            let texts = Arc::make_mut(&mut texts);
            texts.numbers.push(row.get(0).doing(DOING)?);
            texts.all.push_str(row.get_ref(1).and_then(|text| Ok(text.as_str()?)).doing(DOING)?);
            texts.ends.push(texts.all.len());
        }
        Ok(texts)
    }

    fn matching(&self, pattern: &Pattern) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        let mut start = 0;
        for (at, (end, number)) in self.ends.iter().zip(&self.numbers).enumerate() {
            if at % TEXTS == 0 {
                connection::check_deadline()?;
            }
            if pattern.matches(&self.all[start..*end]) {
                found.push(*number);
            }
            start = *end;
        }
        Ok(found)
    }
}
