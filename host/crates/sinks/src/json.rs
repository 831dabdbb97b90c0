//! An entry as JSON: its origin, then every field that is set.

use mcp_audit_log_core::sink::EntryBatch;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An entry of a log, by the names of the API.
pub(crate) struct EntryJson<'a> {
    origin: &'a str,
    entry: &'a Entry,
    leaves_details_out: bool,
}

impl<'a> EntryJson<'a> {
    pub(crate) fn new(origin: &'a str, entry: &'a Entry) -> Self {
        Self { origin, entry, leaves_details_out: false }
    }

    /// The same with a mark instead of the details.
    pub(crate) fn without_details(self) -> Self {
        Self { leaves_details_out: true, ..self }
    }

    pub(crate) fn text(&self) -> String {
        // All names are texts, so it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
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
        if self.leaves_details_out {
            map.serialize_entry("details_left_out", &true)?;
        } else if !self.entry.details.is_empty() {
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
        let entries = batch.entries.iter().map(|entry| EntryJson::new(origin, entry)).collect();
        Self { sink: &batch.sink, origin, entries }
    }
}
