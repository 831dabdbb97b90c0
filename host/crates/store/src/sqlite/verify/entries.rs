//! The entries: each seq has one, each hashes to its leaf in the ledger, times never go back, and no id occurs twice.

use std::collections::HashSet;

use uuid::Uuid;

use super::super::SqlContext;
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

pub(super) fn ids(subject: &Subject<'_>) -> Result<u64, Fault> {
    let doing = "comparing ids";
    let sql = "SELECT id, count(*) FROM entry_id GROUP BY id HAVING count(*) > 1";
    let mut statement = subject.connection.prepare(sql).context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    // Ids belong to a tenant. Few are there twice, so that their tenants are looked up and not those of all entries.
    while let Some(row) = rows.next().context(doing)? {
        let mut tenants = HashSet::new();
        for seq in subject.log.seqs_of(Uuid::from_bytes(row.get(0).context(doing)?))? {
            let mut is_new = true;
            subject.log.rows(seq..seq.saturating_add(1), RowColumns::Fields(&[Field::Instance]), &mut |_, row| {
                is_new = tenants.insert(match row.column(0) {
                    ColumnValue::Integer(number) => Some(number),
                    _ => None,
                });
                Ok(false)
            })?;
            if !is_new {
                return Err(wrong("entry.id", Some(seq), "an older entry of the same tenant has the same id"));
            }
        }
    }
    Ok(subject.seqs.end - subject.seqs.start)
}
