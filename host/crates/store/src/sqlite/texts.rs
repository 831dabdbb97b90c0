//! The dictionary of repeated texts, as readers see it: numbers to texts, remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::Doing;
use super::lexicon::Lexicon;
use crate::StoreError;
use mcp_audit_log_model::field::Field;

const DOING: &str = "reading the dictionary";
/// How many bytes of texts all readers together remember.
const REMEMBERED: usize = 16 << 20;
/// What a text takes besides itself, about.
const EACH: usize = 64;

/// Texts by field and number.
#[derive(Default)]
struct Known {
    texts: HashMap<(Field, u64), Arc<str>>,
    bytes: usize,
}

/// Texts by field and number. A number is never given to another text, so what was read once stays true; what the
/// cleanup removed is asked for by nobody. Clones share what they remember.
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
        self.find(connection, field, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows).doing(DOING)
    }

    /// The same; none where the dictionary has no such number.
    pub(super) fn find(&self, connection: &Connection, field: Field, id: u64) -> Result<Option<Arc<str>>, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().texts.get(&(field, id)) {
            return Ok(Some(Arc::clone(text)));
        }
        let sql = "SELECT text FROM term WHERE field = ?1 AND id = ?2";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let text = statement.query_row(params![field as i64, id.cast_signed()], |row| row.get(0)).optional();
        let text: Option<Arc<str>> = text.doing(DOING)?;
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
