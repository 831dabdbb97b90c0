//! A store in memory, of test size: the seam in its plainest form, and what a new store can be compared with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::row::{self, ColumnValue, Columns, DETAILS, HAS_PAYLOAD, NewRow, Row};
use crate::snapshot::{Blob, LogHead, PartColumn, ShowRow, ShowText, Snapshot, StoredBlock, StoredRun};
use crate::transaction::{HeadChange, NewColumn, NewPart, Removable, Transaction};
use crate::{Failure, PackedPayload, Source, StateChange, Store, StoreError, StoreSize, Work};
use mcp_audit_log_ledger::{Tile, VERSION};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

mod beside;

use beside::Beside;

/// A log in memory. Clones are the same log.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    data: Arc<Mutex<Arc<Data>>>,
    block_length: u64,
}

/// Everything that is stored.
#[derive(Clone, Debug, Default)]
struct Data {
    head: LogHead,
    rows: BTreeMap<u64, Vec<Owned>>,
    ids: BTreeMap<Uuid, Vec<u64>>,
    payloads: BTreeMap<u64, PackedPayload>,
    texts: BTreeMap<(Field, u64), Arc<str>>,
    numbers: BTreeMap<(Field, Arc<str>), u64>,
    blocks: BTreeMap<u64, StoredBlock>,
    runs: BTreeMap<i64, StoredRun>,
    blobs: BTreeMap<Blob, Vec<u8>>,
    beside: Beside,
}

/// A column's value.
#[derive(Clone, Debug)]
enum Owned {
    Unset,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl MemoryStore {
    /// An empty log, whose blocks have so many entries when they are closed.
    pub fn new(block_length: u64) -> Self {
        Self { data: Arc::default(), block_length }
    }

    fn now(&self) -> Arc<Data> {
        Arc::clone(&self.data.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn moment(&self, may_remove: bool) -> Moment {
        Moment { data: RefCell::new(self.now()), block_length: self.block_length, may_remove }
    }
}

impl Store for MemoryStore {
    fn transact(&mut self, may_remove: bool, work: Work<'_>) -> Result<(), StoreError> {
        let moment = self.moment(may_remove);
        if work(&moment)? {
            *self.data.lock().unwrap_or_else(PoisonError::into_inner) = moment.data.into_inner();
        }
        Ok(())
    }
}

impl Source for MemoryStore {
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        work(&self.moment(false))
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        let bytes = self.now().blobs.values().map(|bytes| bytes.len() as u64).sum();
        Ok(StoreSize { bytes, journal_bytes: 0 })
    }
}

/// The log at one moment; within a transaction, with what that wrote.
#[derive(Debug)]
struct Moment {
    data: RefCell<Arc<Data>>,
    block_length: u64,
    may_remove: bool,
}

impl Moment {
    /// What there is now. It stays as it is, whatever is written while it is looked at.
    fn now(&self) -> Arc<Data> {
        Arc::clone(&self.data.borrow())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Data) -> T) -> T {
        change(Arc::make_mut(&mut self.data.borrow_mut()))
    }

    /// Whether something may be removed, which only a cleanup and an erasure may.
    fn removing(&self) -> Result<(), StoreError> {
        if self.may_remove { Ok(()) } else { Err(refused("only a cleanup removes")) }
    }
}

fn refused(what: &'static str) -> StoreError {
    StoreError::Database { doing: "storing", failure: Failure::Refused, source: what.into() }
}

impl Snapshot for Moment {
    fn block_length(&self) -> u64 {
        self.block_length
    }

    fn head(&self) -> Result<LogHead, StoreError> {
        Ok(self.now().head)
    }

    fn seqs(&self) -> Result<Range<u64>, StoreError> {
        let data = self.now();
        let first = data.rows.keys().next().copied().unwrap_or(data.head.pruned);
        Ok(first..data.next())
    }

    fn rows(&self, seqs: Range<u64>, columns: Columns<'_>, show: ShowRow<'_>) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let data = self.now();
        for (seq, row) in data.rows.range(seqs) {
            if !show(*seq, &View { row, columns, has_payload: data.payloads.contains_key(seq) })? {
                break;
            }
        }
        Ok(())
    }

    fn seqs_of(&self, id: Uuid) -> Result<Vec<u64>, StoreError> {
        Ok(self.now().ids.get(&id).cloned().unwrap_or_default())
    }

    fn payload(&self, seq: u64) -> Result<Option<PackedPayload>, StoreError> {
        Ok(self.now().payloads.get(&seq).cloned())
    }

