//! Upgrades a log of an older format.
//!
//! The old file is only read. Its rows are copied into a new file beside it; then every entry of the copy is hashed again
//! and compared with the ledger's tree, and only then does the copy get the log's name. A process that ends before that
//! leaves the old log as it was, and the next start begins again.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::columns::name;
use super::commons::{CommonCache, CommonNumbers};
use super::files::database;
use super::layout::COLUMNS;
use super::rows::Insert;
use super::snapshot::BLOCK;
use super::transaction::SqliteTransaction;
use super::{SqlContext, connection, verify};
use crate::private;
use crate::verified::VerifyError;
use mcp_audit_log_index::{ColumnValue, PartKey, PartOfFormat1, Row, StoreError, StoredRun, Transaction, VERSION};

/// The files of a log of format 1, whose product had another name: the log, and what its writer locked.
const OLD_LOG: &str = "mcp-audit.db";
const OLD_LOCK: &str = "mcp-audit.lock";
const OLD_FORMAT: i64 = 1;
/// The copy before it is the log, and what the next start reports.
const COPY: &str = "mcp-audit-log.db.upgrade";
const REPORT: &str = "upgraded.json";
const DOING: &str = "upgrading the log";

/// Tables whose rows are in the new format what they were in the old one.
const SAME: [&str; 12] =
    ["term", "tile", "payload", "head", "setting", "cron", "hold", "view", "verifier", "checkpoint", "clock", "place"];
/// The checks of a verification that the copy must pass. The others are about what a start makes or records.
const CHECKS: [&str; 8] = ["file", "safeguards", "head", "tree", "entries", "dictionary", "rows", "payloads"];

/// An upgrade that no entry reports yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// The format of the log before.
    pub from_format: i64,
    /// The file of the log before, which is still there.
    pub old_file: String,
    /// How many entries it had.
    pub entries: u64,
}

impl Upgraded {
    /// The upgrade of the log in `folder` that is not reported yet.
    pub fn of(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(REPORT)).ok()?).ok()
    }

    /// It is reported.
    pub fn reported(folder: &Path) {
        if let Err(error) = fs::remove_file(folder.join(REPORT)) {
            tracing::warn!(%error, "{REPORT} cannot be removed, so the next start reports the upgrade again");
        }
    }
}

/// The file of a log of an older format in `folder`, and whether it was upgraded: otherwise it is the only copy.
pub fn old_log(folder: &Path) -> Option<(PathBuf, bool)> {
    let is_there = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let old = Some(folder.join(OLD_LOG)).filter(|path| is_there(path))?;
    Some((old, is_there(&database(folder))))
}

/// Whether `folder` has a log of an older format that is to be upgraded.
pub(super) fn is_due(folder: &Path) -> bool {
    old_log(folder).is_some_and(|(_, is_upgraded)| !is_upgraded)
}

/// Upgrades the log in `folder`, which this process has locked.
///
/// # Errors
/// The old log is in use or damaged, or the copy cannot be written. The old log is as it was.
pub(super) fn upgrade(folder: &Path) -> Result<(), StoreError> {
    let unusable = |reason| StoreError::Folder { path: folder.to_owned(), reason };
    let old_lock = private::file(&folder.join(OLD_LOCK)).map_err(unusable)?;
    match old_lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
        Err(TryLockError::Error(reason)) => return Err(unusable(reason)),
    }
    let (from, copy) = (folder.join(OLD_LOG), folder.join(COPY));
    let refused = |reason: String| StoreError::Foreign { path: from.clone(), reason };
    let old = connection::verifier(&from)?;
    let format = connection::format(&old)?.filter(|format| *format == OLD_FORMAT);
    let from_format = format.ok_or_else(|| refused("it is not a log of a version that can be upgraded".to_owned()))?;
    let entries = old.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).context(DOING)?;
    tracing::warn!(entries, file = %from.display(), "the log has an older format and is being upgraded; it can be used after that");
    match fs::remove_file(&copy) {
        Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => return Err(unusable(reason)),
        _ => {}
    }
    private::file(&copy).map_err(unusable)?;
    let whole = || {
        copied(&old, &copy)?;
        verify::passes(&copy, &CHECKS).map_err(|error| match error {
            VerifyError::Unread(error) => error,
            wrong => {
                refused(format!("it has format {from_format} and cannot be upgraded, since it is not whole: {wrong}"))
            }
        })
    };
    // A copy that is not put in place would take room that the old log may need, and no retention reaches it.
    whole().inspect_err(|_| drop(fs::remove_file(&copy)))?;
    // What a log of this name left behind would be taken for the newest part of the copy.
    for rest in ["-wal", "-shm"] {
        match fs::remove_file(format!("{}{rest}", database(folder).display())) {
            Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => return Err(unusable(reason)),
            _ => {}
        }
    }
    let report = Upgraded { from_format, old_file: OLD_LOG.to_owned(), entries };
    let report = serde_json::to_vec(&report).map_err(|error| unusable(error.into()))?;
    let in_place = || {
        fs::write(folder.join(REPORT), report)?;
        File::open(folder.join(REPORT))?.sync_all()?;
        File::open(&copy)?.sync_all()?;
        fs::rename(&copy, database(folder))?;
        File::open(folder)?.sync_all()
    };
    in_place().map_err(unusable)?;
    tracing::warn!("the log is upgraded; {} is as it was, and no cleanup reaches it", from.display());
    Ok(())
}

