//! One transaction of the writer's connection: the methods of the seam that change the log.

use std::cell::RefCell;
use std::ops::Range;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::commons::{CommonCache, CommonNumbers};
use super::ids::BlockIds;
use super::rows::Insert;
use super::snapshot::{SqliteSnapshot, chunk, chunks};
use super::{SqlContext, ids, judged_by, payloads, states};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_index::{
    ColumnValue, HeadChange, NewColumn, NewPart, NewRow, PackedPayload, Removable, RowColumns, Snapshot, StateChange,
    StoreError, StoredBlock, StoredRun, Transaction,
};
use mcp_audit_log_ledger::Tile;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// A transaction of the writer's connection.
pub(super) struct SqliteTransaction<'c> {
    now: SqliteSnapshot<'c>,
    insert: RefCell<Option<Insert<'c>>>,
    numbers: &'c RefCell<CommonNumbers>,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        commons: &'c CommonCache,
        numbers: &'c RefCell<CommonNumbers>,
    ) -> Self {
        Self { now: SqliteSnapshot::new(connection, commons), insert: RefCell::default(), numbers }
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn snapshot(&self) -> &dyn Snapshot {
        &self.now
    }

    fn greatest_id(&self) -> Result<Option<Uuid>, StoreError> {
        ids::greatest(self.now.connection).context("finding the newest id")
    }

    fn index_ids(&self, from: u64) -> Result<(), StoreError> {
        ids::restore(&self.now, from)
    }

    fn last_number(&self, field: Field) -> Result<u64, StoreError> {
        let sql = format!("SELECT coalesce(max(id), 0) FROM term WHERE field = {}", field as i64);
        self.now.connection.query_row(&sql, [], |row| row.get(0)).context("reading the dictionary")
    }

    fn payloads_from(&self, seq: u64, show: &mut dyn FnMut(u64, Timestamp) -> bool) -> Result<(), StoreError> {
        let doing = "reading old payloads";
        let sql = "SELECT seq FROM payload WHERE seq >= ?1 ORDER BY seq";
        let mut statement = self.now.connection.prepare(sql).context(doing)?;
        let mut rows = statement.query([seq]).context(doing)?;
        let mut more = true;
        while let Some(row) = rows.next().context(doing)?.filter(|_| more) {
            let seq: u64 = row.get(0).context(doing)?;
            self.now.rows(seq..seq.saturating_add(1), RowColumns::Fields(&[Field::RecordedAt]), &mut |_, row| {
                if let ColumnValue::Integer(micros) = row.column(0) {
                    more = show(seq, Timestamp::from_micros(micros));
                }
                Ok(false)
            })?;
        }
        Ok(())
    }

    fn append(&self, row: &NewRow<'_>) -> Result<(), StoreError> {
        let mut insert = self.insert.borrow_mut();
        if insert.is_none() {
            *insert = Some(Insert::new(self.now.connection, self.numbers).context("storing entries")?);
        }
        insert.as_mut().map_or(Ok(()), |insert| insert.run(row)).context("storing entries")
    }

    fn append_payload(&self, seq: u64, payload: &PackedPayload) -> Result<(), StoreError> {
        payloads::insert(self.now.connection, seq, payload).context("storing entries")
    }

    fn append_text(&self, field: Field, number: u64, text: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR FAIL INTO term (field, id, text) VALUES (?1, ?2, ?3)";
        let insert = self.now.connection.prepare_cached(sql);
        let row = params![field as i64, number, text];
        insert.and_then(|mut insert| insert.execute(row)).context("storing texts").map(drop)
    }

    fn append_block(&self, block: StoredBlock, columns: &[NewColumn]) -> Result<(), StoreError> {
        let doing = "writing the index";
        let sql = "INSERT INTO chunk (place, zone, planes) VALUES (?1, ?2, ?3)";
        let mut insert = self.now.connection.prepare_cached(sql).context(doing)?;
        for NewColumn { field, zone, planes } in columns {
            insert.execute(params![chunk(block.first, *field), zone, planes]).context(doing)?;
        }
        let ids = BlockIds::of(&self.now, block.first, block.length)?;
        ids.store(self.now.connection).context(doing)?;
        let sql = "INSERT INTO block (first, length, fields, ids) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.now.connection.prepare_cached(sql).context(doing)?;
        let StoredBlock { first, length, fields } = block;
        insert.execute(params![first, length, fields.cast_signed(), ids.sealed_range()]).context(doing).map(drop)
    }

    fn append_run(&self, run: StoredRun, parts: &[NewPart]) -> Result<(), StoreError> {
        let doing = "writing usage";
        let sql = "INSERT INTO usage_part (run, number, share, cells, amounts) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.now.connection.prepare_cached(sql).context(doing)?;
        for NewPart { key, cells, amounts } in parts {
            insert.execute(params![key.run, key.number, key.share, cells, amounts]).context(doing)?;
        }
        let sql = "INSERT INTO usage_run (first, length, fields, least, most, recorded, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let StoredRun { first, length, fields, least, most, recorded, checksum } = run;
        let mut insert = self.now.connection.prepare_cached(sql).context(doing)?;
        let [first, length, fields] = [first, length, fields].map(u64::cast_signed);
        insert.execute([first, length, fields, least, most, recorded, checksum]).context(doing).map(drop)
    }

    fn put_tile(&self, tile: Tile, hashes: &[u8], is_there: bool) -> Result<(), StoreError> {
        let sql = match is_there {
            true => "UPDATE tile SET hashes = ?3 WHERE level = ?1 AND number = ?2",
            false => "INSERT INTO tile (level, number, hashes) VALUES (?1, ?2, ?3)",
        };
        let put = self.now.connection.prepare_cached(sql);
        let row = params![tile.level, tile.number, hashes];
        put.and_then(|mut put| put.execute(row)).context("storing the ledger").map(drop)
    }

    fn put_states(&self, states: &StateChange) -> Result<(), StoreError> {
        states::write(self.now.connection, states).context("storing states")
    }

    fn append_judged_by(&self, record: &JudgedBy) -> Result<(), StoreError> {
        judged_by::append(self.now.connection, record)
    }

    /// Statements that move the prune points are not cached; [`super::writer`] gives the reason.
    fn put_head(&self, change: HeadChange) -> Result<(), StoreError> {
        let connection = self.now.connection;
        let changed = match change {
            HeadChange::Tree(tree) => {
                let update = connection.prepare_cached("UPDATE head SET size = ?1, root = ?2 WHERE size != ?1");
                update.and_then(|mut update| update.execute(params![tree.size, tree.root.as_bytes()]))
            }
            HeadChange::Pruned { entries, payloads } => {
                connection.execute("UPDATE head SET pruned = ?1, payloads_pruned = ?2", [entries, payloads])
            }
            HeadChange::UsagePruned { below, until } => {
                connection.execute("UPDATE head SET usage_pruned = ?1, usage_until = ?2", params![below, until])
            }
        };
        changed.context("storing the log's head").map(drop)
    }

    fn remove(&self, what: Removable<'_>) -> Result<u64, StoreError> {
        if let Removable::Entries(below) = what {
            ids::remove_others(&self.now, below)?;
        }
        removed(self.now.connection, what).context("removing what is old").map(|gone| gone as u64)
    }
}

