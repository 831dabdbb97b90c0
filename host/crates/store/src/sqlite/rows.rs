//! Entries to rows and back.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql};
use uuid::Uuid;

use super::terms::Terms;
use super::texts::Texts;
use super::{Doing, columns};
use crate::StoreError;
use crate::index::{Raw, hash, kind};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// An entry with what only the one who appends can say.
pub(super) struct Placed<'a> {
    pub(super) entry: &'a Entry,
    pub(super) seq: u64,
    pub(super) recorded_at: Timestamp,
}

/// The insert of entries, in the order of [`super::columns::INSERT`]. Numbers that are bound already, which is most of
/// them, are not bound again.
pub(super) struct Insert<'c> {
    statement: CachedStatement<'c>,
    bound: [Bound; Field::COUNT],
}

/// What a parameter is bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Number(i64),
    Nothing,
    Unknown,
}

impl<'c> Insert<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let statement = connection.prepare_cached(&columns::INSERT)?;
        Ok(Self { statement, bound: [Bound::Unknown; Field::COUNT] })
    }

    /// Inserts an entry; returns its numbers for the index.
    pub(super) fn run(
        &mut self,
        connection: &Connection,
        terms: &mut Terms,
        placed: &Placed<'_>,
    ) -> rusqlite::Result<Raw> {
        let entry = placed.entry;
        let mut raw = [0; Field::COUNT];
        for field in Field::ALL {
            raw[*field as usize] = match field.kind() {
                FieldType::Id => {
                    let id = if *field == Field::Parent { entry.parent } else { Some(entry.id) };
                    self.other(*field, id.as_ref().map(Uuid::as_bytes))?;
                    id.map_or(0, |id| hash(id.as_bytes()))
                }
                FieldType::Text if !field.repeats() => {
                    let text = entry.text(*field);
                    self.other(*field, text)?;
                    text.map_or(0, |text| hash(text.as_bytes()))
                }
                FieldType::Text => {
                    let id = entry.text(*field).map(|text| terms.id(connection, *field, text)).transpose()?;
                    self.number(*field, id)?;
                    id.map_or(0, i64::cast_unsigned)
                }
                FieldType::Integer | FieldType::Time => {
                    let number = placed.number(*field);
                    self.number(*field, number)?;
                    number.zip(kind(*field)).map_or(0, |(number, kind)| kind.raw(number))
                }
            };
        }
        self.statement.raw_bind_parameter(Field::COUNT + 1, entry.payload_commitment)?;
        self.statement.raw_bind_parameter(Field::COUNT + 2, entry.details_text())?;
        self.statement.raw_execute()?;
        Ok(raw)
    }

    fn number(&mut self, field: Field, number: Option<i64>) -> rusqlite::Result<()> {
        let wanted = number.map_or(Bound::Nothing, Bound::Number);
        if self.bound[field as usize] == wanted {
            return Ok(());
        }
        self.bound[field as usize] = wanted;
        self.statement.raw_bind_parameter(field as usize + 1, number)
    }

    fn other(&mut self, field: Field, value: Option<impl ToSql>) -> rusqlite::Result<()> {
        if value.is_none() {
            return self.number(field, None);
        }
        self.bound[field as usize] = Bound::Unknown;
        self.statement.raw_bind_parameter(field as usize + 1, value)
    }
}

impl Placed<'_> {
    fn number(&self, field: Field) -> Option<i64> {
        match field {
            Field::Seq => Some(self.seq.cast_signed()),
            Field::RecordedAt => Some(self.recorded_at.as_micros()),
            _ => match self.entry.value(field) {
                Value::Integer(number) => Some(number),
                _ => None,
            },
        }
    }
}

/// The numbers of a stored row for the index: the columns of the fields from `first` on.
pub(super) fn raw(row: &Row<'_>, field: Field, column: usize) -> rusqlite::Result<u64> {
    let Some(kind) = kind(field) else { return Ok(0) };
    Ok(match row.get_ref(column)? {
        rusqlite::types::ValueRef::Integer(number) => kind.raw(number),
        rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => hash(bytes),
        _ => 0,
    })
}

/// The entry at a place, if there is one.
pub(super) fn entry(connection: &Connection, texts: &Texts, seq: u64) -> Result<Option<Entry>, StoreError> {
    let doing = "reading entries";
    let mut statement = connection.prepare_cached(&columns::SELECT).doing(doing)?;
    let read = |row: &Row<'_>| Ok(read(row, connection, texts));
    let corrupt = |error: Box<dyn std::error::Error>| StoreError::Corrupt { seq, reason: error.to_string() };
    statement.query_row([seq as i64], read).optional().doing(doing)?.transpose().map_err(corrupt)
}

fn read(row: &Row<'_>, connection: &Connection, texts: &Texts) -> Result<Entry, Box<dyn std::error::Error>> {
    let uuid = |bytes: [u8; 16]| Uuid::from_bytes(bytes);
    let time = |field: Field| row.get(field as usize).map(Timestamp::from_micros);
    let id = uuid(row.get(Field::Id as usize)?);
    let mut entry = Entry::new(id, time(Field::OccurredAt)?, time(Field::RecordedAt)?);
    entry.seq = row.get(Field::Seq as usize)?;
    entry.status_code = row.get(Field::StatusCode as usize)?;
    entry.duration_us = row.get(Field::DurationUs as usize)?;
    entry.request_bytes = row.get(Field::RequestBytes as usize)?;
    entry.response_bytes = row.get(Field::ResponseBytes as usize)?;
    entry.input_tokens = row.get(Field::InputTokens as usize)?;
    entry.output_tokens = row.get(Field::OutputTokens as usize)?;
    entry.cost_micros = row.get(Field::CostMicros as usize)?;
    entry.parent = row.get::<_, Option<[u8; 16]>>(Field::Parent as usize)?.map(uuid);
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
        match field.repeats() {
            true => {
                let id: Option<u64> = row.get(*field as usize)?;
                let text = id.map(|id| texts.get(connection, *field, id)).transpose()?;
                entry.set_text(*field, text.as_deref());
            }
            false => entry.set_text(*field, row.get_ref(*field as usize)?.as_str_or_null()?),
        }
    }
    entry.payload_commitment = row.get(Field::COUNT)?;
    if let Some(details) = row.get_ref(Field::COUNT + 1)?.as_str_or_null()? {
        entry.details = serde_json::from_str(details)?;
    }
    entry.has_payload = row.get(Field::COUNT + 2)?;
    Ok(entry)
}
