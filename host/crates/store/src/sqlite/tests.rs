//! The database refuses every edit, and permits only the removal of a prefix.

mod common_columns;
mod contract;
mod damage;
mod finding;
mod id_index;
mod narrowing;
mod overview;
mod proving;
mod sweeping;
mod usage;
mod usage_kept;
mod usage_naive;

use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteWriter;
use super::snapshot::BLOCK;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{Batch, PageAnchor, PageQuery, Prepared, StoreReader, Stored, StoredPayload, Writer};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::{SECOND, Timestamp};

/// How many entries a block has when it is closed.
pub(super) const SMALL: u64 = BLOCK;
/// How many entries a large block has, which is merged from small ones.
pub(super) const LARGE: u64 = 16 * SMALL;

thread_local! {
    /// The statements that readers ran.
    static TRACED: std::cell::RefCell<std::collections::BTreeSet<String>> = const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

/// Records the statements that `connection` runs.
pub(super) fn trace(connection: &mut Connection) {
    let traced = connection.trace_v2(
        rusqlite::trace::TraceEventCodes::SQLITE_TRACE_STMT,
        Some(|event: rusqlite::trace::TraceEvent<'_>| {
            if let rusqlite::trace::TraceEvent::Stmt(statement, _) = event {
                TRACED.with_borrow_mut(|traced| traced.insert(statement.sql().into_owned()));
            }
        }),
    );
    traced.expect("traced");
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * SECOND)
}

fn entry(number: u64, recorded_at: Timestamp) -> Entry {
    let mut entry = Entry::new(Uuid::from_u128(number.into()), recorded_at, recorded_at);
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
        entry.set_text(*field, Some(field.name()));
    }
    entry.details.insert("number".to_owned(), number.into());
    entry
}

