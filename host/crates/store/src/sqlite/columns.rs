//! The entries of a log as a table with a column for each field, for tests and benchmarks with SQL.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error};

use super::commons::ERA;
use super::layout::{COLUMNS, Part};
use super::packed::{self, Unpacked};
use mcp_audit_log_index::{COMMITMENT, ColumnValue, DETAILS, Row, VERSION};
use mcp_audit_log_model::field::Field;

/// Adds a temporary view `entries` to a connection: each entry with a column for each field, `payload_commitment`,
/// `details` and `version`. Rows that are inserted, changed or removed through the view change the log, if its triggers
/// permit it, as a person does who can write the file and knows its format.
///
/// # Errors
/// The connection is not one of a log.
pub fn show_columns(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("entry_number", 2, flags, |context| {
        let at: usize = context.get(1)?;
        unpacked(context).and_then(|row| row.numbers.get(at).copied().ok_or(Error::InvalidQuery))
    })?;
    connection.create_scalar_function("entry_column", 5, flags, column)?;
    connection.create_scalar_function("entry_pack", -1, flags, |context| {
        let mut bytes = Vec::new();
        let row = Given((0..context.len()).map(|at| context.get_raw(at)).collect());
        packed::pack(&row, [0; 2], &mut bytes).map(|()| bytes).ok_or(Error::InvalidQuery)
    })?;
    let columns: Vec<_> = (1..COLUMNS).map(|at| (at, name(at))).collect();
    let shown: Vec<_> = columns
        .iter()
        .map(|(at, name)| format!("entry_column(e.fields, call.fields, caller.fields, e.seq, {at}) AS {name}"))
        .collect();
    let new: Vec<_> = columns.iter().map(|(_, name)| format!("new.{name}")).collect();
    let (shown, pack) = (shown.join(", "), format!("entry_pack(new.seq, {})", new.join(", ")));
    connection.execute_batch(&format!(
        "CREATE TEMP VIEW entries AS SELECT e.seq, {shown} FROM entry AS e
        LEFT JOIN common AS call ON call.first = e.seq / {ERA} * {ERA} AND call.number = entry_number(e.fields, 0)
        LEFT JOIN common AS caller ON caller.first = e.seq / {ERA} * {ERA}
            AND caller.number = entry_number(e.fields, 1);
        CREATE TEMP TRIGGER entries_insert INSTEAD OF INSERT ON entries BEGIN
            INSERT INTO entry (seq, fields) VALUES (new.seq, {pack});
            INSERT INTO entry_id (id, seq) VALUES (new.id, new.seq);
        END;
        CREATE TEMP TRIGGER entries_update INSTEAD OF UPDATE ON entries BEGIN
            UPDATE entry SET seq = new.seq, fields = {pack} WHERE seq = old.seq;
            UPDATE entry_id SET id = new.id, seq = new.seq WHERE id = old.id AND seq = old.seq
                AND (old.id, old.seq) IS NOT (new.id, new.seq);
            UPDATE other_id SET id = new.id, seq = new.seq WHERE id = old.id AND seq = old.seq
                AND (old.id, old.seq) IS NOT (new.id, new.seq);
        END;
        CREATE TEMP TRIGGER entries_delete INSTEAD OF DELETE ON entries BEGIN
            DELETE FROM entry WHERE seq = old.seq;
            DELETE FROM entry_id WHERE id = old.id AND seq = old.seq;
            DELETE FROM other_id WHERE id = old.id AND seq = old.seq;
        END;"
    ))
}

/// The name of a column of a row, but of the seq.
pub(super) fn name(at: usize) -> &'static str {
    match at {
        COMMITMENT => "payload_commitment",
        DETAILS => "details",
        VERSION => "version",
        at => Field::ALL.get(at).map_or("", |field| field.name()),
    }
}

fn unpacked<'c>(context: &'c Context<'_>) -> rusqlite::Result<Unpacked<'c>> {
    let seq = if context.len() > 3 { context.get(3)? } else { 0 };
    Unpacked::read(seq, context.get_raw(0).as_blob()?).ok_or(Error::InvalidQuery)
}

/// A column of a row, from its stored form and those of its common columns.
fn column(context: &Context<'_>) -> rusqlite::Result<Value> {
    let mut row = unpacked(context)?;
    for (at, part) in Part::ALL.into_iter().enumerate() {
        if let ValueRef::Blob(bytes) = context.get_raw(at + 1) {
            let common = packed::unpack_common(bytes).ok_or(Error::InvalidQuery)?;
            row.add(part, &common).ok_or(Error::InvalidQuery)?;
        }
    }
    Ok(match row.column(context.get(4)?) {
        ColumnValue::Unset | ColumnValue::Unreadable => Value::Null,
        ColumnValue::Integer(number) => Value::Integer(number),
        ColumnValue::Text(text) => Value::Text(text.to_owned()),
        ColumnValue::Bytes(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// The values of a statement, in the order of columns.
struct Given<'a>(Vec<ValueRef<'a>>);

impl Row for Given<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self.0.get(at) {
            Some(ValueRef::Integer(number)) => ColumnValue::Integer(*number),
            Some(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(ColumnValue::Unreadable, ColumnValue::Text),
            Some(ValueRef::Blob(bytes)) => ColumnValue::Bytes(bytes),
            Some(ValueRef::Null) | None => ColumnValue::Unset,
            Some(ValueRef::Real(_)) => ColumnValue::Unreadable,
        }
    }
}
