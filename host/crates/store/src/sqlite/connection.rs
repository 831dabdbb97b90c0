//! Connections: the settings of each, and the statements that each may not run.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags};

use super::{SqlContext, schema};
use mcp_audit_log_index::StoreError;

/// The file's application id, which marks it as a log: "mcpa".
const APPLICATION_ID: i64 = 0x6d63_7061;
/// The version of the format, in the file's header. A log of another format is refused.
const FORMAT: i64 = 3;
/// What makes the tables of a new log: the files in migrations/.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("../../migrations/0001_log.sql"), include_str!("../../migrations/0002_tools_and_alerts.sql")];
/// Older versions have bugs in features that the log needs (resets of the write-ahead log).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Every `seq` is below this.
pub(super) const PLACES: i64 = 1 << 62;
/// The time limit of a query.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Opens the writer's connection and migrates the schema to the current version. Deletion is forbidden until `pruning`
/// is set.
pub(super) fn writer(path: &Path, pruning: Arc<AtomicBool>) -> Result<Connection, StoreError> {
    let foreign = |reason: String| StoreError::Foreign { path: path.to_owned(), reason };
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(foreign(format!("SQLite {} is too old", rusqlite::version())));
    }
    let mut connection = Connection::open(path).context("opening the log")?;
    common(&connection)?;
    add_tables(&mut connection)?;
    let is_new = is_new(&connection)?.map_err(foreign)?;
    // Must come before the first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").context("setting up the log")?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .context("setting up the log")?;
    if mode != "wal" {
        // One failed write during the switch leaves the old mode in force without an error.
        return Err(foreign(format!("the write-ahead log cannot be used: the journal mode is {mode}")));
    }
    // The cache, in KiB, holds what one commit and the merging of an index block touch.
    connection.pragma_update(None, "cache_size", -16_384).context("setting up the log")?;
    for (pragma, value) in
        [("synchronous", "FULL"), ("secure_delete", "ON"), ("recursive_triggers", "ON"), ("wal_autocheckpoint", "0")]
    {
        connection.pragma_update(None, pragma, value).context("setting up the log")?;
    }
    if is_new {
        create(&mut connection)?;
    }
    let wrong = match schema::changed(&connection, MIGRATIONS)? {
        Some(changed) => Some(format!("its schema was changed: {changed}")),
        None => misplaced(&connection)?,
    };
    if let Some(wrong) = wrong {
        return Err(foreign(format!(
            "{wrong}; restore the folder from a backup, or begin a new log elsewhere with --data and keep this one as evidence"
        )));
    }
    connection
        .authorizer(Some(move |context: AuthContext<'_>| writer_may(&context, &pruning)))
        .context("guarding the log")?;
    Ok(connection)
}

/// Opens a connection that can only read, with a time limit for each query.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[cfg_attr(not(test), allow(unused_mut))]
    let mut connection = Connection::open_with_flags(path, flags).context("opening the log for reading")?;
    common(&connection)?;
    if !is_ours(&connection)? {
        let reason = format!("its header does not say format {FORMAT}");
        return Err(StoreError::Foreign { path: path.to_owned(), reason });
    }
    connection.pragma_update(None, "query_only", "ON").context("opening the log for reading")?;
    // In KiB: what a question about months reads besides its large values stays at hand.
    connection.pragma_update(None, "cache_size", -16_384).context("opening the log for reading")?;
    #[cfg(test)]
    super::tests::trace(&mut connection);
    connection.authorizer(Some(|context: AuthContext<'_>| reader_may(&context))).context("guarding the log")?;
    Ok(connection)
}

/// Opens a connection for verification: it can only read, and has no time limit.
pub(super) fn verifier(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).context("opening the log for reading")?;
    common(&connection)?;
    connection.pragma_update(None, "query_only", "ON").context("opening the log for reading")?;
    Ok(connection)
}

/// Whether the file's header marks it as a log of this version.
pub(super) fn is_ours(connection: &Connection) -> Result<bool, StoreError> {
    Ok(format(connection)? == Some(FORMAT))
}

/// The format of the log in a file, in whatever version; `None` if the file is no log.
pub(super) fn format(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let found = number("application_id").and_then(|id| Ok((id, number("user_version")?)));
    let (id, format) = found.context("checking the log's schema")?;
    Ok((id == APPLICATION_ID).then_some(format))
}

thread_local! {
    /// The deadline of the query that runs on this thread.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Stops any statement on `connection` once the deadline has passed. Call this before each query.
pub(super) fn start_deadline(connection: &mut Connection) -> Result<(), StoreError> {
    let until = Instant::now() + DEADLINE;
    UNTIL.set(Some(until));
    connection.progress_handler(10_000, Some(move || Instant::now() > until)).context("setting a deadline")
}

/// Removes the deadline of this thread. Call this after each query.
pub(super) fn end_deadline() {
    UNTIL.set(None);
}

/// The same check for long work between statements, which must call this now and then.
///
/// # Errors
/// The deadline has passed.
pub(super) fn check_deadline() -> Result<(), StoreError> {
    match UNTIL.get() {
        Some(until) if Instant::now() > until => Err(StoreError::Deadline(DEADLINE.as_secs())),
        _ => Ok(()),
    }
}

fn common(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(5)).context("setting up the connection")?;
    for (pragma, value) in [("trusted_schema", "OFF"), ("cell_size_check", "ON"), ("foreign_keys", "ON")] {
        connection.pragma_update(None, pragma, value).context("setting up the connection")?;
    }
    connection
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .context("setting up the connection")?;
    Ok(())
}

/// Gives a log of the format before the tables that it lacks. One whose tables were changed is left alone.
fn add_tables(connection: &mut Connection) -> Result<(), StoreError> {
    let [before, later @ ..] = MIGRATIONS else { return Ok(()) };
    if format(connection)? != Some(FORMAT - 1) || schema::changed(connection, &[before])?.is_some() {
        return Ok(());
    }
    let doing = "adding the tables of this version to the log";
    let transaction = connection.transaction().context(doing)?;
    later.iter().try_for_each(|sql| transaction.execute_batch(sql)).context(doing)?;
    transaction.pragma_update(None, "user_version", FORMAT).context(doing)?;
    transaction.commit().context(doing)
}

/// Whether the file is empty. Returns the reason why it is not a log of this format, if it is neither.
fn is_new(connection: &Connection) -> Result<Result<bool, String>, StoreError> {
    let doing = "checking the log's schema";
    if is_ours(connection)? {
        return Ok(Ok(false));
    }
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).context(doing);
    let (id, format) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    Ok(match (id, format, number("SELECT count(*) FROM sqlite_schema")?) {
        (0, 0, 0) => Ok(true),
        (APPLICATION_ID, FORMAT.., _) => {
            let advice = "a newer version made it; install that version or a later one";
            Err(format!("it has format {format}, and this version reads formats up to {FORMAT}: {advice}"))
        }
        (APPLICATION_ID, ..) => Err(format!("it has format {format}, and this version reads only format {FORMAT}")),
        _ => Err("an unknown schema".to_owned()),
    })
}

