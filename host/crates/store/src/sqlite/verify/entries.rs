//! The entries: each seq has one, each hashes to its leaf in the ledger, times never go back, and no id occurs twice.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::{Fault, Subject, wrong};
use mcp_audit_log_index::check::{each_leaf, ledger_hash};
use mcp_audit_log_index::{ColumnValue, RowColumns, Snapshot, StoreError, Tiles};
use mcp_audit_log_ledger::VERSION;
use mcp_audit_log_model::field::Field;

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let seqs = subject.seqs.clone();
    let tiles = Tiles::new(&subject.log);
    let (mut next, mut newest, mut found) = (seqs.start, i64::MIN, None);
    let stop = || StoreError::Ledger { seq: 0, what: String::new() };
    let read = each_leaf(&subject.log, &subject.texts, 0..u64::MAX, |leaf, _, row| {
        let what = if leaf.seq != next {
            Some(("entry", "the entry is missing".to_owned()))
        } else if leaf.version != VERSION {
            Some(("entry.version", format!("unknown version {} of the encoding", leaf.version)))
        } else if leaf.recorded_at < newest {
            Some(("entry.recorded_at", "it is earlier than that of the entry before".to_owned()))
        } else if leaf.hash() != ledger_hash(&tiles, leaf.seq)? {
            let what = "its content, texts included, does not match the hash in the ledger";
            Some(("entry", what.to_owned()))
        } else {
            None
        };
        if let Some((at, what)) = what {
            found = Some(wrong(at, Some(leaf.seq.min(next)), what));
            return Err(stop());
        }
        subject.used.borrow_mut().add(leaf.seq, row)?;
        (next, newest) = (next + 1, leaf.recorded_at);
        subject.report(next - seqs.start, seqs.end - seqs.start);
        Ok(())
    });
    match found {
        Some(fault) => return Err(fault),
        None => read?,
    }
    if next != seqs.end {
        return Err(wrong("entry", Some(next), "the entry is missing"));
    }
    Ok(seqs.end - seqs.start)
}

/// The most entries whose ids are compared in one pass, which takes eight bytes of memory for each.
const PASS: u64 = 8_000_000;

/// Whether no tenant has an id twice. The index of ids is not asked.
pub(super) fn ids(subject: &Subject<'_>) -> Result<u64, Fault> {
    let count = subject.seqs.end - subject.seqs.start;
    let (passes, state) = (count / PASS + 1, RandomState::new());
    for pass in 0..passes {
        let mut hashes = Vec::new();
        each_id(subject, |_, id, _| {
            hashes.extend(Some(state.hash_one(id)).filter(|hash| hash % passes == pass));
            None::<()>
        })?;
        hashes.sort_unstable();
        let twice: HashSet<_> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        if twice.is_empty() {
            continue;
        }
        // Few are there twice, so that their tenants are looked up and not those of all entries.
        let mut known = HashSet::new();
        let found = each_id(subject, |seq, id, tenant| {
            let is_known = twice.contains(&state.hash_one(id)) && !known.insert((id.to_vec(), tenant));
            is_known.then_some(seq)
        })?;
        if let Some(seq) = found {
            return Err(wrong("entry.id", Some(seq), "an older entry of the same tenant has the same id"));
        }
    }
    Ok(count)
}

/// Passes the id and the tenant's number of each entry to `each`, until it returns something.
fn each_id<T>(
    subject: &Subject<'_>,
    mut each: impl FnMut(u64, &[u8], Option<i64>) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let mut found = None;
    subject.log.rows(0..u64::MAX, RowColumns::Fields(&[Field::Id, Field::Instance]), &mut |seq, row| {
        let tenant = if let ColumnValue::Integer(number) = row.column(1) { Some(number) } else { None };
        if let ColumnValue::Bytes(id) = row.column(0) {
            found = each(seq, id, tenant);
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}
