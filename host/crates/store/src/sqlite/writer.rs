//! The one who appends, and the one who prunes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::catch_up::{catch_up, mend, pushed};
use super::ids::{Ids, There};
use super::on_disk::OnDisk;
use super::rows::{Insert, Placed};
use super::sweep::Sweep;
use super::terms::Terms;
use super::texts::Texts;
use super::tiles::unlike;
use super::tree::{self, Tree};
use super::{Doing, blocks, connection, holds, leaves, payloads, states, usage};
use crate::index::OpenBlock;
use crate::{Batch, PRUNE_CHUNK, Pruned, Removal, StoreError, Stored, Writer};
use mcp_audit_log_ledger::Leaf;
use mcp_audit_log_model::time::Timestamp;

/// Pages in the write-ahead log above which it is copied back into the database.
const CHECKPOINT_PAGES: i64 = 4_000;
/// The same while the cleanup runs: its steps fill the log quickly, and who records waits for the copying.
const CLEANUP_CHECKPOINT_PAGES: i64 = 1_000;

/// The writer of a log in SQLite.
pub struct SqliteWriter {
    path: PathBuf,
    on_disk: OnDisk,
    connection: Connection,
    terms: Terms,
    /// `None` when it must be read from the rows first.
    remembered: Option<Remembered>,
    pruning: Arc<AtomicBool>,
    sweep: Sweep,
    /// Where the log stood when this writer was last done with it; `None` when that is unknown.
    left: Option<Ends>,
    /// Set after an error: what the connection believes may not be what the disk holds.
    broken: bool,
    /// Set when the index was found to be damaged.
    damaged: bool,
    /// Keeps other processes from writing, until everything above is gone.
    lock: File,
}

impl SqliteWriter {
    /// Opens the log for writing, creating it where there is none.
    ///
    /// # Errors
    /// The file cannot be opened or is no log.
    pub(super) fn open(path: &Path, lock: File) -> Result<Self, StoreError> {
        let pruning = Arc::new(AtomicBool::new(false));
        let mut connection = connection::writer(path, Arc::clone(&pruning))?;
        let found = ends(&connection)?;
        agree(&connection, found)?;
        mend(&mut connection, found.first(), found.next)?;
        Ok(Self {
            path: path.to_owned(),
            on_disk: OnDisk::of(path),
            connection,
            terms: Terms::default(),
            remembered: None,
            pruning,
            sweep: Sweep::new(),
            left: Some(found),
            broken: false,
            damaged: false,
            lock,
        })
    }

    /// Keeps other processes from writing for as long as this is there, even when the writer is gone.
    ///
    /// # Errors
    /// The operating system gives no other handle.
    pub fn hold_lock(&self) -> std::io::Result<File> {
        self.lock.try_clone()
    }

    /// The connection itself, for tests of what it refuses.
    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// After an error the outcome is unknown: only a fresh connection reads what really is there. It must be the same
    /// log, and not an empty one in the place of one that was moved away.
    fn reopen_if_broken(&mut self) -> Result<(), StoreError> {
        self.on_disk.check()?;
        if self.broken {
            self.connection = connection::writer(&self.path, Arc::clone(&self.pruning))?;
            self.broken = false;
        }
        if self.damaged {
            let found = ends(&self.connection)?;
            mend(&mut self.connection, found.first(), found.next)?;
            self.damaged = false;
        }
        Ok(())
    }

