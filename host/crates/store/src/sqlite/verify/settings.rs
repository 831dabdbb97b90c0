//! Settings: each has the value in the last entry about it, as far as that entry still exists.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::super::SqlContext;
use super::state_entries::state_entries;
use super::{Fault, Subject, wrong};
use mcp_audit_log_model::entry::Details;

const DOING: &str = "reading settings";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let entries = state_entries(subject, ["settings.updated"; 3])?;
    let recorded: HashMap<&str, &Json> = entries.iter().flat_map(|entry| values(&entry.details)).collect();
    let mut statement = subject.connection.prepare("SELECT key, value FROM setting").context(DOING)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let found: HashMap<String, String> = found.and_then(Iterator::collect).context(DOING)?;
    for (key, value) in &found {
        let is_recorded = recorded.get(key.as_str()).map_or(subject.seqs.start > 0, |recorded| is(value, recorded));
        if !is_recorded {
            return Err(wrong("setting", None, format!("{key} is {value}, but no entry reports that value")));
        }
    }
    match recorded.keys().find(|key| !found.contains_key(**key)) {
        Some(key) => Err(wrong("setting", None, format!("{key} was changed, but its value is missing"))),
        None => Ok(found.len() as u64),
    }
}

/// The settings of an entry with their new values: from the policy's list of changes, or from the host's.
fn values(details: &Details) -> impl Iterator<Item = (&str, &Json)> {
    let changes = details.get("changes").and_then(Json::as_array).into_iter().flatten();
    let changes = changes.filter_map(|change| Some((change.get("field")?.as_str()?, change.get("new")?)));
    let plain = details.get("setting").and_then(Json::as_str).zip(details.get("new"));
    changes.chain(plain)
}

/// Whether a stored value is the recorded one. For a text, only the fact that it was set can be compared, because masks
/// may have hidden it.
fn is(stored: &str, recorded: &Json) -> bool {
    serde_json::from_str::<Json>(stored)
        .is_ok_and(|stored| stored == *recorded || (stored.is_string() && recorded.is_string()))
}
