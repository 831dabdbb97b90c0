//! A store in memory, for tests: the simplest implementation of the seam, with which a new store can be compared.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::row::{self, ColumnValue, HAS_PAYLOAD, Row, RowColumns};
use crate::snapshot::{Blob, LogHead, ShowRow, ShowText, Snapshot, StoredBlock, StoredRun};
use crate::{PackedPayload, Source, Store, StoreError, StoreSize, Work};
use mcp_audit_log_ledger::VERSION;
use mcp_audit_log_model::field::Field;

mod states;
mod transaction;

use states::MemoryStates;

/// A log in memory. Clones share the same log.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    data: Arc<Mutex<Arc<Data>>>,
    block_length: u64,
}

/// Everything that is stored.
#[derive(Clone, Debug, Default)]
struct Data {
    head: LogHead,
    rows: BTreeMap<u64, Vec<OwnedValue>>,
    ids: BTreeMap<Uuid, Vec<u64>>,
    payloads: BTreeMap<u64, PackedPayload>,
    texts: BTreeMap<(Field, u64), Arc<str>>,
    numbers: BTreeMap<(Field, Arc<str>), u64>,
    blocks: BTreeMap<u64, StoredBlock>,
    runs: BTreeMap<u64, StoredRun>,
    blobs: BTreeMap<Blob, Vec<u8>>,
    states: MemoryStates,
}

/// A column's value.
#[derive(Clone, Debug)]
enum OwnedValue {
    Unset,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl MemoryStore {
    /// An empty log, whose blocks have `block_length` entries when they are closed.
    pub fn new(block_length: u64) -> Self {
        Self { data: Arc::default(), block_length }
    }

    fn now(&self) -> Arc<Data> {
        Arc::clone(&self.data.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn moment(&self, may_remove: bool) -> MemorySnapshot {
        MemorySnapshot { data: RefCell::new(self.now()), block_length: self.block_length, may_remove }
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

/// The log at one moment; within a transaction, with that transaction's own writes.
#[derive(Debug)]
struct MemorySnapshot {
    data: RefCell<Arc<Data>>,
    block_length: u64,
    may_remove: bool,
}

impl MemorySnapshot {
    /// The current data. Later writes do not change what this returns.
    fn now(&self) -> Arc<Data> {
        Arc::clone(&self.data.borrow())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Data) -> T) -> T {
        change(Arc::make_mut(&mut self.data.borrow_mut()))
    }
}

impl Snapshot for MemorySnapshot {
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

    fn rows(&self, seqs: Range<u64>, columns: RowColumns<'_>, show: ShowRow<'_>) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let data = self.now();
        for (seq, row) in data.rows.range(seqs) {
            if !show(*seq, &RowView { row, columns, has_payload: data.payloads.contains_key(seq) })? {
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

impl Data {
    fn next(&self) -> u64 {
        self.rows.keys().next_back().map_or(self.head.pruned, |last| last + 1)
    }

    fn last_number(&self, field: Field) -> u64 {
        let last = self.texts.range((field, 0)..=(field, u64::MAX)).next_back();
        last.map_or(0, |((_, number), _)| *number)
    }
}

/// A row with the requested columns.
struct RowView<'a> {
    row: &'a [OwnedValue],
    columns: RowColumns<'a>,
    has_payload: bool,
}

impl Row for RowView<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        let at = match self.columns {
            RowColumns::Fields(fields) => match fields.get(at) {
                Some(field) => *field as usize,
                None => return ColumnValue::Unset,
            },
            RowColumns::Shown if at == HAS_PAYLOAD => return ColumnValue::Integer(self.has_payload.into()),
            RowColumns::Hashed if at == row::VERSION => return ColumnValue::Integer(VERSION.into()),
            RowColumns::Shown | RowColumns::Hashed => at,
        };
        match self.row.get(at) {
            Some(OwnedValue::Integer(number)) => ColumnValue::Integer(*number),
            Some(OwnedValue::Text(text)) => ColumnValue::Text(text),
            Some(OwnedValue::Bytes(bytes)) => ColumnValue::Bytes(bytes),
            Some(OwnedValue::Unset) | None => ColumnValue::Unset,
        }
    }
}

impl From<ColumnValue<'_>> for OwnedValue {
    fn from(value: ColumnValue<'_>) -> Self {
        match value {
            ColumnValue::Integer(number) => Self::Integer(number),
            ColumnValue::Text(text) => Self::Text(text.to_owned()),
            ColumnValue::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            ColumnValue::Unset | ColumnValue::Unreadable => Self::Unset,
        }
    }
}
