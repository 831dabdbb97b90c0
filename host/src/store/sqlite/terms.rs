//! The dictionary of repeated texts, as the writer sees it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use crate::field::Field;

/// How many texts of one field the writer remembers. A log with more distinct ones still works, at the cost of a look-up.
const REMEMBERED: usize = 50_000;

/// Texts and their numbers. What was learnt in a transaction that failed must be forgotten: see [`Terms::clear`].
pub(super) struct Terms {
    known: Vec<HashMap<Box<str>, i64, RandomState>>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { known: Field::ALL.iter().map(|_| HashMap::default()).collect() }
    }
}

impl Terms {
    /// The number of `text`, which is given one when it has none.
    pub(super) fn id(&mut self, connection: &Connection, field: Field, text: &str) -> rusqlite::Result<i64> {
        let known = &mut self.known[field as usize];
        if let Some(id) = known.get(text) {
            return Ok(*id);
        }
        let id = match find(connection, field, text)? {
            Some(id) => id,
            None => add(connection, field, text)?,
        };
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(text.into(), id);
        Ok(id)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.iter_mut().for_each(HashMap::clear);
    }
}

fn find(connection: &Connection, field: Field, text: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM term WHERE field = ?1 AND text = ?2";
    connection.prepare_cached(sql)?.query_row(params![field as i64, text], |row| row.get(0)).optional()
}

fn add(connection: &Connection, field: Field, text: &str) -> rusqlite::Result<i64> {
    let next = "SELECT coalesce(max(id), 0) + 1 FROM term WHERE field = ?1";
    let id: i64 = connection.prepare_cached(next)?.query_row([field as i64], |row| row.get(0))?;
    let sql = "INSERT INTO term (field, id, text) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![field as i64, id, text])?;
    Ok(id)
}