/// Makes the tables of a new log.
pub(super) fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let doing = "creating the log's tables";
    let transaction = connection.transaction().context(doing)?;
    MIGRATIONS.iter().try_for_each(|sql| transaction.execute_batch(sql)).context(doing)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).context(doing)?;
    transaction.pragma_update(None, "user_version", FORMAT).context(doing)?;
    transaction.commit().context(doing)
}

/// The fault at the beginning or the end of the log, if there is one. To find holes in between, all rows would have to
/// be read.
pub(super) fn misplaced(connection: &Connection) -> Result<Option<String>, StoreError> {
    let sql = "SELECT (SELECT min(seq) FROM entry), (SELECT max(seq) FROM entry), (SELECT pruned FROM head)";
    let ends = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (first, last, pruned): (Option<i64>, Option<i64>, Option<i64>) =
        connection.query_row(sql, [], ends).context("checking where the log begins")?;
    Ok(match (first, last, pruned) {
        (_, _, None) => Some("its head is missing".to_owned()),
        (Some(first), _, Some(pruned)) if first != pruned => {
            Some(format!("it begins at seq {first}, but the cleanup reached only {pruned}: entries are missing"))
        }
        (_, Some(last), _) if last >= PLACES => Some(format!("it ends at the impossible seq {last}")),
        _ => None,
    })
}

