//! The index of ids: which entries have an id.
//!
//! Ids of the entries after the last closed block are in the table `entry_id`. When a block is closed, its *timed* ids
//! become *parts*: four bytes for each id, half of them a hash and half of them the entry's position in the block. An id
//! is timed if it is of version 7 and was made at about the time of recording, which holds for all but those of some
//! senders. A part has some 128 ids that share bits of the hash. A block knows the least and the greatest of its timed
//! ids. So a search reads one short blob of one or two blocks, and the rows of the few entries that have the same hash.
//! The other ids stay in a B-tree, the table `other_id`: they would have to be searched in every block.

use rusqlite::{CachedStatement, Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::SqlContext;
use super::snapshot::{BLOCK, SqliteSnapshot};
use mcp_audit_log_index::{ColumnValue, Row, RowColumns, Snapshot, StoreError};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::DAY;

const DOING: &str = "reading the index of ids";
/// How many ids a part has on average.
const PART: u64 = 128;
/// The numbers that are reserved for the parts of one block: a large block has as many of them.
const PARTS: u64 = 16 * 4_096 / PART;

/// How far, in microseconds, the time in a timed id may be from the time of recording.
const NEAR: i64 = 7 * DAY;

/// The columns that decide where an id is found.
const COLUMNS: RowColumns<'static> = RowColumns::Fields(&[Field::Id, Field::RecordedAt]);

/// The bytes of an id in a part: 16 bits of its hash, and its position.
type Mark = [u8; 4];

/// The ids of a closed block.
pub(super) struct BlockIds {
    first: u64,
    length: u64,
    /// The marks of each part, ascending.
    parts: Vec<Vec<Mark>>,
    /// The least and the greatest timed id, and the greatest id of version 7. If there is none, the least is above the
    /// greatest.
    range: [[u8; 16]; 3],
    /// The ids that are not timed, with their seqs.
    pub(super) others: Vec<([u8; 16], u64)>,
}

impl BlockIds {
    /// Reads the ids of a block's entries, as far as these still exist.
    pub(super) fn of(log: &SqliteSnapshot<'_>, first: u64, length: u64) -> Result<Self, StoreError> {
        let parts = vec![Vec::new(); parts(length) as usize];
        let range = [[0xff; 16], [0; 16], [0; 16]];
        let mut ids = Self { first, length, parts, range, others: Vec::new() };
        log.rows(first..first.saturating_add(length), COLUMNS, &mut |seq, row| {
            if let Some((id, recorded_at)) = id_of(row) {
                ids.add(seq, id, recorded_at);
            }
            Ok(true)
        })?;
        ids.parts.iter_mut().for_each(|marks| marks.sort_unstable());
        Ok(ids)
    }

    fn add(&mut self, seq: u64, id: [u8; 16], recorded_at: i64) {
        let [least, greatest, of_all] = self.range;
        if version(id) == 7 {
            self.range[2] = of_all.max(id);
        }
        if !is_timed(id, recorded_at) {
            self.others.push((id, seq));
            return;
        }
        (self.range[0], self.range[1]) = (least.min(id), greatest.max(id));
        let (part, hash) = place(id, self.length);
        // No block is longer than a position can say.
        let position = u16::try_from(seq - self.first).unwrap_or_default();
        let ([a, b], [c, d]) = (hash.to_be_bytes(), position.to_be_bytes());
        self.parts[part as usize].push([a, b, c, d]);
    }

    /// The range as its block has it, with a checksum.
    pub(super) fn sealed_range(&self) -> Vec<u8> {
        let mut bytes = self.range.concat();
        bytes.extend(range_sum(self.first, self.length, &bytes));
        bytes
    }

    /// Stores the parts. The ids are removed from the table of the newest ones.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached("INSERT INTO id_part (place, ids) VALUES (?1, ?2)")?;
        for (number, marks) in (number(self.first)..).zip(&self.parts) {
            let mut bytes = marks.concat();
            bytes.extend(crc32(&bytes));
            insert.execute(rusqlite::params![number, bytes])?;
        }
        // Those of a block that is merged or made again are there.
        let sql = "INSERT OR IGNORE INTO other_id (id, seq) VALUES (?1, ?2)";
        let mut insert = connection.prepare_cached(sql)?;
        for (id, seq) in &self.others {
            insert.execute(rusqlite::params![id, seq])?;
        }
        connection.prepare_cached("DELETE FROM entry_id")?.execute([]).map(drop)
    }

    /// Whether what is stored are these ids, and perhaps those of entries below `from`.
    pub(super) fn are_stored(&self, connection: &Connection, from: u64) -> rusqlite::Result<bool> {
        let mut find = find(connection)?;
        let position = |mark: &Mark| u64::from(u16::from_be_bytes([mark[2], mark[3]]));
        for (number, marks) in (number(self.first)..).zip(&self.parts) {
            let found: Option<Vec<u8>> = find.query_row([number], |row| row.get(0)).optional()?;
            let Some((found, [])) = found.as_deref().and_then(checked).map(<[u8]>::as_chunks) else { return Ok(false) };
            let is_sorted = found.is_sorted();
            if !is_sorted || !found.iter().filter(|mark| self.first + position(mark) >= from).eq(marks) {
                return Ok(false);
            }
        }
        let mut find = connection.prepare("SELECT EXISTS (SELECT 1 FROM other_id WHERE id = ?1 AND seq = ?2)")?;
        for (id, seq) in &self.others {
            if !find.query_row(rusqlite::params![id, seq], |row| row.get::<_, bool>(0))? {
                return Ok(false);
            }
        }
        let sql = "SELECT ids FROM block WHERE first = ?1";
        let range: Vec<u8> = connection.query_row(sql, [self.first], |row| row.get(0))?;
        let [least, greatest, of_all] = self.range;
        let is_wider = range.get(..16).is_some_and(|found| found <= least.as_slice())
            && range.get(16..32).is_some_and(|found| found >= greatest.as_slice())
            && range.get(32..48).is_some_and(|found| found >= of_all.as_slice());
        Ok(if from > self.first { is_wider } else { range == self.sealed_range() })
    }
}

