//! The dictionary of repeated texts, as the writer sees it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

/// How many texts the writer remembers. A log with more distinct ones than this still works, at the cost of a look-up.
const REMEMBERED: usize = 100_000;

/// Texts and their numbers. What was learnt in a transaction that failed must be forgotten: see [`Terms::clear`].
#[derive(Default)]
pub(super) struct Terms {
    known: HashMap<Box<str>, i64>,
}

impl Terms {
    /// The number of `text`, which is given one when it has none.
    pub(super) fn id(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.known.get(text) {
            return Ok(*id);
        }
        let find = |row: &rusqlite::Row<'_>| row.get(0);
        let found =
            connection.prepare_cached("SELECT id FROM term WHERE text = ?1")?.query_row([text], find).optional()?;
        let id = match found {
            Some(id) => id,
            None => connection.prepare_cached("INSERT INTO term (text) VALUES (?1)")?.insert([text])?,
        };
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(text.into(), id);
        Ok(id)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}