    fn text(&self, field: Field, number: u64) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.now().texts.get(&(field, number)).cloned())
    }

    fn number(&self, field: Field, text: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.now().numbers.get(&(field, text.into())).copied())
    }

    fn texts(&self, field: Field, above: u64, show: ShowText<'_>) -> Result<(), StoreError> {
        let data = self.now();
        for ((_, number), text) in data.texts.range((field, above.saturating_add(1))..=(field, u64::MAX)) {
            if !show(*number, text)? {
                break;
            }
        }
        Ok(())
    }

    fn blocks(&self) -> Result<Vec<StoredBlock>, StoreError> {
        Ok(self.now().blocks.values().copied().collect())
    }

    fn columns(&self, first: Range<u64>) -> Result<u64, StoreError> {
        let is_there = |blob: &&Blob| matches!(blob, Blob::Zone { first: of, .. } if first.contains(of));
        Ok(self.now().blobs.keys().filter(is_there).count() as u64)
    }

    fn runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        Ok(self.now().runs.values().copied().collect())
    }

    fn blob(&self, blob: Blob, read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        Ok(self.now().blobs.get(&blob).map(|bytes| read(bytes)).is_some())
    }
}

impl Transaction for Moment {
    fn snapshot(&self) -> &dyn Snapshot {
        self
    }

    fn greatest_id(&self) -> Result<Option<Uuid>, StoreError> {
        Ok(self.now().ids.keys().next_back().copied())
    }

    fn last_number(&self, field: Field) -> Result<u64, StoreError> {
        Ok(self.now().last_number(field))
    }

    fn payloads_from(&self, seq: u64, show: &mut dyn FnMut(u64, Timestamp) -> bool) -> Result<(), StoreError> {
        let data = self.now();
        for seq in data.payloads.range(seq..).map(|(seq, _)| *seq) {
            let Some(Owned::Integer(at)) = data.rows.get(&seq).map(|row| &row[Field::RecordedAt as usize]) else {
                continue;
            };
            if !show(seq, Timestamp::from_micros(*at)) {
                break;
            }
        }
        Ok(())
    }

    fn append(&self, row: &NewRow<'_>) -> Result<(), StoreError> {
        if row.seq() != self.now().next() {
            return Err(refused("entries are append-only"));
        }
        let columns: Vec<_> = (0..=DETAILS).map(|at| Owned::from(row.column(at))).collect();
        self.change(|data| {
            if let Owned::Bytes(id) = &columns[Field::Id as usize] {
                data.ids.entry(Uuid::from_slice(id).unwrap_or_default()).or_default().push(row.seq());
            }
            data.rows.insert(row.seq(), columns);
        });
        Ok(())
    }

    fn append_payload(&self, seq: u64, payload: &PackedPayload) -> Result<(), StoreError> {
        let data = self.now();
        if data.rows.keys().next_back() != Some(&seq) || data.payloads.contains_key(&seq) {
            return Err(refused("payloads are append-only"));
        }
        drop(data);
        self.change(|data| data.payloads.insert(seq, payload.clone()));
        Ok(())
    }

    fn append_text(&self, field: Field, number: u64, text: &str) -> Result<(), StoreError> {
        if number != self.now().last_number(field) + 1 {
            return Err(refused("texts are append-only"));
        }
        let text: Arc<str> = text.into();
        self.change(|data| {
            data.numbers.insert((field, Arc::clone(&text)), number);
            data.texts.insert((field, number), text);
        });
        Ok(())
    }

    fn append_block(&self, block: StoredBlock, columns: &[NewColumn]) -> Result<(), StoreError> {
        let first = block.first;
        if self.now().blocks.contains_key(&first) {
            return Err(refused("blocks are written once"));
        }
        self.change(|data| {
            data.blocks.insert(first, block);
            for NewColumn { field, zone, planes } in columns {
                data.blobs.insert(Blob::Zone { first, field: *field }, zone.clone());
                data.blobs.insert(Blob::Planes { first, field: *field }, planes.clone());
            }
        });
        Ok(())
    }

    fn append_run(&self, run: StoredRun, parts: &[NewPart]) -> Result<(), StoreError> {
        if self.now().runs.values().next_back().is_some_and(|last| run.first < last.first + last.length) {
            return Err(refused("usage is append-only"));
        }
        self.change(|data| {
            data.runs.insert(run.first, run);
            for part in parts {
                for (column, bytes) in PartColumn::ALL.into_iter().zip(&part.columns) {
                    data.blobs.extend(bytes.clone().map(|bytes| (Blob::Part(part.key, column), bytes)));
                }
            }
        });
        Ok(())
    }

    fn put_tile(&self, tile: Tile, hashes: &[u8], is_there: bool) -> Result<(), StoreError> {
        let data = self.now();
        let before = data.blobs.get(&Blob::Tile(tile));
        if before.is_some() != is_there || before.is_some_and(|before| !hashes.starts_with(before)) {
            return Err(refused("tiles only grow"));
        }
        self.change(|data| data.blobs.insert(Blob::Tile(tile), hashes.to_vec()));
        Ok(())
    }

    fn put_states(&self, states: &StateChange) -> Result<(), StoreError> {
        if !states.erased.is_empty() {
            self.removing()?;
        }
        self.change(|data| {
            states.erased.iter().for_each(|seq| drop(data.payloads.remove(seq)));
            data.beside.put(states);
        });
        Ok(())
    }

