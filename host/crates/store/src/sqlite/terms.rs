//! The dictionary of repeated texts, as the writer sees it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use super::tree;
use crate::StoreError;
use mcp_audit_log_model::field::Field;

/// How many texts of one field the writer remembers. A log with more distinct ones still works, at the cost of a look-up.
const REMEMBERED: usize = 50_000;

/// Texts and their numbers. What was learnt in a transaction that failed must be forgotten: see [`Terms::clear`].
#[derive(Default)]
pub(super) struct Terms {
    fields: Vec<Known>,
}

/// What is known about one field's texts.
struct Known {
    numbers: HashMap<Box<str>, i64, RandomState>,
    /// The text that was asked for last, which is often asked for again.
    last: (String, i64),
    /// The number that the next new text gets.
    next: i64,
}

impl Terms {
    /// The number of `text`, which is given one when it has none.
    pub(super) fn id(&mut self, connection: &Connection, field: Field, text: &str) -> rusqlite::Result<i64> {
        if self.fields.is_empty() {
            self.fields = Field::ALL.iter().map(|field| Known::of(connection, *field)).collect::<Result<_, _>>()?;
        }
        let known = &mut self.fields[field as usize];
        if known.last.0 != text {
            let id = known.numbers.get(text).copied().map_or_else(|| known.learn(connection, field, text), Ok)?;
            known.last.0.clear();
            known.last.0.push_str(text);
            known.last.1 = id;
        }
        Ok(known.last.1)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.fields.clear();
    }

    /// Forgets one field, after some of its texts were removed.
    pub(super) fn forget(&mut self, connection: &Connection, field: Field) -> rusqlite::Result<()> {
        if let Some(known) = self.fields.get_mut(field as usize) {
            *known = Known::of(connection, field)?;
        }
        Ok(())
    }
}

impl Known {
    fn of(connection: &Connection, field: Field) -> rusqlite::Result<Self> {
        let sql = format!("SELECT coalesce(max(id), 0) + 1 FROM term WHERE field = {}", field as i64);
        Ok(Self {
            numbers: HashMap::default(),
            last: (String::new(), 0),
            next: connection.query_row(&sql, [], |row| row.get(0))?,
        })
    }

    fn learn(&mut self, connection: &Connection, field: Field, text: &str) -> rusqlite::Result<i64> {
        // Where every number is remembered, a text that is not is new.
        let found = match self.numbers.len() as i64 == self.next - 1 {
            true => None,
            false => find(connection, field, text)?,
        };
        let id = match found {
            Some(id) => id,
            None => {
                let sql = "INSERT OR FAIL INTO term (field, id, text) VALUES (?1, ?2, ?3)";
                connection.prepare_cached(sql)?.execute(params![field as i64, self.next, text])?;
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

fn find(connection: &Connection, field: Field, text: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM term WHERE field = ?1 AND text = ?2 LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![field as i64, text], |row| row.get(0)).optional()
}

/// More than any number that was ever given in a field: a text came with an entry, or is the empty one that the sweep puts
/// above the highest that it removes.
pub(super) fn most(connection: &Connection) -> Result<u64, StoreError> {
    Ok(tree::head(connection)?.size.saturating_mul(2).saturating_add(1))
}