fn payload() -> StoredPayload {
    // One body as it is, one compressed.
    let response = Some(r#"{"name":"grün"},"#.repeat(100));
    StoredPayload { salt: [9; 32], request: Some("{}".into()), response, notes: Details::new() }
}

fn batch(entries: impl IntoIterator<Item = Entry>) -> Batch {
    Batch {
        entries: entries.into_iter().map(|entry| Prepared::new(entry, Some(payload()))).collect(),
        ..Batch::default()
    }
}

struct Log {
    folder: tempfile::TempDir,
    files: StoreReader,
    writer: SqliteWriter,
}

fn log(entries: impl IntoIterator<Item = Entry>) -> Log {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    writer.commit(&batch(entries)).expect("stored");
    Log { folder, files, writer }
}

/// Runs `sql` without triggers and constraints and restores the triggers afterwards, like an intruder who hides the
/// change.
pub(super) fn tamper(file: &std::path::Path, sql: &str) {
    let raw = Connection::open(file).expect("a raw connection");
    crate::show_columns(&raw).expect("a view");
    let list = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let mut list = raw.prepare(list).expect("a statement");
    let triggers = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect);
    let triggers: Vec<(String, String)> = triggers.expect("triggers");
    let dropped: String = triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect();
    let made: String = triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
    let all = format!("PRAGMA ignore_check_constraints = ON; {dropped} {sql}; {made}");
    raw.execute_batch(&all).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn all(files: &StoreReader, domain: Domain) -> Vec<Entry> {
    files.page(&PageQuery { domain, from: PageAnchor::Newest, limit: 500 }).expect("a page").entries
}

#[test]
fn what_is_stored_is_read_back_as_it_was() {
    let mut given = entry(7, at(5));
    given.parent = Some(Uuid::from_u128(3));
    (given.status_code, given.duration_us) = (Some(404), Some(u64::from(u32::MAX)));
    given.payload_commitment = Some(payload().commitment().0);
    let log = log([entry(1, at(1)), given.clone()]);
    (given.seq, given.has_payload) = (1, true);
    assert_eq!(all(&log.files, Domain::TRUE)[0], given);
    assert_eq!(log.files.payload(1).expect("read"), Some(payload()));
}

#[test]
fn an_id_is_stored_once_and_times_never_go_back() {
    let mut log = log([entry(1, at(100))]);
    let stored = log.writer.commit(&batch([entry(1, at(101)), entry(2, at(50)), entry(2, at(51))])).expect("stored");
    assert_eq!(stored, [Stored::Duplicate, Stored::At(1), Stored::Duplicate]);
    assert_eq!(all(&log.files, Domain::TRUE)[0].recorded_at, at(100));
}

#[test]
fn a_second_writer_is_refused_and_a_foreign_file_is_left_alone() {
    let log = log([]);
    let error = crate::open(log.folder.path()).map(drop).expect_err("refused").to_string();
    assert!(error.contains("in use by another process"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mcp-audit-log.db");
    Connection::open(&path).expect("a file").execute_batch("CREATE TABLE mine (x)").expect("a table");
    let error = crate::open(folder.path()).map(drop).expect_err("refused").to_string();
    assert!(error.contains("not a log of this version"), "{error}");
}

/// A log of another format is neither written nor read, and stays as it is.
#[test]
fn a_log_of_another_format_is_refused_and_left_alone() {
    let Log { folder, files, writer } = log([entry(1, at(1))]);
    drop((files, writer));
    let path = folder.path().join("mcp-audit-log.db");
    for format in [1, 4] {
        Connection::open(&path).expect("raw").pragma_update(None, "user_version", format).expect("written");
        let before = std::fs::read(&path).expect("the file");
        let error = crate::open(folder.path()).map(drop).expect_err("refused").to_string();
        assert!(error.contains("not a log of this version") && error.contains(&format!("format {format}")), "{error}");
        let files = crate::open_to_read(folder.path()).expect("a file");
        let error = files.seqs().expect_err("refused").to_string();
        assert!(error.contains("not a log of this version"), "{error}");
        assert!(std::fs::read(&path).expect("the file") == before, "format {format}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("log");
    let (_files, mut writer) = crate::open(&folder).expect("a log");
    writer.commit(&batch([entry(1, at(1))])).expect("stored");
    crate::Tokens::open(&folder).expect("tokens");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o077;
    assert_eq!(mode(&folder), 0);
    for file in std::fs::read_dir(&folder).expect("files") {
        let path = file.expect("a file").path();
        assert_eq!(mode(&path), 0, "{}", path.display());
    }
}

/// Every way to edit stored data.
const EDITS: &[&str] = &[
    "UPDATE entry SET fields = x'00'",
    "UPDATE entry SET seq = seq + 10",
    "DELETE FROM entry",
    "DELETE FROM entry WHERE seq = 0",
    "INSERT OR REPLACE INTO entry SELECT * FROM entry",
    "REPLACE INTO entry SELECT * FROM entry LIMIT 1",
    "INSERT INTO entry SELECT * FROM entry WHERE seq = 0 ON CONFLICT DO UPDATE SET fields = x'00'",
    "UPDATE OR REPLACE entry SET seq = 0 WHERE seq = 1",
    "UPDATE common SET fields = x'00'",
    "UPDATE common SET number = number + 1",
    "DELETE FROM common",
    "REPLACE INTO common SELECT first, number, x'00' FROM common",
    "INSERT INTO common SELECT first, number + 5, fields FROM common",
    "UPDATE entry_id SET seq = seq + 10",
    "UPDATE payload SET request = ''",
    "DELETE FROM payload",
    "REPLACE INTO payload SELECT * FROM payload",
    "UPDATE term SET text = 'x' || text",
    "DELETE FROM term",
    "REPLACE INTO term SELECT field, id, 'x' || text FROM term",
    "UPDATE head SET pruned = 99, payloads_pruned = 99",
    "UPDATE head SET payloads_pruned = 9223372036854775807",
    "DELETE FROM head",
    "INSERT OR REPLACE INTO head (one, pruned, payloads_pruned) VALUES (1, 99, 99)",
    "UPDATE head SET root = zeroblob(32)",
    "UPDATE head SET size = size - 1",
    "UPDATE tile SET hashes = zeroblob(length(hashes))",
    "UPDATE tile SET hashes = zeroblob(length(hashes) + 32)",
    "UPDATE tile SET number = number + 1",
    "REPLACE INTO tile SELECT level, number, zeroblob(32) FROM tile",
    "DELETE FROM tile",
];

fn assert_refused(connection: &Connection, extra: &[&str], who: &str) {
    for sql in EDITS.iter().chain(extra) {
        assert!(connection.execute_batch(sql).is_err(), "{who} could run: {sql}");
    }
}

#[test]
fn edits_are_refused_on_every_connection() {
    let log = log([entry(1, at(1)), entry(2, at(2))]);
    let path = log.folder.path().join("mcp-audit-log.db");
    let before = all(&log.files, Domain::TRUE);
    let schema = [
        "DROP TABLE entry",
        "DROP TRIGGER entry_no_update",
        "ALTER TABLE entry ADD COLUMN x",
        "UPDATE head SET pruned = 1, payloads_pruned = 1",
    ];
    assert_refused(log.writer.store().connection(), &schema, "the writer");
    assert_refused(&super::connection::reader(&path).expect("a reader"), &schema, "a reader");
    // Another program: the triggers alone must hold, also without recursive triggers.
    let raw = Connection::open(&path).expect("a raw connection");
    raw.pragma_update(None, "recursive_triggers", "OFF").expect("off");
    assert_refused(&raw, &["UPDATE head SET pruned = -1"], "a raw connection");
    assert_eq!(all(&log.files, Domain::TRUE), before);
}

/// Appends the newest entry and its payload again, at other seqs, through a raw connection.
fn forged(entry: &str, payload: &str) -> [String; 2] {
    let copy = "CREATE TEMP TABLE forged AS SELECT * FROM";
    [
        format!(
            "{copy} entry LIMIT 1; UPDATE forged SET seq = {entry}; INSERT INTO entry SELECT * FROM forged; DROP TABLE forged"
        ),
        format!("{copy} payload LIMIT 1; UPDATE forged SET seq = {payload}; INSERT INTO payload SELECT * FROM forged"),
    ]
}

#[test]
fn only_the_next_seq_takes_an_entry() {
    let mut log = log([entry(1, at(1)), entry(2, at(2))]);
    let path = log.folder.path().join("mcp-audit-log.db");
    for seq in ["-1", "1", "3", "9223372036854775807"] {
        for sql in forged(seq, seq) {
            let raw = Connection::open(&path).expect("a raw connection");
            assert!(raw.execute_batch(&sql).is_err(), "ran: {sql}");
        }
    }
    assert_eq!(log.writer.commit(&batch([entry(3, at(3))])).expect("stored"), [Stored::At(2)]);
}

/// Counts the reported errors.
#[derive(Clone, Default)]
struct ErrorCount(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for ErrorCount {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn the_writer_tells_what_another_program_did() {
    let mut log = log([entry(1, at(1)), entry(2, at(2))]);
    let raw = Connection::open(log.folder.path().join("mcp-audit-log.db")).expect("a raw connection");
    let errors = ErrorCount::default();
    let _guard = tracing::subscriber::set_default(errors.clone());
    let count = || errors.0.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(log.writer.commit(&batch([entry(3, at(3))])).expect("stored"), [Stored::At(2)]);
    log.writer
        .prune(mcp_audit_log_index::Removal::everywhere(Plan { entries_before: Some(at(2)), ..Plan::default() }))
        .expect("pruned");
    log.writer.commit(&batch([entry(4, at(4))])).expect("stored");
    assert_eq!(count(), 0);
    raw.execute_batch("UPDATE head SET pruned = 2, payloads_pruned = 2; DELETE FROM entry WHERE seq < 2").expect("ran");
    log.writer.commit(&batch([entry(5, at(5))])).expect("stored");
    assert_eq!(count(), 1);
    log.writer.commit(&batch([entry(6, at(6))])).expect("stored");
    assert_eq!(count(), 1, "reported once");
}

/// An entry that another program appended has no leaf. No entry is recorded after it, since that would hide the change.
#[test]
fn nothing_is_recorded_behind_what_the_ledger_does_not_have() {
    let Log { folder, files, mut writer } = log([entry(1, at(1)), entry(2, at(2))]);
    let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("a raw connection");
    let [append, _] = forged("2", "2");
    raw.execute_batch(&append).expect("SQLite alone cannot refuse it");
    for _ in 0..2 {
        let error = writer.commit(&batch([entry(5, at(5))])).expect_err("refused").to_string();
        assert!(error.contains("does not match the log at seq 2") && error.contains("the ledger has 2"), "{error}");
    }
    drop((files, writer));
    let error = crate::open(folder.path()).map(drop).expect_err("refused").to_string();
    assert!(error.contains("does not match the log at seq 2") && error.contains("mcp-audit-log verify"), "{error}");
}

#[test]
fn a_log_without_its_safeguards_is_not_opened() {
    for (sql, expected) in [
        ("DROP TRIGGER entry_no_update", "trigger entry_no_update is missing"),
        (
            "DROP TRIGGER term_no_delete; CREATE TRIGGER term_no_delete BEFORE DELETE ON term BEGIN SELECT 1; END",
            "trigger term_no_delete was changed",
        ),
        ("CREATE TRIGGER mine BEFORE INSERT ON entry BEGIN SELECT RAISE(IGNORE); END", "trigger mine was added"),
        ("DROP INDEX term_text", "index term_text is missing"),
        ("DROP TRIGGER head_no_delete; DELETE FROM head", "head_no_delete is missing"),
    ] {
        let Log { folder, files, writer } = log([entry(1, at(1)), entry(2, at(2))]);
        drop((files, writer));
        Connection::open(folder.path().join("mcp-audit-log.db")).expect("raw").execute_batch(sql).expect(sql);
        let error = crate::open(folder.path()).map(drop).expect_err(sql).to_string();
        assert!(error.contains(expected) && error.contains("backup"), "{error}");
    }
}

#[test]
fn a_log_that_lost_its_beginning_or_counts_too_far_is_not_opened() {
    let trigger = |name: &str, connection: &Connection| -> String {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        connection.query_row(sql, [name], |row| row.get(0)).expect("a trigger")
    };
    for (name, sql, expected) in [
        ("entry_no_delete", "DELETE FROM entry WHERE seq = 0".to_owned(), "begins at seq 1"),
        (
            "entry_append_only",
            format!("PRAGMA ignore_check_constraints = ON; {}", forged("9223372036854775807", "0")[0]),
            "impossible seq",
        ),
    ] {
        let Log { folder, files, writer } = log([entry(1, at(1)), entry(2, at(2))]);
        drop((files, writer));
        drop(crate::open(folder.path()).expect("untouched"));
        let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("raw");
        // Done by an intruder who hides the change.
        let guard = trigger(name, &raw);
        raw.execute_batch(&format!("DROP TRIGGER {name}; {sql}; {guard}")).expect("ran");
        let error = crate::open(folder.path()).map(drop).expect_err(name).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn pruning_removes_what_is_older_in_chunks_and_nothing_else() {
    let mut log = log((0..1_200).map(|number| entry(number, at(number.cast_signed()))));
    let plan = Plan { entries_before: Some(at(1_100)), payloads_before: Some(at(1_150)), ..Plan::default() };
    let mut steps = Vec::new();
    loop {
        let step = log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("a step");
        steps.push((step.entries, step.payloads));
        if !step.more {
            break;
        }
    }
    // Further steps look for texts that no entry has any more.
    steps.retain(|step| *step != (0, 0));
    assert_eq!(steps, [(500, 500), (500, 500), (100, 150)]);
    let left = all(&log.files, Domain::TRUE);
    assert_eq!((left.len(), left[99].seq), (100, 1_100));
    assert_eq!(left.iter().filter(|entry| entry.has_payload).count(), 50);
    assert_eq!(log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("idle").entries, 0);
    assert_eq!(log.writer.commit(&batch([entry(5_000, at(0))])).expect("stored"), [Stored::At(1_200)]);
}

#[test]
fn a_log_that_was_emptied_goes_on_counting() {
    let mut log = log([entry(1, at(1)), entry(2, at(2))]);
    let plan = Plan { entries_before: Some(at(10)), ..Plan::default() };
    assert_eq!(log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned").entries, 2);
    assert_eq!(log.writer.commit(&batch([entry(3, at(20))])).expect("stored"), [Stored::At(2)]);
    assert_eq!(log.files.extent().expect("measured").entries, 1);
}
