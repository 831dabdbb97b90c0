//! Entries to rows and back.

use rusqlite::types::{ToSql, Value as Sql};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::terms::Terms;
use crate::entry::Entry;
use crate::field::{Field, FieldType};
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::value::Value;

/// The parameters of the insert, in the order of [`super::columns::INSERT`].
pub(super) fn parameters(connection: &Connection, terms: &mut Terms, entry: &Entry) -> rusqlite::Result<Vec<Sql>> {
    let mut row = Vec::with_capacity(Field::COUNT + 2);
    for field in Field::ALL {
        row.push(match field {
            Field::Id => Sql::Blob(entry.id.as_bytes().to_vec()),
            Field::Parent => entry.parent.map_or(Sql::Null, |id| Sql::Blob(id.as_bytes().to_vec())),
            _ if field.kind() == FieldType::Text => match entry.text(*field) {
                Some(text) if field.repeats() => Sql::Integer(terms.id(connection, text)?),
                Some(text) => Sql::Text(text.to_owned()),
                None => Sql::Null,
            },
            _ => match entry.value(*field) {
                Value::Integer(number) => Sql::Integer(number),
                _ => Sql::Null,
            },
        });
    }
    row.push(entry.payload_commitment.map_or(Sql::Null, |hash| Sql::Blob(hash.to_vec())));
    row.push(match entry.details.is_empty() {
        true => Sql::Null,
        false => Sql::Text(serde_json::to_string(&entry.details).unwrap_or_default()),
    });
    Ok(row)
}

/// The entry in a row of [`super::columns::SELECT`].
pub(super) fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let seq: i64 = row.get(Field::Seq as usize).unwrap_or(-1);
    read(row).map_err(|error| StoreError::Corrupt { seq: seq.unsigned_abs(), reason: error.to_string() })
}

fn read(row: &Row<'_>) -> Result<Entry, Box<dyn std::error::Error>> {
    let uuid = |bytes: Vec<u8>| Uuid::from_slice(&bytes);
    let time = |field: Field| row.get(field as usize).map(Timestamp::from_micros);
    let id = uuid(row.get(Field::Id as usize)?)?;
    let mut entry = Entry::new(id, time(Field::OccurredAt)?, time(Field::RecordedAt)?);
    entry.seq = u64::try_from(row.get::<_, i64>(Field::Seq as usize)?)?;
    entry.status_code = row.get(Field::StatusCode as usize)?;
    entry.duration_us = row.get::<_, Option<i64>>(Field::DurationUs as usize)?.map(u64::try_from).transpose()?;
    entry.parent = row.get::<_, Option<Vec<u8>>>(Field::Parent as usize)?.map(uuid).transpose()?;
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
        entry.set_text(*field, row.get::<_, Option<String>>(*field as usize)?.as_deref());
    }
    entry.payload_commitment = row.get(Field::COUNT)?;
    if let Some(details) = row.get::<_, Option<String>>(Field::COUNT + 1)? {
        entry.details = serde_json::from_str(&details)?;
    }
    entry.has_payload = row.get(Field::COUNT + 2)?;
    Ok(entry)
}

/// Parameters as the binding wants them.
pub(super) fn borrowed(parameters: &[Sql]) -> Vec<&dyn ToSql> {
    parameters.iter().map(|parameter| parameter as &dyn ToSql).collect()
}
