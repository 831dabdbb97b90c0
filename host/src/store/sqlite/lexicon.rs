//! The dictionary in memory, field by field, for patterns: a search for a part of a word must look at every text there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::Doing;
use crate::domain::Pattern;
use crate::field::Field;
use crate::store::StoreError;

const DOING: &str = "reading the dictionary";
/// Bytes of texts that are kept of one field. Beyond, each search reads them from the file.
const KEPT: usize = 32 << 20;

/// Texts of fields, as far as somebody has looked for patterns in them.
#[derive(Clone, Default)]
pub(super) struct Lexicon {
    fields: Arc<Mutex<HashMap<Field, Texts>>>,
}

/// The texts of one field, in the order of their numbers. A number is never given twice, so that they are only added
/// to, until the cleanup took texts from the dictionary.
#[derive(Default)]
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
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = fields.entry(field).or_default();
        texts.catch_up(connection, field)?;
        let found = texts.matching(pattern);
        if texts.all.len() > KEPT {
            fields.remove(&field);
        }
        Ok(found)
    }

    /// Whether a text of `field` is remembered that begins so.
    #[cfg(test)]
    pub(super) fn remembers(&self, field: Field, text: &str) -> bool {
        let fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        fields.get(&field).is_some_and(|texts| texts.all.contains(text))
    }
}

impl Texts {
    fn catch_up(&mut self, connection: &Connection, field: Field) -> Result<(), StoreError> {
        let mut swept = connection.prepare_cached("SELECT swept FROM head").doing(DOING)?;
        let swept = swept.query_row([], |row| row.get(0)).doing(DOING)?;
        if self.swept != swept {
            *self = Self { swept, ..Self::default() };
        }
        // The field's number stands in the statement: bound, it would have SQLite plan anew for each.
        let sql = format!("SELECT id, text FROM term WHERE field = {} AND id > ?1 ORDER BY id", field as i64);
        let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
        let last = self.numbers.last().copied().unwrap_or(0);
        let mut rows = statement.query([last as i64]).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            self.numbers.push(row.get(0).doing(DOING)?);
            self.all.push_str(row.get_ref(1).and_then(|text| Ok(text.as_str()?)).doing(DOING)?);
            self.ends.push(self.all.len());
        }
        Ok(())
    }

    fn matching(&self, pattern: &Pattern) -> Vec<u64> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts = starts.zip(&self.ends).map(|(start, end)| &self.all[start..*end]);
        texts.zip(&self.numbers).filter(|(text, _)| pattern.matches(text)).map(|(_, number)| *number).collect()
    }
}
