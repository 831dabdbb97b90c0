//! The index: it is whole, and agrees with the row of each entry.

use std::collections::HashSet;

use super::super::SqlContext;
use super::super::ids::{self, BlockIds};
use super::super::snapshot::BLOCK;
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::check::{self, Block, BlockColumn, raw};
use mcp_audit_log_index::{ColumnValue, RowColumns, Snapshot, StoreError};
use mcp_audit_log_model::field::Field;

const DOING: &str = "comparing the index";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let seqs = &subject.seqs;
    check::check(&subject.log, seqs.start, seqs.end)?;
    let full = seqs.end / BLOCK * BLOCK;
    let end = check::end(&subject.log)?;
    if full > seqs.start && end != Some(full) {
        return Err(wrong("block", Some(end.unwrap_or(seqs.start)), "the index lacks the entries from here on"));
    }
    let chunks: u64 =
        subject.connection.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).context(DOING)?;
    let mut known = 0;
    for block in check::closed(&subject.log)? {
        known += compare(subject, &block)?;
        subject.report(block.seqs().end / BLOCK * 4_096, seqs.end);
    }
    ids(subject)?;
    if chunks != known {
        return Err(wrong("chunk", None, format!("there are {chunks} chunks, but the blocks name {known}")));
    }
    Ok(full.saturating_sub(seqs.start))
}

/// Compares the index of ids with the rows.
fn ids(subject: &Subject<'_>) -> Result<(), Fault> {
    let mut statement = subject.connection.prepare("SELECT first, length FROM block ORDER BY first").context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    let (mut end, mut parts, mut others) = (subject.seqs.start, 0, 0);
    while let Some(row) = rows.next().context(DOING)? {
        let (first, length): (u64, u64) = (row.get(0).context(DOING)?, row.get(1).context(DOING)?);
        // The cleanup removes entries one by one, and their ids with the block.
        let ids = BlockIds::of(&subject.log, first, length)?;
        if !ids.are_stored(subject.connection, subject.seqs.start.max(first)).context(DOING)? {
            return Err(wrong("block and id_part", Some(first), "the index of ids differs from the entries"));
        }
        (end, parts) = (first + length, parts + ids::parts(length));
        others += ids.others.len() as u64;
    }
    let count = |sql: &str| subject.connection.query_row(sql, [], |row| row.get::<_, u64>(0)).context(DOING);
    let found = count("SELECT count(*) FROM id_part")?;
    if found != parts {
        return Err(wrong("id_part", None, format!("there are {found} parts, but the blocks have {parts}")));
    }
    let found = count("SELECT count(*) FROM other_id")?;
    if found != others {
        return Err(wrong("other_id", None, format!("there are {found} ids, but the blocks have {others}")));
    }
    let (mut known, mut newest) = (0, HashSet::new());
    let mut statement = subject.connection.prepare("SELECT id, seq FROM entry_id").context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    while let Some(row) = rows.next().context(DOING)? {
        newest.insert((row.get::<_, Vec<u8>>(0).context(DOING)?, row.get::<_, u64>(1).context(DOING)?));
    }
    let mut missing = None;
    subject.log.rows(end..u64::MAX, RowColumns::Fields(&[Field::Id]), &mut |seq, row| {
        let ColumnValue::Bytes(id) = row.column(0) else { return Ok(true) };
        known += 1;
        missing = Some(seq).filter(|_| !newest.contains(&(id.to_vec(), seq)));
        Ok(missing.is_none())
    })?;
    if missing.is_some() || newest.len() != known {
        return Err(wrong("entry_id", missing, "the index of ids differs from the newest entries"));
    }
    Ok(())
}

/// Compares a block with its rows, and returns the number of its fields.
fn compare(subject: &Subject<'_>, block: &Block) -> Result<u64, Fault> {
    let stated = stated(subject, block)?;
    let mut fields = 0;
    for field in Field::ALL {
        let Some(zone) = block.zone(&subject.log, *field)? else {
            if let Some(at) = stated[*field as usize].iter().position(|raw| *raw != 0) {
                return Err(differs(*field, block.first + at as u64));
            }
            continue;
        };
        fields += 1;
        let planes = block.planes(&subject.log, *field, |planes| Some(planes.to_vec()))?;
        let damaged = || StoreError::Index { first: block.first, field: field.name() };
        let found = BlockColumn { zone, planes }.decode(block.length).ok_or_else(damaged)?;
        // Removed entries are not checked.
        let gone = subject.seqs.start.saturating_sub(block.first) as usize;
        let pairs = found.iter().zip(&stated[*field as usize]).skip(gone);
        if let Some(at) = pairs.into_iter().position(|(found, stated)| found != stated) {
            return Err(differs(*field, block.first + (gone + at) as u64));
        }
    }
    Ok(fields)
}

fn differs(field: Field, seq: u64) -> Fault {
    wrong(format!("chunk, of {}", field.name()), Some(seq), "the index differs from the entry")
}

/// The values of the rows of a block, by field and seq; 0 for a value that is not set.
fn stated(subject: &Subject<'_>, block: &Block) -> Result<Vec<Vec<u64>>, Fault> {
    let mut numbers = vec![vec![0; block.length as usize]; Field::COUNT];
    subject.log.rows(block.seqs(), RowColumns::Fields(Field::ALL), &mut |seq, row| {
        for (at, field) in Field::ALL.iter().enumerate() {
            numbers[at][(seq - block.first) as usize] = raw(*field, row.column(at));
        }
        Ok(true)
    })?;
    Ok(numbers)
}