    fn try_commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        let doing = "storing entries";
        let transaction = self.connection.transaction().doing(doing)?;
        let found = ends(&transaction)?;
        watch(self.left.take(), found);
        let remembered = self.remembered.take().filter(|remembered| remembered.open.next() == found.next);
        let Remembered { mut open, mut ids, mut tree } =
            remembered.map_or_else(|| Remembered::of(&transaction, found), Ok)?;
        if tree.size() != found.next {
            return Err(behind(&tree, found));
        }
        let mut newest = newest(&transaction).doing(doing)?;
        let mut stored = Vec::with_capacity(batch.entries.len());
        let mut insert = Insert::new(&transaction).doing(doing)?;
        let mut is_there = transaction.prepare_cached("SELECT 1 FROM entry WHERE id = ?1").doing(doing)?;
        for prepared in &batch.entries {
            let (prepared, found) = ids.admit(&transaction, &mut is_there, prepared).doing(doing)?;
            match found {
                There::Nothing => {}
                There::Same => {
                    stored.push(Stored::Duplicate);
                    continue;
                }
                There::Other => {
                    stored.push(Stored::Conflict);
                    continue;
                }
            }
            let entry = prepared.entry();
            // Never backwards, whatever the clock did: retention removes a prefix by this.
            newest = entry.recorded_at.max(newest);
            let row = Placed { entry, seq: open.next(), recorded_at: newest };
            let raw = insert.run(&transaction, &mut self.terms, &row).doing(doing)?;
            let payload = prepared.payload();
            payload.map_or(Ok(()), |payload| payloads::insert(&transaction, row.seq, payload)).doing(doing)?;
            let leaf = Leaf::new(row.seq, newest.as_micros(), prepared.content());
            tree.push(&transaction, leaf.hash()).doing(doing)?;
            stored.push(Stored::At(row.seq));
            open = pushed(&transaction, open, &raw)?;
        }
        drop((insert, is_there));
        tree.store(&transaction).doing(doing)?;
        states::write(&transaction, &batch.states).doing(doing)?;
        transaction.commit().doing(doing)?;
        self.left = Some(Ends { next: open.next(), ..found });
        self.remembered = Some(Remembered { open, ids, tree });
        Ok(stored)
    }

    fn try_prune(&mut self, removal: Removal) -> Result<Pruned, StoreError> {
        let doing = "removing old entries";
        let transaction = self.connection.transaction().doing(doing)?;
        let found = ends(&transaction)?;
        watch(self.left.take(), found);
        let plan = holds::cut(&transaction, removal.plan).doing(doing)?;
        usage::fold_before(&transaction, plan.entries_before)?;
        let (pruned, payloads_pruned) = (found.pruned, found.payloads_pruned);
        let mut entries = chunk(&transaction, "entry", pruned, plan.entries_before).doing(doing)?;
        entries.stop_at(place(removal.entries_below).max(pruned));
        // Only those that go before their entries; the others go with them, under the cover that their entries have.
        let mut payloads = chunk(&transaction, "payload", payloads_pruned, plan.payloads_before).doing(doing)?;
        payloads.stop_at(place(removal.payloads_below).max(payloads_pruned));
        let payloads_upto = payloads.upto.max(entries.upto);
        if (entries.upto, payloads_upto) == (pruned, payloads_pruned) {
            if usage::prune(&transaction, plan.usage_before)? {
                transaction.commit().doing(doing)?;
                self.left = Some(found);
                self.sweep = Sweep::new();
                return Ok(Pruned { more: true, ..Pruned::default() });
            }
            drop(transaction);
            return self.try_sweep(found);
        }
        Tree::of(&transaction)?;
        leaves::check(&transaction, &Texts::default(), found.first()..entries.upto.cast_unsigned())?;
        let head = "UPDATE head SET pruned = ?1, payloads_pruned = ?2";
        transaction.execute(head, params![entries.upto, payloads_upto]).doing(doing)?;
        let payloads_gone = transaction.execute("DELETE FROM payload WHERE seq < ?1", [payloads_upto]).doing(doing)?;
        let entries_gone = transaction.execute("DELETE FROM entry WHERE seq < ?1", [entries.upto]).doing(doing)?;
        blocks::prune(&transaction, entries.upto).doing(doing)?;
        tree::prune(&transaction, entries.upto.cast_unsigned()).doing(doing)?;
        transaction.commit().doing(doing)?;
        self.left = Some(Ends { pruned: entries.upto, payloads_pruned: payloads_upto, ..found });
        if entries_gone > 0 {
            self.sweep = Sweep::new();
        }
        let more = entries.more || payloads.more || !self.sweep.is_over();
        Ok(Pruned { entries: entries_gone as u64, payloads: payloads_gone as u64, more })
    }

    /// One step of the sweep, which comes when nothing else is left to remove.
    fn try_sweep(&mut self, found: Ends) -> Result<Pruned, StoreError> {
        let doing = "removing texts";
        let transaction = self.connection.transaction().doing(doing)?;
        if let Some(field) = self.sweep.step(&transaction, found.next)? {
            self.terms.forget(&transaction, field).doing(doing)?;
        }
        transaction.commit().doing(doing)?;
        self.left = Some(found);
        Ok(Pruned { more: !self.sweep.is_over(), ..Pruned::default() })
    }

    /// Copies the write-ahead log back once it has that many pages, as far as that goes without waiting for a reader.
    fn checkpoint(&self, most: i64) {
        let pages: rusqlite::Result<i64> =
            self.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
        if pages.is_ok_and(|pages| pages < most) {
            return;
        }
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log could not be checkpointed yet");
        }
    }
}

impl Writer for SqliteWriter {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        self.reopen_if_broken()?;
        let erasing = !batch.states.erased.is_empty();
        self.pruning.store(erasing, Ordering::Relaxed);
        let stored = self.try_commit(batch);
        self.pruning.store(false, Ordering::Relaxed);
        if let Err(error) = &stored {
            self.damaged = error.is_index();
            // The numbers of texts that were new in this transaction are void with it.
            self.terms.clear();
            self.broken = true;
        } else {
            self.checkpoint(CHECKPOINT_PAGES);
        }
        stored
    }

    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError> {
        self.reopen_if_broken()?;
        self.pruning.store(true, Ordering::Relaxed);
        // Statements that remove are not cached: none that was prepared while deletion was allowed outlives this.
        let pruned = self.try_prune(removal);
        self.pruning.store(false, Ordering::Relaxed);
        if let Err(error) = &pruned {
            self.damaged = error.is_index();
            // Which texts are gone is unknown.
            self.terms.clear();
            self.sweep = Sweep::new();
            self.broken = true;
        }
        let vacuum = self.connection.query_row("PRAGMA incremental_vacuum(200)", [], |_| Ok(())).optional();
        if let Err(error) = vacuum {
            tracing::debug!(%error, "free pages could not be released yet");
        }
        self.checkpoint(CLEANUP_CHECKPOINT_PAGES);
        pruned
    }
}

