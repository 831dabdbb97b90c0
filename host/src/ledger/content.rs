//! What an entry says, as bytes: the part of it that is the same wherever in the log it stands.

use super::hash::Hash;
use crate::entry::Entry;
use crate::field::{Field, FieldType};
use crate::value::Value;

/// The item that has the commitment to the payload. Fields are numbered by their place in the field table, below 64.
const COMMITMENT: u8 = 64;
/// The item that has the details, as the text that is stored.
const DETAILS: u8 = 65;

/// The content of an entry while it is put together: one item for each column that is set, in the order of their
/// numbers. An item is its number (one byte), the length of its value (four bytes, big end first) and the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(Vec<u8>);

impl Content {
    /// Of an entry in memory; what the store makes of the same entry's columns is the same.
    pub fn of(entry: &Entry) -> Self {
        let mut content = Self(Vec::with_capacity(1_024));
        for field in Self::fields() {
            match field.kind() {
                FieldType::Text => entry.text(field).into_iter().for_each(|text| content.text(field, text)),
                FieldType::Id => {
                    let id = if field == Field::Parent { entry.parent } else { Some(entry.id) };
                    id.into_iter().for_each(|id| content.id(field, id.as_bytes()));
                }
                FieldType::Integer | FieldType::Time => {
                    if let Value::Integer(number) = entry.value(field) {
                        content.integer(field, number);
                    }
                }
            }
        }
        content.end(entry.payload_commitment.as_ref().map(<[u8; 32]>::as_slice), entry.details_text().as_deref());
        content
    }

    /// The fields that are part of a content: all but the two that stand in the leaf itself.
    pub fn fields() -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(|field| !matches!(field, Field::Seq | Field::RecordedAt))
    }

    /// Adds a text, in UTF-8.
    pub fn text(&mut self, field: Field, text: &str) {
        self.item(field as u8, text.as_bytes());
    }

    /// Adds a number or a time in microseconds: eight bytes, two's complement, big end first.
    pub fn integer(&mut self, field: Field, number: i64) {
        self.item(field as u8, &number.to_be_bytes());
    }

    /// Adds a UUID's sixteen bytes.
    pub fn id(&mut self, field: Field, id: &[u8]) {
        self.item(field as u8, id);
    }

    /// Adds what comes after the fields.
    pub fn end(&mut self, commitment: Option<&[u8]>, details: Option<&str>) {
        commitment.into_iter().for_each(|commitment| self.item(COMMITMENT, commitment));
        details.into_iter().for_each(|details| self.item(DETAILS, details.as_bytes()));
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash that stands in the leaf.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }

    /// Nothing that is stored comes near to four gigabytes: SQLite takes no more than one.
    fn item(&mut self, number: u8, value: &[u8]) {
        self.0.push(number);
        self.0.extend((value.len() as u32).to_be_bytes());
        self.0.extend(value);
    }
}
