//! How the fields of an entry become columns: one list, from which insert and select are made.

use std::sync::LazyLock;

use mcp_audit_log_model::field::Field;

/// The columns that are not fields, in order.
const OTHERS: [&str; 2] = ["payload_commitment", "details"];

/// `INSERT` of one entry: every field in order, then the rest. It stops where it fails, for the reason given at the
/// trigger that watches it; the transaction is then rolled back as a whole.
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let marks: Vec<_> = (1..=names().count()).map(|at| format!("?{at}")).collect();
    format!("INSERT OR FAIL INTO entry ({}) VALUES ({})", list(), marks.join(", "))
});

/// The entry at a place: the same columns in the same order, and last whether a payload is there.
pub(super) static SELECT: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {}, EXISTS (SELECT 1 FROM payload WHERE payload.seq = entry.seq) FROM entry WHERE seq = ?1", list())
});

fn list() -> String {
    names().collect::<Vec<_>>().join(", ")
}

fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL.iter().map(|field| field.name()).chain(OTHERS)
}
