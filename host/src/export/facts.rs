//! A manifest as the facts of an entry, and back: the entry about a complete export is where its manifest is kept.

use serde_json::{Map, Value as Json};

use super::ExportManifest;
use crate::entry::Details;
use crate::event::Event;
use crate::value::Value;

/// The log truncates a fact's text after this many characters; a longer one, such as a filter, is kept in parts.
const PART: usize = 1_000;

impl ExportManifest {
    /// Adds all known facts to `event`.
    pub(crate) fn told_by(&self, mut event: Event) -> Event {
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
    pub(crate) fn of(details: &Details) -> Option<Self> {
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
    use crate::access::Viewer;
    use crate::domain::Domain;
    use crate::event::{Channel, Detail, Kind};
    use crate::export::{Columns, Format, Wanted};
    use crate::field::Field;
    use crate::time::Timestamp;

    #[test]
    fn a_manifest_is_read_from_its_entry_however_long_its_filter() {
        let long = "ä".repeat(4_000);
        for (domain, columns) in [(Domain::TRUE, ""), (Domain::equals(Field::User, long.as_str()), "user")] {
            let columns = Columns::parse(columns, true).expect("columns");
            let wanted = Wanted { domain, columns, format: Format::Parquet };
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
