//! A forger: can write the log's folder, knows this program completely, and does not have the log's keys.

use std::fs;
use std::path::Path;

use mcp_audit_log::field::{Field, FieldType};
use mcp_audit_log::ledger::{Content, Frontier, Hash, Leaf, TILE_WIDTH, fold};
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// A copy of a log that the forger edits. Its triggers are removed until [`Forger::done`].
pub(crate) struct Forger {
    folder: tempfile::TempDir,
    raw: Connection,
    /// The removed triggers.
    guards: String,
    /// The hash of each leaf that ever existed, if it is known; otherwise another hash.
    leaves: Vec<Hash>,
}

impl Forger {
    /// A copy of the log in `folder`, with its `signing.last` and its keys, which the forger does not read.
    pub(crate) fn of(folder: &Path) -> Self {
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["mcp-audit-log.db", "signing.key", "signing.last"] {
            fs::copy(folder.join(name), copy.path().join(name)).expect("copied");
        }
        let raw = Connection::open(copy.path().join("mcp-audit-log.db")).expect("a raw connection");
        mcp_audit_log_store::show_columns(&raw).expect("a view");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let triggers: Vec<(String, String)> = raw
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .and_then(|mut found| found.query_map([], read)?.collect())
            .expect("triggers");
        let drop: String = triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect();
        raw.execute_batch(&drop).expect("dropped");
        let guards = triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
        let mut forger = Self { folder: copy, raw, guards, leaves: Vec::new() };
        forger.leaves = forger.known_leaves();
        forger
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.raw.execute_batch(sql).expect(sql);
    }

