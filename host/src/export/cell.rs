//! The value of a column in a row, before a format encodes it.

use std::borrow::Cow;

use super::column::Column;
use crate::entry::{Details, Entry};
use crate::field::{Field, FieldType};
use crate::store::StoredPayload;
use crate::time::Timestamp;
use crate::value::Value;

/// The content of a cell.
pub(super) enum Cell<'a> {
    Unset,
    Boolean(bool),
    Integer(i64),
    Time(Timestamp),
    Text(Cow<'a, str>),
}

/// An entry, and what is kept of its payload where that is wanted.
pub(super) struct Row<'a> {
    pub(super) entry: &'a Entry,
    pub(super) payload: Option<&'a StoredPayload>,
}

impl<'a> Row<'a> {
    /// The value under `column`.
    pub(super) fn cell(&self, column: Column) -> Cell<'a> {
        let body = |body: fn(&StoredPayload) -> &Option<String>| {
            let text = self.payload.and_then(|payload| body(payload).as_deref());
            text.map_or(Cell::Unset, |text| Cell::Text(text.into()))
        };
        match column {
            Column::Field(field) => self.field(field),
            Column::HasPayload => Cell::Boolean(self.entry.has_payload),
            Column::Details => json(&self.entry.details),
            Column::Request => body(|payload| &payload.request),
            Column::Response => body(|payload| &payload.response),
            Column::PayloadNotes => self.payload.map_or(Cell::Unset, |payload| json(&payload.notes)),
        }
    }

    fn field(&self, field: Field) -> Cell<'a> {
        match (field.kind(), self.entry.text(field)) {
            (FieldType::Text, text) => text.map_or(Cell::Unset, |text| Cell::Text(text.into())),
            (FieldType::Time, _) if field == Field::RecordedAt => Cell::Time(self.entry.recorded_at),
            (FieldType::Time, _) => Cell::Time(self.entry.occurred_at),
            (FieldType::Integer | FieldType::Id, _) => match self.entry.value(field) {
                Value::Integer(number) => Cell::Integer(number),
                Value::Text(text) => Cell::Text(text.into()),
                Value::Boolean(_) | Value::Unset => Cell::Unset,
            },
        }
    }
}

/// An object as text; nothing where it is empty.
fn json<'a>(object: &Details) -> Cell<'a> {
    match serde_json::to_string(object) {
        Ok(text) if !object.is_empty() => Cell::Text(text.into()),
        _ => Cell::Unset,
    }
}
