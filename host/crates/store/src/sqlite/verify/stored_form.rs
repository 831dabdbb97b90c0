//! The stored form of entries: each has the one form that the log writes, and each combination of common columns is used.

use std::collections::HashSet;

use super::super::SqlContext;
use super::super::commons::era;
use super::super::layout::Part;
use super::super::packed::{self, Unpacked};
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::StoreError;

const DOING: &str = "reading the stored form of entries";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let mut statement = subject.connection.prepare("SELECT seq, fields FROM entry ORDER BY seq").context(DOING)?;
    let (mut rows, mut used, mut again, mut done) =
        (statement.query([]).context(DOING)?, HashSet::new(), Vec::new(), 0);
    while let Some(row) = rows.next().context(DOING)? {
        let seq: u64 = row.get(0).context(DOING)?;
        let bytes = row.get_ref(1).and_then(|bytes| Ok(bytes.as_blob()?)).context(DOING)?;
        let corrupt = || StoreError::Corrupt { seq, reason: "its row cannot be read".to_owned() };
        let row = Unpacked::read(seq, bytes).ok_or_else(corrupt)?;
        again.clear();
        if packed::pack(&row, row.numbers, &mut again).is_none() || again != bytes {
            return Err(wrong("entry", Some(seq), "its row has a form that the log does not write"));
        }
        used.extend(row.numbers.iter().filter(|number| **number > 0).map(|number| (era(seq), *number)));
        done += 1;
        subject.report(done, subject.seqs.end - subject.seqs.start);
    }
    commons(subject, &used)?;
    Ok(done)
}

/// Whether each combination of common columns can be read, and entries use it, unless the cleanup may have removed them.
fn commons(subject: &Subject<'_>, used: &HashSet<(u64, u64)>) -> Result<(), Fault> {
    let sql = "SELECT first, number, fields FROM common ORDER BY first, number";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    while let Some(row) = rows.next().context(DOING)? {
        let (first, number): (u64, u64) = (row.get(0).context(DOING)?, row.get(1).context(DOING)?);
        let bytes = row.get_ref(2).and_then(|bytes| Ok(bytes.as_blob()?)).context(DOING)?;
        let (mut again, common) = (Vec::new(), packed::unpack_common(bytes));
        let is_whole = common.is_some_and(|common| {
            // It is of one part, and in the form that the log writes.
            let row = packed::CommonRow(&common);
            Part::ALL.iter().any(|part| {
                again.clear();
                packed::pack_common(&row, *part, &mut again).is_some() && again == bytes
            })
        });
        let is_used = used.contains(&(first, number)) || first < subject.seqs.start;
        if !is_whole || !is_used || era(first) != first {
            let what = format!("no entry can have the common columns {number} of the era of this seq");
            return Err(wrong("common", Some(first), what));
        }
    }
    Ok(())
}
