//! How the fields of an entry become columns: one list, from which insert and select are made.

use std::sync::LazyLock;

use crate::field::{Field, FieldType};

/// The columns that are not fields, in order.
const OTHERS: [&str; 2] = ["payload_commitment", "details"];

/// `INSERT` of one entry: every field in order, then the rest.
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<_> = names().collect();
    let marks: Vec<_> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
    format!("INSERT INTO entry ({}) VALUES ({})", columns.join(", "), marks.join(", "))
});

/// The select list of one entry in the same order, texts looked up, and last whether a payload is there.
pub(super) static SELECT: LazyLock<String> = LazyLock::new(|| {
    let expressions: Vec<_> =
        Field::ALL.iter().map(|field| expression(*field)).chain(OTHERS.map(String::from)).collect();
    format!("{}, EXISTS (SELECT 1 FROM payload WHERE payload.seq = entry.seq)", expressions.join(", "))
});

fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL.iter().map(|field| field.name()).chain(OTHERS)
}

fn expression(field: Field) -> String {
    let name = field.name();
    match (field.kind(), field.repeats()) {
        (FieldType::Text, true) => format!("(SELECT text FROM term WHERE term.id = entry.{name})"),
        _ => format!("entry.{name}"),
    }
}