/// The second safeguard besides the triggers: statements that edit entries cannot even be prepared.
fn writer_may(context: &AuthContext<'_>, pruning: &AtomicBool) -> Authorization {
    let allowed = match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Transaction { .. } => true,
        AuthAction::Insert { table_name } => {
            const LOG: [&str; 12] = [
                "entry",
                "common",
                "payload",
                "term",
                "tile",
                "block",
                "chunk",
                "entry_id",
                "other_id",
                "id_part",
                "usage_run",
                "usage_part",
            ];
            const STATES: [&str; 11] = [
                "setting",
                "cron",
                "hold",
                "view",
                "verifier",
                "checkpoint",
                "clock",
                "place",
                "judged_by",
                "tool",
                "alert",
            ];
            LOG.contains(&table_name) || STATES.contains(&table_name)
        }
        AuthAction::Update { table_name: "head", column_name: "size" | "root" } => true,
        AuthAction::Update { table_name, .. } => match table_name {
            "setting" | "cron" | "hold" | "view" | "place" | "tile" | "tool" | "alert" => true,
            "head" => pruning.load(Ordering::Relaxed),
            _ => false,
        },
        // Of checkpoints, a trigger says which.
        AuthAction::Delete { table_name: "view" | "alert" | "checkpoint" } => true,
        AuthAction::Delete { table_name } => {
            // The index is made from the entries, and can be again; so can usage, as far as its triggers let it go.
            matches!(table_name, "block" | "chunk" | "entry_id" | "id_part" | "usage_run" | "usage_part")
                || (matches!(table_name, "entry" | "common" | "other_id" | "payload" | "term" | "tile")
                    && pruning.load(Ordering::Relaxed))
        }
        AuthAction::Function { function_name } => {
            matches!(function_name, "max" | "min" | "coalesce" | "count" | "raise" | "length" | "substr")
        }
        AuthAction::Pragma { pragma_name, pragma_value } => {
            matches!(pragma_name, "wal_checkpoint" | "incremental_vacuum")
                || (pragma_name == "data_version" && pragma_value.is_none())
        }
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

fn reader_may(context: &AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Function { .. } | AuthAction::Transaction { .. } => {
            Authorization::Allow
        }
        // Questions, not orders.
        AuthAction::Pragma {
            pragma_name: "page_count" | "page_size" | "freelist_count" | "data_version",
            pragma_value: None,
        } => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::commons::CommonCache;
    use crate::sqlite::snapshot::SqliteSnapshot;
    use mcp_audit_log_index::check::Texts;
    use mcp_audit_log_model::field::Field;

    #[test]
    fn a_search_of_the_dictionary_ends_at_the_deadline() {
        let connection = Connection::open_in_memory().expect("a database");
        MIGRATIONS.iter().try_for_each(|sql| connection.execute_batch(sql)).expect("tables");
        let row = [Field::Tool as i64];
        connection.execute("INSERT INTO term VALUES (?1, 1, 'search')", row).expect("a text");
        let commons = CommonCache::default();
        let log = SqliteSnapshot::new(&connection, &commons);
        let look = || Texts::default().matching(&log, Field::Tool, |text| text.starts_with('s'));
        assert_eq!(look().expect("found"), [1]);
        UNTIL.set(Instant::now().checked_sub(Duration::from_secs(1)));
        assert!(matches!(look(), Err(StoreError::Deadline(10))));
    }

    #[test]
    fn a_log_of_the_format_before_gets_its_new_tables_unless_it_was_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let raw = || Connection::open(folder.path().join("mcp-audit-log.db")).expect("raw");
        drop(crate::open(folder.path()).expect("a log"));
        let as_it_was = "DROP TABLE tool; DROP TABLE alert; PRAGMA user_version = 2";
        raw().execute_batch(&format!("{as_it_was}; INSERT INTO clock VALUES (7)")).expect("as it was");
        let (files, writer) = crate::open(folder.path()).expect("a log");
        assert_eq!(files.clock_confirmed().expect("read"), 7);
        assert!(files.tools().expect("read").is_empty() && files.alerts().expect("read").is_empty());
        drop((files, writer));
        raw().execute_batch(&format!("{as_it_was}; DROP TRIGGER entry_no_update")).expect("changed");
        let error = crate::open(folder.path()).map(drop).expect_err("refused").to_string();
        assert!(error.contains("format 2"), "{error}");
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('tool', 'alert')";
        assert_eq!(raw().query_row(tables, [], |row| row.get::<_, u64>(0)).expect("counted"), 0);
    }
}