/// Copies everything into the file at `path`.
fn copied(old: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut new = Connection::open(path).context(DOING)?;
    // What is here is worth nothing before it is complete, and then it is synced as a whole. So it needs no journal, and
    // none is left beside it.
    for (pragma, value) in [("auto_vacuum", "INCREMENTAL"), ("synchronous", "OFF")] {
        new.pragma_update(None, pragma, value).context(DOING)?;
    }
    new.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(())).context(DOING)?;
    connection::create(&mut new)?;
    let transaction = new.transaction().context(DOING)?;
    let triggers = triggers(&transaction).context(DOING)?;
    for (name, _) in &triggers {
        transaction.execute_batch(&format!("DROP TRIGGER {name}")).context(DOING)?;
    }
    SAME.iter().try_for_each(|table| same(old, &transaction, table)).context(DOING)?;
    entries(old, &transaction)?;
    usage(old, &transaction)?;
    triggers.iter().try_for_each(|(_, sql)| transaction.execute_batch(sql)).context(DOING)?;
    transaction.commit().context(DOING)?;
    new.close().map_err(|(_, error)| error).context(DOING)
}

fn triggers(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Copies a table whose rows are the same.
fn same(old: &Connection, new: &Connection, table: &str) -> rusqlite::Result<()> {
    let columns = columns(new, table)?;
    let (names, places) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
    new.execute_batch(&format!("DELETE FROM {table}"))?;
    let mut insert = new.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({places})"))?;
    let mut read = old.prepare(&format!("SELECT {names} FROM {table}"))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// Copies the entries into rows of the new form. Each keeps its seq and its content, so its leaf is the same.
fn entries(old: &Connection, new: &Connection) -> Result<(), StoreError> {
    let known = columns(old, "entry").context(DOING)?;
    // The column of seq is the first of every row.
    let of_row = |at: usize| if at == 0 { "seq" } else { name(at) };
    let list: Vec<_> = (0..COLUMNS)
        .map(|at| if known.iter().any(|known| known == of_row(at)) { of_row(at) } else { "NULL" })
        .collect();
    let sql = format!("SELECT {} FROM entry ORDER BY seq", list.join(", "));
    let numbers = CommonNumbers::default().into();
    let mut insert = Insert::new(new, &numbers).context(DOING)?;
    let mut statement = old.prepare(&sql).context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    while let Some(row) = rows.next().context(DOING)? {
        let seq: u64 = row.get(0).context(DOING)?;
        insert.entry(seq, &OldRow(row)).context(DOING)?;
    }
    Ok(())
}

/// A row of format 1, with a column for each field.
struct OldRow<'r>(&'r rusqlite::Row<'r>);

impl Row for OldRow<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self.0.get_ref(at) {
            // Rows have the version only if it is another one.
            Ok(ValueRef::Integer(1)) if at == VERSION => ColumnValue::Unset,
            Ok(ValueRef::Integer(number)) => ColumnValue::Integer(number),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(ColumnValue::Unreadable, ColumnValue::Text),
            Ok(ValueRef::Blob(bytes)) => ColumnValue::Bytes(bytes),
            Ok(ValueRef::Null) | Err(_) => ColumnValue::Unset,
            Ok(ValueRef::Real(_)) => ColumnValue::Unreadable,
        }
    }
}

/// Copies the usage of entries that were removed. The next start computes the rest from the entries.
fn usage(old: &Connection, new: &Connection) -> Result<(), StoreError> {
    let (commons, numbers) = (CommonCache::default(), CommonNumbers::default().into());
    let log = SqliteTransaction::new(new, &commons, &numbers);
    let sql = "SELECT first, length, fields, least, most, recorded, checksum FROM usage_run, head
        WHERE first < pruned ORDER BY first";
    let run = |row: &rusqlite::Row<'_>| {
        let number = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let ([first, length, fields], [least, most]) =
            ([number(0)?, number(1)?, number(2)?], [row.get(3)?, row.get(4)?]);
        Ok(StoredRun { first, length, fields, least, most, recorded: row.get(5)?, checksum: row.get(6)? })
    };
    let mut statement = old.prepare(sql).context(DOING)?;
    let runs: Vec<StoredRun> = statement.query_map([], run).and_then(Iterator::collect).context(DOING)?;
    for run in runs {
        let sql = "SELECT number, share, cells, sums, durations, users FROM usage_part WHERE run = ?1";
        let mut statement = old.prepare_cached(sql).context(DOING)?;
        let mut rows = statement.query([run.first.cast_signed()]).context(DOING)?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next().context(DOING)? {
            let key = PartKey { run: run.first, number: row.get(0).context(DOING)?, share: row.get(1).context(DOING)? };
            let blob = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_blob()?)).context(DOING);
            let users = row.get_ref(5).and_then(|value| Ok(value.as_blob_or_null()?)).context(DOING)?;
            let part = PartOfFormat1 { key, cells: blob(2)?, sums: blob(3)?, durations: blob(4)?, users };
            match part.converted(BLOCK) {
                Some(part) => parts.push(part),
                // The run then lacks a part, and answers report that.
                None => tracing::error!(first = run.first, "usage is damaged, and its entries are gone"),
            }
        }
        log.append_run(run, &parts)?;
    }
    Ok(())
}