/// The seqs of the entries with an id, ascending.
pub(super) fn seqs_of(log: &SqliteSnapshot<'_>, id: Uuid) -> Result<Vec<u64>, StoreError> {
    let (connection, id) = (log.connection, id.into_bytes());
    let mut found = Vec::new();
    if version(id) == 7 {
        let sql = "SELECT first, length FROM block WHERE substr(ids, 1, 16) <= ?1 AND substr(ids, 17, 16) >= ?1";
        let mut blocks = connection.prepare_cached(sql).context(DOING)?;
        let mut blocks = blocks.query([id]).context(DOING)?;
        while let Some(row) = blocks.next().context(DOING)? {
            let (first, length): (u64, u64) = (row.get(0).context(DOING)?, row.get(1).context(DOING)?);
            let (part, hash) = place(id, length);
            let damaged = || StoreError::Index { first, field: Field::Id.name() };
            let read = |row: &rusqlite::Row<'_>| Ok(positions(row.get_ref(0)?.as_blob()?, hash));
            let positions =
                find(connection).and_then(|mut find| find.query_row([number(first) + part], read).optional());
            let positions = positions.context(DOING)?.flatten().ok_or_else(damaged)?;
            found.extend(positions.into_iter().map(|position| first + position));
        }
    }
    for sql in ["SELECT seq FROM other_id WHERE id = ?1", "SELECT seq FROM entry_id WHERE id = ?1"] {
        let mut seqs = connection.prepare_cached(sql).context(DOING)?;
        let seqs = seqs.query_map([id], |row| row.get(0)).and_then(Iterator::collect::<rusqlite::Result<Vec<u64>>>);
        found.extend(seqs.context(DOING)?);
    }
    found.sort_unstable();
    found.dedup();
    // Another id may have the same hash, and the cleanup may have removed the entry.
    let mut seqs = Vec::with_capacity(found.len());
    for seq in found {
        log.rows(seq..seq.saturating_add(1), RowColumns::Fields(&[Field::Id]), &mut |seq, row| {
            if row.column(0) == ColumnValue::Bytes(&id) {
                seqs.push(seq);
            }
            Ok(false)
        })?;
    }
    Ok(seqs)
}

/// Removes the other ids of the entries below a seq, which the cleanup is about to remove.
pub(super) fn remove_others(log: &SqliteSnapshot<'_>, below: u64) -> Result<(), StoreError> {
    let doing = "removing what is old";
    let sql = "SELECT EXISTS (SELECT 1 FROM other_id)";
    if !log.connection.query_row(sql, [], |row| row.get::<_, bool>(0)).context(doing)? {
        return Ok(());
    }
    let mut delete = log.connection.prepare("DELETE FROM other_id WHERE id = ?1 AND seq = ?2").context(doing)?;
    log.rows(0..below, COLUMNS, &mut |seq, row| {
        if let Some((id, _)) = id_of(row).filter(|(id, recorded_at)| !is_timed(*id, *recorded_at)) {
            delete.execute(rusqlite::params![id, seq]).context(doing)?;
        }
        Ok(true)
    })
}

/// The id of a row with [`COLUMNS`], and its time of recording.
fn id_of(row: &dyn Row) -> Option<([u8; 16], i64)> {
    match (row.column(0), row.column(1)) {
        (ColumnValue::Bytes(id), ColumnValue::Integer(recorded_at)) => Some((id.try_into().ok()?, recorded_at)),
        _ => None,
    }
}

/// The greatest id of version 7, removed entries of the first block included.
pub(super) fn greatest(connection: &Connection) -> rusqlite::Result<Option<Uuid>> {
    // The newest ids have any version, in no order by version.
    let sql = "SELECT max(id) FROM (SELECT max(substr(ids, 33, 16)) AS id FROM block
        UNION ALL SELECT max(id) FROM entry_id WHERE substr(id, 7, 1) >= x'70' AND substr(id, 7, 1) < x'80')";
    let id: Option<[u8; 16]> = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(id.map(Uuid::from_bytes).filter(|id| !id.is_nil()))
}

