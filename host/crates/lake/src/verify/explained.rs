//! What the log itself recorded about entries that are not in its lake. Only entries of proved segments count, so that a
//! person who removes a segment cannot explain it.

use std::ops::Range;

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde_json::Value as Json;

use crate::LAKE_SINK;

/// The entry about entries that the cleanup removed before the lake had them.
const GAP: &str = "sink.gap";
/// The entry about where the lake begins.
const BEGAN: &str = "lake.began";
/// The entry about segments that the cleanup removed from the lake.
const REMOVED: &str = "lake.removed";

/// Ranges of `seq`, and the `seq` of the entry about each.
#[derive(Default)]
pub(super) struct Explained(Vec<(Range<u64>, u64)>);

/// Whether an entry is the log's own, about a range of entries.
pub(super) fn is_about_ranges(entry: &Entry) -> bool {
    entry.text(Field::Channel) == Some("system")
        && entry.text(Field::Method).is_some_and(|method| [GAP, BEGAN, REMOVED].contains(&method))
}

impl Explained {
    /// Adds what an entry of [`is_about_ranges`] says.
    pub(super) fn add(&mut self, entry: &Entry) {
        let number = |name: &str| entry.details.get(name).and_then(Json::as_u64);
        let is_of_other = entry.details.get("sink").and_then(Json::as_str).is_some_and(|sink| sink != LAKE_SINK);
        let range = match (entry.text(Field::Method), number("first")) {
            (Some(BEGAN), Some(first)) => 0..first,
            (_, Some(first)) => first..number("last").map_or(0, |last| last.saturating_add(1)),
            _ => return,
        };
        if !range.is_empty() && !is_of_other {
            self.0.push((range, entry.seq));
        }
    }

    /// The last of the entries that together are about all of a range.
    pub(super) fn by(&self, range: &Range<u64>) -> Option<u64> {
        let (mut at, mut by) = (range.start, None);
        while at < range.end {
            let further = self.0.iter().filter(|(said, _)| said.contains(&at)).max_by_key(|(said, _)| said.end)?;
            (at, by) = (further.0.end, by.max(Some(further.1)));
        }
        by
    }
}