    fn put_head(&self, change: HeadChange) -> Result<(), StoreError> {
        if !matches!(change, HeadChange::Tree(_)) {
            self.removing()?;
        }
        self.change(|data| match change {
            HeadChange::Tree(tree) => data.head.tree = tree,
            HeadChange::Pruned { entries, payloads } => {
                (data.head.pruned, data.head.payloads_pruned) = (entries, payloads);
            }
            HeadChange::UsagePruned { below, until } => {
                (data.head.usage_pruned, data.head.usage_until) = (below, Some(until));
            }
        });
        Ok(())
    }

    fn remove(&self, what: Removable<'_>) -> Result<u64, StoreError> {
        if !matches!(what, Removable::Blocks(_) | Removable::Runs(_)) {
            self.removing()?;
        }
        let head = self.now().head;
        match what {
            Removable::Entries(below) if below > head.pruned => return Err(refused("entries are immutable")),
            Removable::Payloads(below) if below > head.payloads_pruned => {
                return Err(refused("payloads are immutable"));
            }
            _ => {}
        }
        Ok(self.change(|data| data.remove(what)) as u64)
    }
}

impl Data {
    fn next(&self) -> u64 {
        self.rows.keys().next_back().map_or(self.head.pruned, |last| last + 1)
    }

    fn last_number(&self, field: Field) -> u64 {
        let last = self.texts.range((field, 0)..=(field, u64::MAX)).next_back();
        last.map_or(0, |((_, number), _)| *number)
    }

    /// How many rows are gone.
    fn remove(&mut self, what: Removable<'_>) -> usize {
        match what {
            Removable::Entries(below) => {
                let kept = self.rows.split_off(&below);
                let gone = std::mem::replace(&mut self.rows, kept);
                self.ids.retain(|_, seqs| {
                    seqs.retain(|seq| *seq >= below);
                    !seqs.is_empty()
                });
                gone.len()
            }
            Removable::Payloads(below) => {
                let kept = self.payloads.split_off(&below);
                std::mem::replace(&mut self.payloads, kept).len()
            }
            Removable::Tiles(level, below) => {
                self.without(|blob| matches!(blob, Blob::Tile(tile) if tile.level == level && tile.number < below))
            }
            Removable::Texts(field, numbers) => {
                for number in numbers {
                    if let Some(text) = self.texts.remove(&(field, *number)) {
                        self.numbers.remove(&(field, text));
                    }
                }
                self.head.swept += numbers.len() as u64;
                numbers.len()
            }
            Removable::Blocks(gone) => {
                self.without(|blob| match blob {
                    Blob::Zone { first, .. } | Blob::Planes { first, .. } => gone.contains(first),
                    _ => false,
                });
                let before = self.blocks.len();
                self.blocks.retain(|first, _| !gone.contains(first));
                before - self.blocks.len()
            }
            Removable::Runs(gone) => {
                self.without(|blob| matches!(blob, Blob::Part(key, _) if gone.contains(&key.run)));
                let before = self.runs.len();
                self.runs.retain(|first, _| !gone.contains(&first.unsigned_abs()));
                before - self.runs.len()
            }
        }
    }

    /// Removes the blobs that are meant; returns how many.
    fn without(&mut self, is_gone: impl Fn(&Blob) -> bool) -> usize {
        let before = self.blobs.len();
        self.blobs.retain(|blob, _| !is_gone(blob));
        before - self.blobs.len()
    }
}

/// A row as it was asked for.
struct View<'a> {
    row: &'a [Owned],
    columns: Columns<'a>,
    has_payload: bool,
}

impl Row for View<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        let at = match self.columns {
            Columns::Fields(fields) => match fields.get(at) {
                Some(field) => *field as usize,
                None => return ColumnValue::Unset,
            },
            Columns::Shown if at == HAS_PAYLOAD => return ColumnValue::Integer(self.has_payload.into()),
            Columns::Hashed if at == row::VERSION => return ColumnValue::Integer(VERSION.into()),
            Columns::Shown | Columns::Hashed => at,
        };
        match self.row.get(at) {
            Some(Owned::Integer(number)) => ColumnValue::Integer(*number),
            Some(Owned::Text(text)) => ColumnValue::Text(text),
            Some(Owned::Bytes(bytes)) => ColumnValue::Bytes(bytes),
            Some(Owned::Unset) | None => ColumnValue::Unset,
        }
    }
}

impl From<ColumnValue<'_>> for Owned {
    fn from(value: ColumnValue<'_>) -> Self {
        match value {
            ColumnValue::Integer(number) => Self::Integer(number),
            ColumnValue::Text(text) => Self::Text(text.to_owned()),
            ColumnValue::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            ColumnValue::Unset | ColumnValue::Unreadable => Self::Unset,
        }
    }
}