/// Makes the table of the newest ids again: of the entries from `from` on.
pub(super) fn restore(log: &SqliteSnapshot<'_>, from: u64) -> Result<(), StoreError> {
    let doing = "writing the index of ids";
    log.connection.execute("DELETE FROM entry_id", []).context(doing)?;
    let mut insert = insert(log.connection).context(doing)?;
    log.rows(from..u64::MAX, RowColumns::Fields(&[Field::Id]), &mut |seq, row| {
        if let ColumnValue::Bytes(id) = row.column(0) {
            insert.execute(rusqlite::params![id, seq]).context(doing)?;
        }
        Ok(true)
    })
}

/// The insert of an id of a new entry.
pub(super) fn insert(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached("INSERT OR FAIL INTO entry_id (id, seq) VALUES (?1, ?2)")
}

/// Fails if the range of a block, or a part of it, is missing or damaged.
pub(super) fn check(connection: &Connection, first: u64, length: u64) -> Result<(), StoreError> {
    let damaged = || StoreError::Index { first, field: Field::Id.name() };
    let mut find = find(connection).context(DOING)?;
    let sql = "SELECT ids FROM block WHERE first = ?1";
    let range: Option<Vec<u8>> = connection.query_row(sql, [first], |row| row.get(0)).optional().context(DOING)?;
    let is_whole = |range: Vec<u8>| {
        range
            .split_last_chunk()
            .is_some_and(|(range, sum)| range.len() == 48 && range_sum(first, length, range) == *sum)
    };
    if !range.is_some_and(is_whole) {
        return Err(damaged());
    }
    let begin = number(first);
    for number in begin..begin + parts(length) {
        let is_whole = find.query_row([number], |row| Ok(checked(row.get_ref(0)?.as_blob()?).is_some())).optional();
        if is_whole.context(DOING)? != Some(true) {
            return Err(damaged());
        }
    }
    Ok(())
}

/// The numbers of the parts of the blocks that begin in this range.
pub(super) fn numbers(first: &std::ops::Range<u64>) -> [i64; 2] {
    super::snapshot::reserved(first, PARTS)
}

fn find(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached("SELECT ids FROM id_part WHERE place = ?1")
}

/// How many parts a block of this length has.
pub(super) fn parts(length: u64) -> u64 {
    (length / PART).clamp(1, PARTS).next_power_of_two()
}

/// The number of a block's first part.
fn number(first: u64) -> u64 {
    first / BLOCK * PARTS
}

/// The part in which an id is, and its hash there.
fn place(id: [u8; 16], length: u64) -> (u64, u16) {
    let hash = Sha256::digest(id);
    let bits = hash.first_chunk().map_or(0, |first: &[u8; 4]| u32::from_be_bytes(*first));
    let parts = parts(length);
    (u64::from(bits >> 16) % parts, bits as u16)
}

fn version(id: [u8; 16]) -> u8 {
    id[6] >> 4
}

/// Whether the id was made at about the time of recording.
fn is_timed(id: [u8; 16], recorded_at: i64) -> bool {
    let [a, b, c, d, e, f, ..] = id;
    let made_at = i64::from_be_bytes([0, 0, a, b, c, d, e, f]).saturating_mul(1_000);
    version(id) == 7 && made_at.abs_diff(recorded_at) <= NEAR.unsigned_abs()
}

/// The positions of the ids with this hash; `None` if the part is damaged.
fn positions(bytes: &[u8], hash: u16) -> Option<Vec<u64>> {
    let (marks, rest) = checked(bytes)?.as_chunks::<4>();
    let hash_of = |mark: &Mark| u16::from_be_bytes([mark[0], mark[1]]);
    let from = marks.partition_point(|mark| hash_of(mark) < hash);
    let same = marks[from..].iter().take_while(|mark| hash_of(mark) == hash);
    rest.is_empty().then(|| same.map(|mark| u16::from_be_bytes([mark[2], mark[3]]).into()).collect())
}

/// Two ids of version 7 that have the same hash in a block of the tests.
#[cfg(test)]
pub(super) fn with_same_hash() -> [Uuid; 2] {
    let id = |number: u128| Uuid::from_u128(number << 80 | 7 << 76 | 8 << 60);
    let mut known = std::collections::HashMap::new();
    let found = (1..u128::MAX).find_map(|number| {
        let before = known.insert(place(id(number).into_bytes(), BLOCK), number);
        before.map(|before| [id(before), id(number)])
    });
    found.unwrap_or_default()
}

/// The checksum of a block's range of ids.
fn range_sum(first: u64, length: u64, range: &[u8]) -> [u8; 4] {
    crc32(&[&first.to_be_bytes(), &length.to_be_bytes(), range].concat())
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    (crc32(bytes) == *sum).then_some(bytes)
}
