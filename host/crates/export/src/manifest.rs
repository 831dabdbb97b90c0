//! The manifest of an export, which shows whether a file is complete and how it was created; and its entries.

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{Column, ExportRequest};

/// The manifest of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Manifest")]
#[non_exhaustive]
pub struct ExportManifest {
    /// The id of the entry that recorded the start of the export before the first byte was sent. Null if another
    /// process had the log open, so the export could not be recorded.
    pub export: Option<Uuid>,
    /// The user who made the export.
    pub user: String,
    /// The tenant of that user.
    pub instance: Option<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was complete.
    pub ended_at: Option<Timestamp>,
    /// `csv`, `jsonl` or `parquet`.
    pub format: String,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// Whether parts of payloads are among them.
    pub payloads: bool,
    /// The filter as a domain, with exact times. The viewer's record rule applied as well.
    pub filter: String,
    /// Oldest first.
    pub order: String,
    /// The log's end when the export began: only entries with a smaller `seq` were considered.
    pub log_end: u64,
    /// The number of entries in the file.
    pub rows: u64,
    /// The `seq` of the first entry.
    pub first_place: Option<u64>,
    /// When it was recorded.
    pub first_recorded_at: Option<Timestamp>,
    /// The `seq` of the last entry.
    pub last_place: Option<u64>,
    /// When it was recorded.
    pub last_recorded_at: Option<Timestamp>,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The signed checkpoint that covers the entries, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

impl ExportManifest {
    /// The manifest of a file that is still empty.
    pub(super) fn begun(viewer: &Viewer, wanted: &ExportRequest, log_end: u64, now: Timestamp) -> Self {
        Self {
            export: None,
            user: viewer.user.clone(),
            instance: viewer.instance.clone(),
            begun_at: now,
            ended_at: None,
            format: wanted.format.name().to_owned(),
            columns: wanted.columns.iter().map(Column::name).map(str::to_owned).collect(),
            payloads: wanted.columns.have_content(),
            filter: wanted.domain.to_string(),
            order: "oldest first".to_owned(),
            log_end,
            rows: 0,
            first_place: None,
            first_recorded_at: None,
            last_place: None,
            last_recorded_at: None,
            bytes: 0,
            sha256: String::new(),
            checkpoint: None,
        }
    }

    /// Counts an entry after all earlier ones.
    pub(super) fn count(&mut self, entry: &Entry) {
        self.rows += 1;
        self.first_place.get_or_insert(entry.seq);
        self.first_recorded_at.get_or_insert(entry.recorded_at);
        self.last_place = Some(entry.seq);
        self.last_recorded_at = Some(entry.recorded_at);
    }
}

/// The log truncates a fact's text after this many characters; a longer one, such as a filter, is kept in parts.
const PART: usize = 1_000;

impl ExportManifest {
    /// Adds all known facts to `event`.
    pub fn told_by(&self, mut event: Event) -> Event {
        let Ok(Json::Object(members)) = serde_json::to_value(self) else { return event };
        for (name, member) in members {
            let text = match member {
                Json::Array(items) => items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","),
                Json::String(text) => text,
                other => {
                    let value = Value::from_json(&other).filter(|value| *value != Value::Unset);
                    event.facts.extend(value.map(|value| (name, value)));
                    continue;
                }
            };
            event.facts.extend(parts(&name, &text));
        }
        event
    }

    /// The manifest in the details of an entry; `None` if they have none.
    pub fn of(details: &Details) -> Option<Self> {
        let mut members: Map<_, _> = details.clone();
        for name in ["filter", "checkpoint", "columns"] {
            if let Some(text) = whole(details, name) {
                members.insert(name.to_owned(), text.into());
            }
        }
        let columns: Vec<_> = members.get("columns")?.as_str()?.split(',').map(Json::from).collect();
        members.insert("columns".to_owned(), columns.into());
        serde_json::from_value(members.into()).ok()
    }
}

/// `filter`, `filter_2`, `filter_3` and so on.
fn parts(name: &str, text: &str) -> Vec<(String, Value)> {
    let chars: Vec<_> = text.chars().collect();
    let part = |(at, part): (usize, &[char])| (part_name(name, at), part.iter().collect::<String>().into());
    chars.chunks(PART).enumerate().map(part).collect()
}

fn part_name(name: &str, at: usize) -> String {
    if at == 0 { name.to_owned() } else { format!("{name}_{}", at + 1) }
}

fn whole(details: &Details, name: &str) -> Option<String> {
    let part = |at| details.get(&part_name(name, at)).and_then(Json::as_str);
    part(0)?;
    Some((0..).map_while(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Columns, ExportRequest, Format};
    use mcp_audit_log_contract::access::Viewer;
    use mcp_audit_log_filter::Domain;
    use mcp_audit_log_model::event::{Channel, Detail, Kind};
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::Timestamp;

    #[test]
    fn a_manifest_is_read_from_its_entry_however_long_its_filter() {
        let long = "ä".repeat(4_000);
        for (domain, columns) in [(Domain::TRUE, ""), (Domain::equals(Field::User, long.as_str()), "user")] {
            let columns = Columns::parse(columns, true).expect("columns");
            let wanted = ExportRequest { domain, columns, format: Format::Parquet };
            let viewer = Viewer { user: "eve".to_owned(), groups: Vec::new(), instance: None };
            let begun = ExportManifest::begun(&viewer, &wanted, 7, Timestamp::EPOCH);
            let manifest = ExportManifest { rows: 3, first_place: Some(1), sha256: "ab".to_owned(), ..begun };
            let event = Event::new(Timestamp::EPOCH, Channel::System, Kind::System, Detail::Ok);
            let facts = manifest.told_by(event).facts;
            assert!(facts.iter().all(|(_, value)| value.to_string().chars().count() <= PART));
            let details: Details = facts.into_iter().map(|(name, value)| (name, value.to_json())).collect();
            assert_eq!(ExportManifest::of(&details), Some(manifest));
        }
        assert_eq!(ExportManifest::of(&Details::new()), None);
    }
}
