//! Entries from rows.

use uuid::Uuid;

use crate::StoreError;
use crate::dictionary::Texts;
use crate::row::{COMMITMENT, ColumnValue, DETAILS, HAS_PAYLOAD, Row, RowColumns};
use crate::snapshot::Snapshot;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;

/// The entry at `seq`, if there is one.
pub(crate) fn entry(log: &dyn Snapshot, texts: &Texts, seq: u64) -> Result<Option<Entry>, StoreError> {
    let mut found = None;
    log.rows(seq..seq.saturating_add(1), RowColumns::Shown, &mut |seq, row| {
        found = Some(read(log, texts, seq, row)?);
        Ok(false)
    })?;
    Ok(found)
}

fn read(log: &dyn Snapshot, texts: &Texts, seq: u64, row: &dyn Row) -> Result<Entry, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt { seq, reason: format!("{what} is out of range") };
    let time = |field: Field| number(seq, row, field)?.map(Timestamp::from_micros).ok_or_else(|| corrupt(field.name()));
    let id = uuid(seq, row, Field::Id)?.ok_or_else(|| corrupt("id"))?;
    let mut entry = Entry::new(id, time(Field::OccurredAt)?, time(Field::RecordedAt)?);
    entry.seq = seq;
    entry.status_code = number(seq, row, Field::StatusCode)?;
    for field in Field::ALL {
        if let Some(count) = entry.count_mut(*field) {
            *count = number(seq, row, *field)?;
        }
    }
    entry.parent = uuid(seq, row, Field::Parent)?;
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
        match (field.repeats(), row.column(*field as usize)) {
            (_, ColumnValue::Unset) => {}
            (true, ColumnValue::Integer(id)) => {
                let text = texts.find(log, *field, id.cast_unsigned())?;
                let text = text.ok_or_else(|| StoreError::Corrupt {
                    seq,
                    reason: format!("the dictionary has no text {id} of {}", field.name()),
                })?;
                entry.set_text(*field, Some(&text));
            }
            (false, ColumnValue::Text(text)) => entry.set_text(*field, Some(text)),
            _ => return Err(corrupt(field.name())),
        }
    }
    entry.payload_commitment = match row.column(COMMITMENT) {
        ColumnValue::Unset => None,
        ColumnValue::Bytes(bytes) => Some(bytes.try_into().map_err(|_| corrupt("payload_commitment"))?),
        _ => return Err(corrupt("payload_commitment")),
    };
    match row.column(DETAILS) {
        ColumnValue::Unset => {}
        ColumnValue::Text(details) => {
            let unreadable = |error: serde_json::Error| StoreError::Corrupt { seq, reason: error.to_string() };
            entry.details = serde_json::from_str(details).map_err(unreadable)?;
        }
        _ => return Err(corrupt("details")),
    }
    entry.has_payload = row.column(HAS_PAYLOAD) == ColumnValue::Integer(1);
    Ok(entry)
}

/// The number in a field's column; an error if the column has another type of value.
fn number<T: TryFrom<i64>>(seq: u64, row: &dyn Row, field: Field) -> Result<Option<T>, StoreError> {
    let corrupt = || StoreError::Corrupt { seq, reason: format!("{} is out of range", field.name()) };
    match row.column(field as usize) {
        ColumnValue::Unset => Ok(None),
        ColumnValue::Integer(number) => number.try_into().map(Some).map_err(|_| corrupt()),
        _ => Err(corrupt()),
    }
}

/// The id in a field's column; an error if the column has another type of value.
fn uuid(seq: u64, row: &dyn Row, field: Field) -> Result<Option<Uuid>, StoreError> {
    let corrupt = || StoreError::Corrupt { seq, reason: format!("{} is out of range", field.name()) };
    match row.column(field as usize) {
        ColumnValue::Unset => Ok(None),
        ColumnValue::Bytes(bytes) => Uuid::from_slice(bytes).map(Some).map_err(|_| corrupt()),
        _ => Err(corrupt()),
    }
}