/// Statements that only a cleanup may run are not cached; [`super::writer`] gives the reason.
fn removed(connection: &Connection, what: Removable<'_>) -> rusqlite::Result<usize> {
    match what {
        Removable::Entries(below) => {
            // Those of an era go when no entry of it is left: a later one begins at or below the seq.
            let sql = "DELETE FROM common WHERE first < (SELECT max(first) FROM common WHERE first <= ?1)";
            connection.execute(sql, [below])?;
            connection.execute("DELETE FROM entry_id WHERE seq < ?1", [below])?;
            connection.execute("DELETE FROM entry WHERE seq < ?1", [below])
        }
        Removable::Payloads(below) => connection.execute("DELETE FROM payload WHERE seq < ?1", [below]),
        Removable::Tiles(level, below) => {
            connection.execute("DELETE FROM tile WHERE level = ?1 AND number < ?2", params![level, below])
        }
        Removable::Texts(field, numbers) => {
            connection.execute("UPDATE head SET sweeping = 1", [])?;
            let mut delete = connection.prepare("DELETE FROM term WHERE field = ?1 AND id = ?2")?;
            for number in numbers {
                delete.execute(params![field as i64, number])?;
            }
            connection.execute("UPDATE head SET sweeping = 0, swept = swept + ?1", [numbers.len()])?;
            Ok(numbers.len())
        }
        Removable::Blocks(first) => {
            let sql = "DELETE FROM chunk WHERE place >= ?1 AND place < ?2";
            connection.prepare_cached(sql)?.execute(chunks(&first))?;
            let sql = "DELETE FROM id_part WHERE place >= ?1 AND place < ?2";
            connection.prepare_cached(sql)?.execute(ids::numbers(&first))?;
            let sql = "DELETE FROM block WHERE first >= ?1 AND first < ?2";
            connection.prepare_cached(sql)?.execute(signed(&first))
        }
        Removable::Runs(first) => {
            connection.execute("DELETE FROM usage_part WHERE run >= ?1 AND run < ?2", signed(&first))?;
            connection.execute("DELETE FROM usage_run WHERE first >= ?1 AND first < ?2", signed(&first))
        }
    }
}

/// A range of seqs as the signed numbers of the columns. A range that begins at 0 also includes forged rows below 0.
fn signed(seqs: &Range<u64>) -> [i64; 2] {
    let start = if seqs.start == 0 { i64::MIN } else { seqs.start.cast_signed() };
    [start, i64::try_from(seqs.end).unwrap_or(i64::MAX)]
}
