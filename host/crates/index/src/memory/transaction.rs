//! A transaction in memory.

use std::sync::Arc;

use uuid::Uuid;

use super::{Data, MemorySnapshot, OwnedValue};
use crate::row::{DETAILS, NewRow, Row};
use crate::snapshot::{Blob, PartColumn, Snapshot, StoredBlock, StoredRun};
use crate::states::States;
use crate::transaction::{HeadChange, NewColumn, NewPart, Removable, Transaction};
use crate::{PackedPayload, StateChange, StoreError, StoreFailure};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_ledger::Tile;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

impl Transaction for MemorySnapshot {
    fn snapshot(&self) -> &dyn Snapshot {
        self
    }

    fn greatest_id(&self) -> Result<Option<Uuid>, StoreError> {
        Ok(self.now().ids.keys().rfind(|id| id.get_version_num() == 7).copied())
    }

    fn last_number(&self, field: Field) -> Result<u64, StoreError> {
        Ok(self.now().last_number(field))
    }

    fn payloads_from(&self, seq: u64, show: &mut dyn FnMut(u64, Timestamp) -> bool) -> Result<(), StoreError> {
        let data = self.now();
        for seq in data.payloads.range(seq..).map(|(seq, _)| *seq) {
            let Some(OwnedValue::Integer(at)) = data.rows.get(&seq).map(|row| &row[Field::RecordedAt as usize]) else {
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
        let columns: Vec<_> = (0..=DETAILS).map(|at| OwnedValue::from(row.column(at))).collect();
        self.change(|data| {
            if let OwnedValue::Bytes(id) = &columns[Field::Id as usize] {
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
                let NewPart { key, cells, amounts } = part.clone();
                data.blobs.extend(
                    [(PartColumn::Cells, cells), (PartColumn::Amounts, amounts)]
                        .map(|(column, bytes)| (Blob::Part(key, column), bytes)),
                );
            }
        });
        Ok(())
    }

    fn put_tile(&self, tile: Tile, hashes: &[u8], is_there: bool) -> Result<(), StoreError> {
        let grows = match self.now().blobs.get(&Blob::Tile(tile)) {
            Some(before) => is_there && hashes.len() > before.len() && hashes.starts_with(before),
            None => !is_there,
        };
        if !grows {
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
            data.states.put(states);
        });
        Ok(())
    }

    fn append_judged_by(&self, record: &JudgedBy) -> Result<(), StoreError> {
        if self.judged_before(u64::MAX, 1)?.iter().any(|newest| record.since < newest.since) {
            return Err(refused("records of what judged are append-only"));
        }
        self.change(|data| data.states.append_judged_by(record));
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

impl MemorySnapshot {
    /// Whether something may be removed, which only a cleanup and an erasure may.
    fn removing(&self) -> Result<(), StoreError> {
        if self.may_remove { Ok(()) } else { Err(refused("only a cleanup removes")) }
    }
}

fn refused(what: &'static str) -> StoreError {
    StoreError::Database { doing: "storing", failure: StoreFailure::Refused, source: what.into() }
}

impl Data {
    /// Removes rows, and returns their number.
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
                self.runs.retain(|first, _| !gone.contains(first));
                before - self.runs.len()
            }
        }
    }

    /// Removes the blobs for which `is_gone` is true, and returns their number.
    fn without(&mut self, is_gone: impl Fn(&Blob) -> bool) -> usize {
        let before = self.blobs.len();
        self.blobs.retain(|blob, _| !is_gone(blob));
        before - self.blobs.len()
    }
}
