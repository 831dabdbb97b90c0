//! A log in SQLite for searches: each method of the seam is one statement.

use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::commons::CommonCache;
use super::rows::{self, SqliteRow, Wanted};
use super::{SqlContext, connection, ids, payloads};
use mcp_audit_log_index::{
    Blob, LogHead, PackedPayload, PartColumn, RowColumns, ShowRow, ShowText, Snapshot, StoreError, StoredBlock,
    StoredRun,
};
use mcp_audit_log_ledger::{Hash, Head};
use mcp_audit_log_model::field::Field;

/// How many entries a block has when it is closed. Unit tests use few, so that they have many blocks.
pub(super) const BLOCK: u64 = if cfg!(test) { 64 } else { 4_096 };

/// The state that a connection sees within its transaction.
#[derive(Clone, Copy)]
pub(super) struct SqliteSnapshot<'c> {
    pub(super) connection: &'c Connection,
    commons: &'c CommonCache,
}

impl<'c> SqliteSnapshot<'c> {
    pub(super) fn new(connection: &'c Connection, commons: &'c CommonCache) -> Self {
        Self { connection, commons }
    }

    /// The rows of a short statement without parameters.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        doing: &'static str,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        statement.query_map([], row).and_then(Iterator::collect).context(doing)
    }
}

