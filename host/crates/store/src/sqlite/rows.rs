//! Entries in the table: the statements that read and write them.

use std::cell::RefCell;

use rusqlite::{CachedStatement, Connection};

use super::commons::{CommonCache, CommonNumbers, era};
use super::few::{FewColumns, FewValues};
use super::ids;
use super::layout::Part;
use super::packed::{self, Scan, Unpacked};
use mcp_audit_log_index::{ColumnValue, HAS_PAYLOAD, NewRow, Row, RowColumns};
use mcp_audit_log_model::field::Field;

/// `INSERT` of one entry. It uses `OR FAIL`, for the reason given at the trigger that watches it; after an error the
/// whole transaction is rolled back.
const INSERT: &str = "INSERT OR FAIL INTO entry (seq, fields) VALUES (?1, ?2)";

const SHOWN: &str = "SELECT seq, fields, EXISTS (SELECT 1 FROM payload WHERE payload.seq = entry.seq) FROM entry
    WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
const OTHERS: &str = "SELECT seq, fields FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";

/// The statement that reads a range of rows.
pub(super) fn statement(columns: RowColumns<'_>) -> &'static str {
    if matches!(columns, RowColumns::Shown) { SHOWN } else { OTHERS }
}

/// The columns that a search wants, and which common columns are among them.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    columns: RowColumns<'a>,
    parts: [bool; 2],
    few: Option<FewColumns>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(columns: RowColumns<'a>) -> Self {
        let (wants, few): (&dyn Fn(Part) -> bool, _) = match columns {
            RowColumns::Fields(fields) => {
                (&move |part| fields.iter().any(|field| part.has(*field as usize)), FewColumns::new(fields))
            }
            RowColumns::Shown | RowColumns::Hashed => (&|_| true, None),
        };
        Self { columns, parts: Part::ALL.map(wants), few }
    }
}

/// A row as it is stored.
pub(super) enum SqliteRow<'r> {
    /// All of its columns.
    Whole { row: Box<Unpacked<'r>>, columns: RowColumns<'r>, has_payload: bool },
    /// Only some numbers.
    Few(FewValues),
}

impl<'r> SqliteRow<'r> {
    /// The row of a statement that [`statement`] returned; `None` if it cannot be read.
    pub(super) fn read(
        connection: &Connection,
        commons: &CommonCache,
        (seq, found): (u64, &'r rusqlite::Row<'_>),
        wanted: &Wanted<'r>,
    ) -> rusqlite::Result<Option<Self>> {
        let bytes = found.get_ref(1)?.as_blob()?;
        let Some(scan) = Scan::new(bytes) else { return Ok(None) };
        let numbers = scan.numbers;
        let parts = Part::ALL.into_iter().zip(numbers).zip(wanted.parts);
        let parts = parts.filter(|((_, number), is_wanted)| *is_wanted && *number > 0);
        let parts = parts.map(|((part, number), _)| (part, (era(seq), number)));
        if let Some(few) = &wanted.few {
            let Some(mut values) = few.read(seq, scan, wanted.parts) else { return Ok(None) };
            for (_, key) in parts {
                if commons.with(connection, key, |common| few.add(&mut values, common))?.is_none() {
                    return Ok(None);
                }
            }
            return Ok(Some(Self::Few(values)));
        }
        let Some(row) = Unpacked::read(seq, bytes) else { return Ok(None) };
        let mut row = Box::new(row);
        for (part, key) in parts {
            if commons.with(connection, key, |common| row.add(part, common))?.flatten().is_none() {
                return Ok(None);
            }
        }
        let has_payload = matches!(wanted.columns, RowColumns::Shown) && found.get(2)?;
        Ok(Some(Self::Whole { row, columns: wanted.columns, has_payload }))
    }
}

impl Row for SqliteRow<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self {
            Self::Few(values) => values.column(at),
            Self::Whole { row, columns: RowColumns::Fields(fields), .. } => {
                fields.get(at).map_or(ColumnValue::Unset, |field| row.column(*field as usize))
            }
            Self::Whole { columns: RowColumns::Shown, has_payload, .. } if at == HAS_PAYLOAD => {
                ColumnValue::Integer((*has_payload).into())
            }
            Self::Whole { row, .. } => row.column(at),
        }
    }
}

/// The insert of entries.
pub(super) struct Insert<'c> {
    connection: &'c Connection,
    numbers: &'c RefCell<CommonNumbers>,
    entry: CachedStatement<'c>,
    id: CachedStatement<'c>,
    bytes: Vec<u8>,
}

impl<'c> Insert<'c> {
    pub(super) fn new(connection: &'c Connection, numbers: &'c RefCell<CommonNumbers>) -> rusqlite::Result<Self> {
        let entry = connection.prepare_cached(INSERT)?;
        let id = ids::insert(connection)?;
        Ok(Self { connection, numbers, entry, id, bytes: Vec::new() })
    }

    /// Inserts an entry.
    pub(super) fn run(&mut self, row: &NewRow<'_>) -> rusqlite::Result<()> {
        self.entry(row.seq(), row)?;
        if let ColumnValue::Bytes(id) = row.column(Field::Id as usize) {
            self.id.raw_bind_parameter(1, id)?;
            self.id.raw_bind_parameter(2, row.seq())?;
            self.id.raw_execute()?;
        }
        Ok(())
    }

    /// Inserts an entry and leaves the index of ids as it is.
    pub(super) fn entry(&mut self, seq: u64, row: &dyn Row) -> rusqlite::Result<()> {
        let numbers = self.numbers.borrow_mut().of(self.connection, seq, row)?;
        self.bytes.clear();
        let impossible = || rusqlite::Error::ToSqlConversionFailure("a column of a new entry has a wrong type".into());
        packed::pack(row, numbers, &mut self.bytes).ok_or_else(impossible)?;
        self.entry.raw_bind_parameter(1, seq)?;
        self.entry.raw_bind_parameter(2, self.bytes.as_slice())?;
        self.entry.raw_execute().map(drop)
    }
}
