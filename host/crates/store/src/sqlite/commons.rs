//! Columns that entries have in common: each combination is stored once for some 65,536 entries, and rows have its
//! number.
//!
//! A combination belongs to a range of seqs, its *era*. So the cleanup removes it together with the last entries that
//! can use it, and nothing has to find out which combinations are still used.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension};

use super::layout::{Numbers, Part};
use super::packed::{self, Common};
use super::snapshot::BLOCK;
use mcp_audit_log_index::Row;

/// How many seqs an era has.
pub(super) const ERA: u64 = 16 * BLOCK;
/// The most combinations of an era. The rows after that contain all of their columns.
const MOST: u64 = if cfg!(test) { 100 } else { 16_383 };
/// The most combinations that a connection remembers: some megabytes.
const REMEMBERED: usize = 16_384;

/// The first seq of the era of an entry.
pub(super) fn era(seq: u64) -> u64 {
    seq / ERA * ERA
}

/// The combinations that a connection has read. None ever changes, so that they stay valid.
#[derive(Debug, Default)]
pub(super) struct CommonCache(RefCell<HashMap<(u64, u64), Common, RandomState>>);

impl CommonCache {
    /// Passes a combination to `read`; `None` if there is none, or it cannot be read.
    pub(super) fn with<T>(
        &self,
        connection: &Connection,
        key: (u64, u64),
        read: impl FnOnce(&Common) -> T,
    ) -> rusqlite::Result<Option<T>> {
        if let Some(common) = self.0.borrow().get(&key) {
            return Ok(Some(read(common)));
        }
        let sql = "SELECT fields FROM common WHERE first = ?1 AND number = ?2";
        let bytes = |row: &rusqlite::Row<'_>| Ok(packed::unpack_common(row.get_ref(0)?.as_blob()?));
        let found = connection.prepare_cached(sql)?.query_row([key.0, key.1], bytes).optional()?;
        let Some(common) = found.flatten() else { return Ok(None) };
        let result = read(&common);
        let mut known = self.0.borrow_mut();
        if known.len() == REMEMBERED {
            known.clear();
        }
        known.insert(key, common);
        Ok(Some(result))
    }

    /// Forgets everything: a transaction was undone.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// The combinations of the newest era, for the writer.
#[derive(Debug, Default)]
pub(super) struct CommonNumbers {
    /// The era; `None` if it must be read first.
    first: Option<u64>,
    numbers: HashMap<Box<[u8]>, u64, RandomState>,
    last: u64,
    form: Vec<u8>,
}

impl CommonNumbers {
    /// The numbers of a new row's combinations, which are stored if they are new. 0 if the row contains the columns.
    pub(super) fn of(&mut self, connection: &Connection, seq: u64, row: &dyn Row) -> rusqlite::Result<Numbers> {
        let first = era(seq);
        if self.first != Some(first) {
            self.read(connection, first)?;
        }
        let mut numbers = [0; 2];
        for (number, part) in numbers.iter_mut().zip(Part::ALL) {
            self.form.clear();
            let is_packed = packed::pack_common(row, part, &mut self.form).is_some();
            *number = match self.numbers.get(self.form.as_slice()) {
                Some(known) => *known,
                None if self.form.is_empty() || !is_packed || self.last == MOST => 0,
                None => self.add(connection, first)?,
            };
        }
        Ok(numbers)
    }

    fn add(&mut self, connection: &Connection, first: u64) -> rusqlite::Result<u64> {
        let sql = "INSERT OR FAIL INTO common (first, number, fields) VALUES (?1, ?2, ?3)";
        let number = self.last + 1;
        connection.prepare_cached(sql)?.execute(rusqlite::params![first, number, self.form])?;
        self.last = number;
        self.numbers.insert(self.form.as_slice().into(), number);
        Ok(number)
    }

    /// Reads what is stored of an era.
    fn read(&mut self, connection: &Connection, first: u64) -> rusqlite::Result<()> {
        *self = Self::default();
        let mut statement = connection.prepare_cached("SELECT number, fields FROM common WHERE first = ?1")?;
        let mut rows = statement.query([first])?;
        while let Some(row) = rows.next()? {
            let number: u64 = row.get(0)?;
            self.last = self.last.max(number);
            self.numbers.insert(row.get_ref(1)?.as_blob()?.into(), number);
        }
        self.first = Some(first);
        Ok(())
    }
}
