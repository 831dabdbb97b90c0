//! The content of an entry as bytes: everything that does not depend on its `seq`.

use super::hash::{Hash, unhex};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use uuid::Uuid;

/// The item that has the commitment to the payload. Fields have their index in the field table, below 64.
pub(crate) const COMMITMENT: u8 = 64;
/// The item that has the details, as the stored text.
pub(crate) const DETAILS: u8 = 65;
/// Their names where contents are shown.
pub(crate) const COMMITMENT_NAME: &str = "payload_commitment";
pub(crate) const DETAILS_NAME: &str = "details";

/// The content of an entry under construction: one item for each set column, in the order of their numbers. An item is
/// its number (one byte), the length of its value (four bytes, big-endian) and the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(Vec<u8>);

impl Content {
    /// The content of an entry in memory; the store computes the same bytes from the entry's columns.
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

    /// The fields of a content: all except the two that are in the leaf itself.
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

    /// Adds the items after the fields.
    pub fn end(&mut self, commitment: Option<&[u8]>, details: Option<&str>) {
        commitment.into_iter().for_each(|commitment| self.item(COMMITMENT, commitment));
        details.into_iter().for_each(|details| self.item(DETAILS, details.as_bytes()));
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The content in these bytes: items of known numbers in ascending order, each with its field's type. `None` for
    /// any deviation, so that all shown content is hashed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let content = Self(bytes.to_vec());
        content.items().then_some(content)
    }

    /// The values by field name, in their order: texts, numbers, times in microseconds, ids as texts, then the
    /// commitment to the payload and the details as they are stored.
    pub fn shown(&self) -> Vec<(&'static str, Value)> {
        let mut shown = Vec::new();
        self.each(|name, value| shown.push((name, value)));
        shown
    }

    /// The entry with this content, the reverse of [`Content::of`]; `None` if an id or the time is missing, or a number is
    /// too large.
    pub fn entry(&self, seq: u64, recorded_at: i64) -> Option<Entry> {
        let shown = self.shown();
        let named = |name: &str| shown.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
        let id = |value: &Value| if let Value::Text(id) = value { Uuid::try_parse(id).ok() } else { None };
        let time =
            |value: &Value| if let Value::Integer(at) = value { Some(Timestamp::from_micros(*at)) } else { None };
        let occurred_at = named(Field::OccurredAt.name()).and_then(time)?;
        let mut entry =
            Entry::new(named(Field::Id.name()).and_then(id)?, occurred_at, Timestamp::from_micros(recorded_at));
        entry.seq = seq;
        for (name, value) in &shown {
            match (Field::named(name), value) {
                (Some(Field::Parent), value) => entry.parent = Some(id(value)?),
                (Some(Field::StatusCode), Value::Integer(code)) => entry.status_code = Some((*code).try_into().ok()?),
                (Some(Field::Id | Field::OccurredAt), _) => {}
                (Some(field), Value::Integer(number)) => *entry.count_mut(field)? = Some((*number).try_into().ok()?),
                (Some(field), Value::Text(text)) => entry.set_text(field, Some(text)),
                (None, Value::Text(text)) if *name == DETAILS_NAME => {
                    entry.details = serde_json::from_str(text).ok()?
                }
                (None, Value::Text(hash)) => entry.payload_commitment = Some(*unhex(hash)?.as_bytes()),
                _ => return None,
            }
        }
        Some(entry)
    }

    fn items(&self) -> bool {
        self.each(|_, _| {})
    }

    /// Calls `each` for each item; returns whether all bytes are well-formed items.
    fn each(&self, mut each: impl FnMut(&'static str, Value)) -> bool {
        let (mut rest, mut before) = (self.0.as_slice(), 0);
        while !rest.is_empty() {
            let Some((number, value, behind)) = split(rest).filter(|(number, ..)| *number > before) else {
                return false;
            };
            let Some((name, value)) = read(number, value) else { return false };
            each(name, value);
            (rest, before) = (behind, number);
        }
        true
    }

    /// The hash in the leaf.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }

    /// No stored value reaches four gigabytes: SQLite accepts at most one.
    fn item(&mut self, number: u8, value: &[u8]) {
        self.0.push(number);
        self.0.extend((value.len() as u32).to_be_bytes());
        self.0.extend(value);
    }
}

/// The first item's number and value, and the remaining bytes.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (number, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((*number, value, rest))
}

/// An item with its readable value.
fn read(number: u8, value: &[u8]) -> Option<(&'static str, Value)> {
    let text = || std::str::from_utf8(value).ok().map(|text| Value::Text(text.to_owned()));
    match number {
        COMMITMENT => Some((COMMITMENT_NAME, Value::Text(Hash::from_slice(value)?.to_string()))),
        DETAILS => Some((DETAILS_NAME, text()?)),
        number => {
            let field = Content::fields().find(|field| *field as u8 == number)?;
            let shown = match field.kind() {
                FieldType::Text => text()?,
                FieldType::Integer | FieldType::Time => Value::Integer(i64::from_be_bytes(value.try_into().ok()?)),
                FieldType::Id => Value::Text(Uuid::from_slice(value).ok()?.to_string()),
            };
            Some((field.name(), shown))
        }
    }
}