impl Snapshot for SqliteSnapshot<'_> {
    fn block_length(&self) -> u64 {
        BLOCK
    }

    fn check_deadline(&self) -> Result<(), StoreError> {
        connection::check_deadline()
    }

    fn head(&self) -> Result<LogHead, StoreError> {
        let sql = "SELECT pruned, payloads_pruned, swept, usage_pruned, usage_until, size, root FROM head";
        let mut statement = self.connection.prepare_cached(sql).context("reading the log's head")?;
        let head = |row: &rusqlite::Row<'_>| {
            Ok(LogHead {
                pruned: row.get(0)?,
                payloads_pruned: row.get(1)?,
                swept: row.get(2)?,
                usage_pruned: row.get(3)?,
                usage_until: row.get(4)?,
                tree: Head { size: row.get(5)?, root: Hash(row.get(6)?) },
            })
        };
        statement.query_row([], head).context("reading the log's head")
    }

    fn seqs(&self) -> Result<Range<u64>, StoreError> {
        let doing = "finding the ends of the log";
        let sql = "SELECT (SELECT min(seq) FROM entry), (SELECT max(seq) FROM entry), pruned FROM head";
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        let ends = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (first, last, pruned): (Option<i64>, Option<i64>, u64) = statement.query_row([], ends).context(doing)?;
        let Some((first, last)) = first.zip(last) else { return Ok(pruned..pruned) };
        if last == i64::MAX {
            return Err(StoreError::Corrupt { seq: last.unsigned_abs(), reason: "no seq is left after it".to_owned() });
        }
        Ok(first.unsigned_abs()..last.unsigned_abs() + 1)
    }

    fn rows(&self, seqs: Range<u64>, columns: RowColumns<'_>, show: ShowRow<'_>) -> Result<(), StoreError> {
        let doing = "reading entries";
        let mut statement = self.connection.prepare_cached(rows::statement(columns)).context(doing)?;
        let wanted = Wanted::new(columns);
        let ends = [seqs.start, seqs.end].map(|seq| seq.min(connection::PLACES.unsigned_abs()));
        let mut found = statement.query(ends).context(doing)?;
        while let Some(row) = found.next().context(doing)? {
            let seq: u64 = row.get(0).context(doing)?;
            let read = SqliteRow::read(self.connection, self.commons, (seq, row), &wanted).context(doing)?;
            let corrupt = || StoreError::Corrupt { seq, reason: "its row cannot be read".to_owned() };
            if !show(seq, &read.ok_or_else(corrupt)?)? {
                break;
            }
        }
        Ok(())
    }

    fn seqs_of(&self, id: Uuid) -> Result<Vec<u64>, StoreError> {
        ids::seqs_of(self, id)
    }

    fn check_ids(&self, block: Range<u64>) -> Result<(), StoreError> {
        ids::check(self.connection, block.start, block.end - block.start)
    }

    fn payload(&self, seq: u64) -> Result<Option<PackedPayload>, StoreError> {
        payloads::find(self.connection, seq).context("reading a payload")
    }

    fn text(&self, field: Field, number: u64) -> Result<Option<Arc<str>>, StoreError> {
        let doing = "reading the dictionary";
        let sql = "SELECT text FROM term WHERE field = ?1 AND id = ?2";
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        let key = params![field as i64, number.cast_signed()];
        statement.query_row(key, |row| row.get(0)).optional().context(doing)
    }

    fn number(&self, field: Field, text: &str) -> Result<Option<u64>, StoreError> {
        let doing = "searching the dictionary";
        let sql = "SELECT id FROM term WHERE field = ?1 AND text = ?2 LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        statement.query_row(params![field as i64, text], |row| row.get(0)).optional().context(doing)
    }

    fn texts(&self, field: Field, above: u64, show: ShowText<'_>) -> Result<(), StoreError> {
        let doing = "reading the dictionary";
        // The statement contains the field's number, because SQLite would plan the query again for each bound number.
        let sql = format!("SELECT id, text FROM term WHERE field = {} AND id > ?1 ORDER BY id", field as i64);
        let mut statement = self.connection.prepare_cached(&sql).context(doing)?;
        let mut found = statement.query([above.cast_signed()]).context(doing)?;
        while let Some(row) = found.next().context(doing)? {
            let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).context(doing)?;
            if !show(row.get(0).context(doing)?, text)? {
                break;
            }
        }
        Ok(())
    }

    fn blocks(&self) -> Result<Vec<StoredBlock>, StoreError> {
        let sql = "SELECT first, length, fields FROM block ORDER BY first";
        self.all(sql, "reading the index", |row| {
            let fields = row.get::<_, i64>(2)?.cast_unsigned();
            Ok(StoredBlock { first: row.get(0)?, length: row.get(1)?, fields })
        })
    }

    fn columns(&self, first: Range<u64>) -> Result<u64, StoreError> {
        let doing = "reading the index";
        let sql = "SELECT count(*) FROM chunk WHERE place >= ?1 AND place < ?2";
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        statement.query_row(chunks(&first), |row| row.get(0)).context(doing)
    }

    fn runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        let sql = "SELECT first, length, fields, least, most, recorded, checksum FROM usage_run ORDER BY first";
        self.all(sql, "reading usage", |row| {
            let number = |at| row.get(at).map(i64::cast_unsigned);
            Ok(StoredRun {
                first: number(0)?,
                length: number(1)?,
                fields: number(2)?,
                least: row.get(3)?,
                most: row.get(4)?,
                recorded: row.get(5)?,
                checksum: row.get(6)?,
            })
        })
    }

    fn blob(&self, blob: Blob, read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let (sql, doing, key) = match blob {
            Blob::Zone { first, field } => {
                ("SELECT zone FROM chunk WHERE place = ?1", "reading the index", [chunk(first, field), 0, 0])
            }
            Blob::Planes { first, field } => {
                ("SELECT planes FROM chunk WHERE place = ?1", "reading the index", [chunk(first, field), 0, 0])
            }
            Blob::Part(key, column) => {
                let sql = match column {
                    PartColumn::Cells => "SELECT cells FROM usage_part WHERE run = ?1 AND number = ?2 AND share = ?3",
                    PartColumn::Amounts => {
                        "SELECT amounts FROM usage_part WHERE run = ?1 AND number = ?2 AND share = ?3"
                    }
                };
                (sql, "reading usage", [key.run, key.number, key.share].map(u64::cast_signed))
            }
            Blob::Tile(tile) => (
                "SELECT hashes FROM tile WHERE level = ?1 AND number = ?2",
                "reading the ledger",
                [i64::from(tile.level), tile.number.cast_signed(), 0],
            ),
        };
        let mut statement = self.connection.prepare_cached(sql).context(doing)?;
        for at in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(at, key[at - 1]).context(doing)?;
        }
        let mut found = statement.raw_query();
        let Some(row) = found.next().context(doing)? else { return Ok(false) };
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob_or_null()?)).context(doing)?;
        Ok(bytes.map(read).is_some())
    }
}

/// The number of chunk numbers that are reserved for the fields of one block.
const FIELDS: u64 = 64;
const _: () = assert!(Field::COUNT <= FIELDS as usize);

/// The number of the chunk with the column of a field.
pub(super) fn chunk(first: u64, field: Field) -> i64 {
    (first / BLOCK * FIELDS + field as u64).cast_signed()
}

/// The numbers of the chunks with the columns of blocks that begin in this range.
pub(super) fn chunks(first: &Range<u64>) -> [i64; 2] {
    reserved(first, FIELDS)
}

/// The numbers that are reserved for blocks that begin in this range, if each has so many. A range that begins at 0 also
/// includes forged numbers below 0.
pub(super) fn reserved(first: &Range<u64>, each: u64) -> [i64; 2] {
    let start = if first.start == 0 { i64::MIN } else { (first.start.div_ceil(BLOCK) * each).cast_signed() };
    let end = first.end.div_ceil(BLOCK).saturating_mul(each);
    [start, i64::try_from(end).unwrap_or(i64::MAX)]
}
