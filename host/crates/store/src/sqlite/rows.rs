//! Entries in the table. One list of columns generates the statements that read and write them.

use std::borrow::Cow;
use std::sync::LazyLock;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection};

use mcp_audit_log_index::{COMMITMENT, ColumnValue, DETAILS, NewRow, Row, RowColumns};
use mcp_audit_log_model::field::Field;

/// `INSERT` of one entry: every field in order, then the other columns. It uses `OR FAIL`, for the reason given at the
/// trigger that watches it; after an error the whole transaction is rolled back.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let marks: Vec<_> = (1..=Field::COUNT + 2).map(|at| format!("?{at}")).collect();
    let names = list(Field::ALL);
    format!("INSERT OR FAIL INTO entry ({names}, payload_commitment, details) VALUES ({})", marks.join(", "))
});

static SHOWN: LazyLock<String> = LazyLock::new(|| {
    let payload = "EXISTS (SELECT 1 FROM payload WHERE payload.seq = entry.seq)";
    select(&format!("{}, payload_commitment, details, {payload}", list(Field::ALL)))
});

static HASHED: LazyLock<String> =
    LazyLock::new(|| select(&format!("{}, payload_commitment, details, version", list(Field::ALL))));

/// One field, by its number: conditions on candidates read it row by row.
static ONE: LazyLock<Vec<String>> =
    LazyLock::new(|| Field::ALL.iter().map(|field| select(&list(std::slice::from_ref(field)))).collect());

/// The statement that reads a range of rows; the seq comes before the columns.
pub(super) fn statement(columns: RowColumns<'_>) -> Cow<'static, str> {
    let known = |sql: &'static LazyLock<String>| Cow::Borrowed(sql.as_str());
    match columns {
        RowColumns::Shown => known(&SHOWN),
        RowColumns::Hashed => known(&HASHED),
        RowColumns::Fields([field]) => ONE.get(*field as usize).map_or(Cow::Borrowed(""), |sql| sql.into()),
        RowColumns::Fields(fields) => select(&list(fields)).into(),
    }
}

fn select(columns: &str) -> String {
    format!("SELECT seq, {columns} FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")
}

fn list(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}

// The statements have the columns in this order.
const _: () = assert!(COMMITMENT == Field::COUNT && DETAILS == Field::COUNT + 1);

/// A row as SQLite returns it.
pub(super) struct SqliteRow<'r, 's>(pub(super) &'r rusqlite::Row<'s>);

impl Row for SqliteRow<'_, '_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self.0.get_ref(at + 1) {
            Ok(ValueRef::Null) => ColumnValue::Unset,
            Ok(ValueRef::Integer(number)) => ColumnValue::Integer(number),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(ColumnValue::Unreadable, ColumnValue::Text),
            Ok(ValueRef::Blob(bytes)) => ColumnValue::Bytes(bytes),
            Ok(ValueRef::Real(_)) | Err(_) => ColumnValue::Unreadable,
        }
    }
}

/// The insert of entries. A parameter that already has the right number, which is the usual case, is not bound again.
pub(super) struct Insert<'c> {
    statement: CachedStatement<'c>,
    bound: [Bound; Field::COUNT + 2],
}

/// The value that is bound to a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Number(i64),
    Nothing,
    Unknown,
}

impl<'c> Insert<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let statement = connection.prepare_cached(&INSERT)?;
        Ok(Self { statement, bound: [Bound::Unknown; Field::COUNT + 2] })
    }

    /// Inserts an entry.
    pub(super) fn run(&mut self, row: &NewRow<'_>) -> rusqlite::Result<()> {
        for at in 0..Field::COUNT + 2 {
            let wanted = match row.column(at) {
                ColumnValue::Integer(number) => Bound::Number(number),
                ColumnValue::Unset | ColumnValue::Unreadable => Bound::Nothing,
                ColumnValue::Text(text) => {
                    self.statement.raw_bind_parameter(at + 1, text)?;
                    Bound::Unknown
                }
                ColumnValue::Bytes(bytes) => {
                    self.statement.raw_bind_parameter(at + 1, bytes)?;
                    Bound::Unknown
                }
            };
            if wanted != Bound::Unknown && self.bound[at] != wanted {
                let number = if let Bound::Number(number) = wanted { Some(number) } else { None };
                self.statement.raw_bind_parameter(at + 1, number)?;
            }
            self.bound[at] = wanted;
        }
        self.statement.raw_execute().map(drop)
    }
}