    pub(crate) fn number(&self, sql: &str) -> u64 {
        self.raw.query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    pub(crate) fn text(&self, sql: &str) -> String {
        self.raw.query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// The end of the log.
    pub(crate) fn end(&self) -> u64 {
        self.number("SELECT size FROM head")
    }

    fn known_leaves(&self) -> Vec<Hash> {
        let mut leaves = Vec::new();
        let mut statement =
            self.raw.prepare("SELECT number, hashes FROM tile WHERE level = 0 ORDER BY number").expect("tiles");
        let tiles = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        for (number, hashes) in
            tiles.expect("tiles").map(|tile: rusqlite::Result<(u64, Vec<u8>)>| tile.expect("a tile"))
        {
            leaves.resize((number * TILE_WIDTH) as usize, Hash::of(b"made up"));
            leaves.extend(hashes.chunks_exact(32).filter_map(Hash::from_slice));
        }
        leaves
    }

    /// Appends an entry about the log, copied from one of the same kind. `details` override those of the original.
    pub(crate) fn append(&mut self, method: &str, details: &Json) {
        let field = 7;
        let known = "SELECT count(*) FROM term WHERE field = 7 AND text = ?1";
        if self.raw.query_row(known, [method], |row| row.get::<_, u64>(0)).expect("read") == 0 {
            let sql = "INSERT INTO term SELECT ?1, max(id) + 1, ?2 FROM term WHERE field = ?1";
            self.raw.execute(sql, params![field, method]).expect("a text");
        }
        let columns: Vec<String> = self
            .raw
            .prepare("SELECT name FROM pragma_table_info('entries')")
            .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
            .expect("columns");
        let seq = self.end() + self.number("SELECT count(*) FROM entries WHERE seq >= (SELECT size FROM head)");
        let model = "SELECT max(seq) FROM entries WHERE method IN
            (SELECT id FROM term WHERE field = 7 AND text IN ('log.started', 'retention.started'))";
        let model = self.number(model);
        let before: String = self
            .raw
            .query_row("SELECT details FROM entries WHERE seq = ?1", [model], |row| row.get(0))
            .expect("details");
        let mut said: Json = serde_json::from_str(&before).expect("an object");
        for (name, value) in details.as_object().expect("an object") {
            said[name] = value.clone();
        }
        let value = |column: &String| match column.as_str() {
            "seq" => seq.to_string(),
            "id" => format!("x'{:032x}'", (1_u128 << 120) + u128::from(seq)),
            "recorded_at" => "(SELECT max(recorded_at) FROM entries)".to_owned(),
            "method" => format!("(SELECT id FROM term WHERE field = 7 AND text = '{method}')"),
            "details" => format!("'{}'", said.to_string().replace('\'', "''")),
            other => other.to_owned(),
        };
        let values: Vec<_> = columns.iter().map(value).collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        self.sql(&format!("INSERT INTO entries ({columns}) SELECT {values} FROM entries WHERE seq = {model}"));
    }

    /// Removes everything below a `seq`, and claims that the cleanup did it.
    pub(crate) fn cut(&self, place: u64) {
        self.sql(&format!(
            "DELETE FROM entries WHERE seq < {place}; DELETE FROM payload WHERE seq < {place};
            UPDATE head SET pruned = {place}, payloads_pruned = max(payloads_pruned, {place})"
        ));
    }

    /// The current digest of the archived checkpoints, as entries record it.
    pub(crate) fn counted(&self) -> Json {
        let mut digest = Sha256::digest(b"");
        let mut statement =
            self.raw.prepare("SELECT number, note FROM checkpoint WHERE archived = 1 ORDER BY number").expect("rows");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        for (number, note) in rows.map(|row: rusqlite::Result<(u64, String)>| row.expect("a row")) {
            let note = Sha256::digest(note.as_bytes());
            digest = Sha256::digest([digest.as_slice(), &number.to_be_bytes(), note.as_slice()].concat());
        }
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let newest = self.number("SELECT coalesce(max(number), 0) FROM checkpoint");
        json!({ "checkpoint": newest, "checkpoint_digest": hex })
    }

    /// The leaf of each entry, computed from its row as docs/ledger.md specifies.
    fn made_leaves(&self) -> Vec<(u64, Hash)> {
        let text = |field: Field, number: i64| -> String {
            let sql = "SELECT text FROM term WHERE field = ?1 AND id = ?2";
            self.raw.query_row(sql, [field as i64, number], |row| row.get(0)).expect("a text")
        };
        let mut statement = self.raw.prepare("SELECT * FROM entries").expect("entries");
        let leaf = |row: &rusqlite::Row<'_>| {
            let mut content = Content::default();
            for field in Content::fields() {
                match (field.kind(), row.get::<_, Value>(field.name())?) {
                    (_, Value::Null) => {}
                    (FieldType::Text, Value::Integer(number)) => content.text(field, &text(field, number)),
                    (_, Value::Text(text)) => content.text(field, &text),
                    (_, Value::Integer(number)) => content.integer(field, number),
                    (_, Value::Blob(id)) => content.id(field, &id),
                    other => unreachable!("{other:?}"),
                }
            }
            let commitment: Option<Vec<u8>> = row.get("payload_commitment")?;
            content.end(commitment.as_deref(), row.get::<_, Option<String>>("details")?.as_deref());
            let seq = row.get("seq")?;
            Ok((seq, Leaf::new(seq, row.get("recorded_at")?, content.hash()).hash()))
        };
        statement.query_map([], leaf).and_then(Iterator::collect).expect("leaves")
    }

    /// Restores the triggers, and computes tiles, root and size from the remaining rows.
    pub(crate) fn done(mut self) -> tempfile::TempDir {
        for (seq, leaf) in self.made_leaves() {
            self.leaves.resize((seq as usize + 1).max(self.leaves.len()), Hash::of(b"made up"));
            self.leaves[seq as usize] = leaf;
        }
        self.leaves.truncate(self.number("SELECT coalesce(max(seq) + 1, 0) FROM entries") as usize);
        self.sql("DELETE FROM tile");
        let first = self.number("SELECT pruned FROM head");
        let (mut level, mut hashes) = (0_u32, self.leaves.clone());
        while !hashes.is_empty() {
            let kept = first >> (8 * (level + 1));
            for (number, tile) in hashes.chunks(TILE_WIDTH as usize).enumerate().filter(|(at, _)| *at as u64 >= kept) {
                let bytes: Vec<u8> = tile.iter().flat_map(|hash| *hash.as_bytes()).collect();
                let sql = "INSERT INTO tile (level, number, hashes) VALUES (?1, ?2, ?3)";
                self.raw.execute(sql, params![level, number as u64, bytes]).expect("a tile");
            }
            hashes = hashes.chunks_exact(TILE_WIDTH as usize).map(fold).collect();
            level += 1;
        }
        let mut tree = Frontier::default();
        self.leaves.iter().for_each(|leaf| tree.push(*leaf, |_, _| {}));
        let sql = "UPDATE head SET size = ?1, root = ?2";
        self.raw.execute(sql, params![tree.size(), tree.root().as_bytes()]).expect("a head");
        self.raw.execute_batch(&self.guards).expect("guards");
        let Self { folder, raw, .. } = self;
        raw.close().expect("closed");
        folder
    }
}
