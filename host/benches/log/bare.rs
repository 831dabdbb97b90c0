//! A bare append, as the baseline for storing: the same rows in tables that have no index besides the key.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::support::Outcome;

/// The tables that are copied, if they exist.
const TABLES: [&str; 2] = ["entry", "payload"];

/// A separate database with the same columns, as durable as the log.
pub(crate) struct Bare {
    connection: Connection,
    source: std::path::PathBuf,
    /// The first `seq` that is not copied yet.
    next: i64,
}

impl Bare {
    /// A new one beside the log in `folder`.
    pub(crate) fn beside(folder: &Path) -> Outcome<Self> {
        let source = folder.join("mcp-audit-log.db");
        let connection = Connection::open(folder.join("bare.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let log = open(&source)?;
        for table in TABLES {
            connection.execute_batch(&format!("CREATE TABLE {table} ({}) STRICT", columns(&log, table)?))?;
        }
        Ok(Self { connection, source, next: 0 })
    }

    /// Appends the new entries of the log, `batch` entries in a transaction. Returns their number and the duration.
    pub(crate) fn catch_up(&mut self, batch: u64) -> Outcome<(u64, Duration)> {
        let [entries, payloads] = self.gained()?;
        let mut payloads = payloads.into_iter().peekable();
        let count = entries.len() as u64;
        let begun = Instant::now();
        let mut entries = entries.into_iter();
        while entries.len() > 0 {
            let transaction = self.connection.transaction()?;
            for entry in entries.by_ref().take(batch.max(1) as usize) {
                let place = entry.first().cloned();
                insert(&transaction, "entry", entry)?;
                if let Some(payload) = payloads.next_if(|payload| payload.first() == place.as_ref()) {
                    insert(&transaction, "payload", payload)?;
                }
            }
            transaction.commit()?;
        }
        Ok((count, begun.elapsed()))
    }

    fn gained(&mut self) -> Outcome<[Vec<Vec<Value>>; 2]> {
        let log = open(&self.source)?;
        let rows = TABLES.map(|table| rows(&log, table, self.next));
        let [entries, payloads] = rows;
        self.next = log.query_row("SELECT coalesce(max(seq) + 1, 0) FROM entry", [], |row| row.get(0))?;
        Ok([entries?, payloads?])
    }
}

pub(crate) fn open(path: &Path) -> Outcome<Connection> {
    Ok(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

fn columns(log: &Connection, table: &str) -> Outcome<String> {
    let mut statement = log.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let column = |row: &rusqlite::Row<'_>| {
        let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let key = if name == "seq" { " PRIMARY KEY" } else { "" };
        Ok(format!("\"{name}\" {kind}{key}"))
    };
    let columns: Vec<_> = statement.query_map([table], column)?.collect::<Result<_, _>>()?;
    Ok(columns.join(", "))
}

fn rows(log: &Connection, table: &str, from: i64) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = log.prepare(&format!("SELECT * FROM {table} WHERE seq >= ?1 ORDER BY seq"))?;
    let count = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..count).map(|at| row.get(at)).collect();
    statement.query_map([from], row)?.collect()
}

fn insert(connection: &Connection, table: &str, row: Vec<Value>) -> rusqlite::Result<()> {
    let marks = vec!["?"; row.len()].join(", ");
    let mut statement = connection.prepare_cached(&format!("INSERT INTO {table} VALUES ({marks})"))?;
    statement.execute(params_from_iter(row)).map(drop)
}
