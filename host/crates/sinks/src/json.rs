//! (short: shared by sinks) An entry as JSON: its origin, then every field that is set.

use mcp_audit_log_core::sink::EntryBatch;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An entry of a log, by the names of the API.
pub(crate) struct EntryJson<'a> {
    pub(crate) origin: &'a str,
    pub(crate) entry: &'a Entry,
}

impl Serialize for EntryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("origin", self.origin)?;
        for field in Field::ALL {
            let value = self.entry.json(*field);
            if !value.is_null() {
                map.serialize_entry(field.name(), &value)?;
            }
        }
        map.serialize_entry("has_payload", &self.entry.has_payload)?;
        if !self.entry.details.is_empty() {
            map.serialize_entry("details", &self.entry.details)?;
        }
        map.end()
    }
}

/// A batch with its entries.
#[derive(serde::Serialize)]
pub(crate) struct BatchJson<'a> {
    sink: &'a str,
    origin: &'a str,
    entries: Vec<EntryJson<'a>>,
}

impl<'a> BatchJson<'a> {
    pub(crate) fn new(batch: &'a EntryBatch) -> Self {
        let origin = &*batch.origin;
        let entries = batch.entries.iter().map(|entry| EntryJson { origin, entry }).collect();
        Self { sink: &batch.sink, origin, entries }
    }
}