impl Drop for SqliteWriter {
    fn drop(&mut self) {
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log stays beside the database; the next start reads it");
        }
    }
}

/// What a writer knows of the rows that it stored last.
struct Remembered {
    /// The values of the block that is not full yet.
    open: OpenBlock,
    ids: Ids,
    tree: Tree,
}

impl Remembered {
    fn of(connection: &Connection, ends: Ends) -> Result<Self, StoreError> {
        let open = catch_up(connection, ends.first(), ends.next)?;
        Ok(Self { open, ids: Ids::of(connection).doing("finding the newest id")?, tree: Tree::of(connection)? })
    }
}

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    /// The place of the next entry.
    next: u64,
    /// The head's prune points.
    pruned: i64,
    payloads_pruned: i64,
}

impl Ends {
    /// The first place that the cleanup left.
    fn first(self) -> u64 {
        self.pruned.unsigned_abs()
    }
}

fn ends(connection: &Connection) -> Result<Ends, StoreError> {
    let sql = "SELECT (SELECT max(seq) FROM entry), pruned, payloads_pruned FROM head";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found = connection.prepare_cached(sql).and_then(|mut statement| statement.query_row([], row));
    let (last, pruned, payloads_pruned): (Option<i64>, i64, i64) = found.doing("finding the end of the log")?;
    let next = last.map_or(Some(pruned), |last| last.checked_add(1)).and_then(|next| u64::try_from(next).ok());
    let full = || StoreError::Corrupt {
        seq: last.unwrap_or(pruned).unsigned_abs(),
        reason: "no seq is left after it".to_owned(),
    };
    Ok(Ends { next: next.ok_or_else(full)?, pruned, payloads_pruned })
}

/// Whether ledger and entries fit together at both ends: a look that costs the same however long the log is.
fn agree(connection: &Connection, ends: Ends) -> Result<(), StoreError> {
    let tree = Tree::of(connection)?;
    if tree.size() != ends.next {
        return Err(behind(&tree, ends));
    }
    let texts = Texts::default();
    let last = ends.next.saturating_sub(1).max(ends.first());
    [ends.first(), last]
        .iter()
        .filter(|place| **place < ends.next)
        .try_for_each(|place| leaves::check(connection, &texts, *place..place + 1))
}

fn behind(tree: &Tree, ends: Ends) -> StoreError {
    let (size, next) = (tree.size(), ends.next);
    unlike(size.min(next), format!("{next} entries were recorded in total, but the ledger has {size}"))
}

/// There is one writer, so what is not as it left it was changed by another program. SQLite alone cannot keep such a
/// program from appending at the next place or from moving the prune points; it can be told, and the log goes on from
/// what is there.
fn watch(left: Option<Ends>, found: Ends) {
    if let Some(left) = left.filter(|left| *left != found) {
        tracing::error!(
            ?left,
            ?found,
            "another program changed the log: its ends are not the ones that this process wrote"
        );
    }
}

fn newest(transaction: &Transaction<'_>) -> rusqlite::Result<Timestamp> {
    let sql = "SELECT recorded_at FROM entry ORDER BY seq DESC LIMIT 1";
    let found = transaction.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    Ok(Timestamp::from_micros(found.unwrap_or(i64::MIN)))
}

/// A place as the columns have it; what is beyond every place is no bound.
fn place(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// How far one step of the cleanup goes.
struct Chunk {
    upto: i64,
    more: bool,
}

impl Chunk {
    fn stop_at(&mut self, place: i64) {
        if self.upto >= place {
            *self = Self { upto: place, more: false };
        }
    }
}

/// The next chunk of `table` from `from` on whose entries were recorded before `before`. Since recording times never go
/// backwards, that is a prefix, and it is found by reading only the rows that will go.
fn chunk(
    transaction: &Transaction<'_>,
    table: &'static str,
    from: i64,
    before: Option<Timestamp>,
) -> rusqlite::Result<Chunk> {
    let Some(before) = before else { return Ok(Chunk { upto: from, more: false }) };
    let sql = match table {
        "entry" => "SELECT seq, recorded_at FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
        _ => "SELECT seq, recorded_at FROM payload JOIN entry USING (seq) WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
    };
    let mut chunk = Chunk { upto: from, more: false };
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query(params![from, PRUNE_CHUNK as i64 + 1])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before.as_micros() {
            break;
        }
        chunk.more = count == PRUNE_CHUNK;
        if !chunk.more {
            chunk.upto = row.get::<_, i64>(0)? + 1;
        }
        count += 1;
    }
    Ok(chunk)
}
