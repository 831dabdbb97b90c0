//! A record of what judged, as the page shows it: since when, by what cause, and what is different.

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::judged_by::JudgingLayer;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_policy_tools::shown::list;
use mcp_audit_log_service::LogView;

use super::history::{HistoryChanges, HistoryRecord};
use crate::query::search::query;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// How many hexadecimal digits of a digest are shown at first.
const DIGITS: usize = 8;
/// The longest value of a setting that is shown, in characters.
const LONGEST: usize = 80;

/// A component.
pub(super) struct Layer {
    pub(super) name: Shown,
    pub(super) version: Shown,
    pub(super) contract: Shown,
    pub(super) digest: Shown,
    /// The beginning of the digest.
    pub(super) short: Shown,
}

/// A record.
pub(super) struct Record {
    pub(super) since: u64,
    /// The entries that it judged, and the list of them for viewers who may read.
    pub(super) range: String,
    pub(super) list: Option<String>,
    pub(super) is_active: bool,
    pub(super) layers: Vec<Layer>,
    pub(super) settings_version: u64,
    pub(super) beginning: Beginning,
    pub(super) changes: Vec<Shown>,
}

/// The first entry of a record and the entry about its cause, as far as the viewer may see them.
#[derive(Default)]
pub(super) struct Beginning {
    pub(super) first: Option<First>,
    pub(super) cause: Option<Cause>,
}

/// The first entry.
pub(super) struct First {
    pub(super) href: String,
    pub(super) ago: String,
    pub(super) exact: String,
}

/// Why there is a new record.
pub(super) struct Cause {
    pub(super) text: Shown,
    pub(super) href: String,
}

impl Layer {
    pub(super) fn new(layer: &JudgingLayer) -> Self {
        Self {
            name: Shown::line(&layer.name),
            version: Shown::line(&layer.version),
            contract: Shown::line(&layer.contract),
            digest: Shown::line(&layer.digest),
            short: Shown::line(&short(&layer.digest)),
        }
    }
}

fn short(digest: &str) -> String {
    let end = digest.find(':').map_or(0, |at| at + 1) + DIGITS;
    digest.get(..end).filter(|short| short.len() < digest.len()).map_or(digest.to_owned(), |short| format!("{short}…"))
}

impl Record {
    /// The record for this viewer.
    pub(super) fn new(record: &HistoryRecord, beginning: Beginning, access: &Grant, home: &str) -> Self {
        let HistoryRecord { since, until, .. } = record;
        let (range, filter) = match until {
            None => (format!("From {since} on"), format!("seq:>={since}")),
            Some(until) => match until.saturating_sub(1) {
                last if last <= *since => (since.to_string(), format!("seq:{since}")),
                last => (format!("{since} to {last}"), format!("seq:>={since} seq:<{until}")),
            },
        };
        Self {
            since: *since,
            range,
            list: access.may(Right::Read).then(|| format!("{home}{}", query([("q", filter.as_str())]))),
            is_active: until.is_none(),
            layers: record.layers.iter().map(Layer::new).collect(),
            settings_version: record.settings_version,
            beginning,
            changes: changes(record),
        }
    }
}

/// What is different from the record before, in sentences.
fn changes(record: &HistoryRecord) -> Vec<Shown> {
    let told = match &record.changes {
        None => vec!["The first record of this log.".to_owned()],
        Some(changes) if changes.is_empty() => {
            let how = if record.activated { "activated while the log was open" } else { "named by a start" };
            vec![format!("The same components and settings, {how}.")]
        }
        Some(changes) => differences(changes, &record.floors_off),
    };
    told.iter().map(|text| Shown::line(text)).collect()
}

fn differences(changes: &HistoryChanges, floors_off: &[String]) -> Vec<String> {
    let HistoryChanges { layers_added, layers_dropped, settings, floors_off_before } = changes;
    let title = |layer: &JudgingLayer| format!("{} ({})", layer.version, short(&layer.digest));
    let same = |name: &str, others: &[JudgingLayer]| others.iter().find(|other| other.name == name).map(title);
    let mut told: Vec<_> = layers_added
        .iter()
        .map(|layer| match same(&layer.name, layers_dropped) {
            Some(old) => format!("{}: {old} → {}", layer.name, title(layer)),
            None => format!("{} {} is new", layer.name, title(layer)),
        })
        .collect();
    let gone = layers_dropped.iter().filter(|layer| same(&layer.name, layers_added).is_none());
    told.extend(gone.map(|layer| format!("{} {} is gone", layer.name, title(layer))));
    told.extend(settings.iter().map(|setting| {
        let (old, new) = (value(&setting.old), value(&setting.new));
        format!("setting {}: {old} → {new}", setting.key)
    }));
    told.extend(
        floors_off_before.as_ref().map(|before| format!("floors off: {} → {}", list(before), list(floors_off))),
    );
    told
}

fn value(value: &Value) -> String {
    match value {
        Value::Unset => "not there".to_owned(),
        value => mcp_audit_log_model::format::cut(&value.to_string(), LONGEST).into_owned(),
    }
}

impl Beginning {
    /// The entries at `since` and before it.
    pub(super) fn find(log: &LogView, access: &Grant, base: &str, since: u64) -> Result<Self, ReadError> {
        if !access.may(Right::Read) {
            return Ok(Self::default());
        }
        let at = |seq: u64| Domain::equals(Field::Seq, Value::Integer(i64::try_from(seq).unwrap_or(i64::MAX)));
        let both = Domain::any_of(since.checked_sub(1).into_iter().chain([since]).map(at));
        let found = log.reader(access).after(both, since.checked_sub(2), 2)?;
        let entry = |seq: Option<u64>| found.iter().find(|entry| Some(entry.seq) == seq);
        let (first, before) = (entry(Some(since)), entry(since.checked_sub(1)));
        let (clock, href) = (PageClock::new(log.now(), access), |entry: &Entry| format!("{base}/entries/{}", entry.id));
        // A start, and a rollback by itself, are judged by what they bring; other changes come before it.
        let own = first.filter(|entry| method(entry) == "log.started" || is_automatic(entry));
        let told = own.or(before).and_then(|entry| Some((entry, cause(entry)?)));
        Ok(Self {
            first: first.map(|entry| First {
                href: href(entry),
                ago: clock.ago(entry.recorded_at),
                exact: clock.both(entry.recorded_at),
            }),
            cause: told.map(|(entry, text)| Cause { text: Shown::line(&text), href: href(entry) }),
        })
    }
}

fn method(entry: &Entry) -> &str {
    entry.text(Field::Method).unwrap_or_default()
}

fn is_automatic(entry: &Entry) -> bool {
    method(entry) == "policy.rolled_back" && entry.details.get("automatic") == Some(&true.into())
}

/// The cause that an entry tells of; `None` if it is about something else.
fn cause(entry: &Entry) -> Option<String> {
    if entry.outcome() != Outcome::Success {
        return None;
    }
    let by = entry.text(Field::User).map_or(String::new(), |user| format!(" by {user}"));
    let reason = entry.details.get("reason").and_then(|reason| reason.as_str());
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    match method(entry) {
        "policy.activated" => Some(format!("Activated{by}{reason}")),
        "policy.rolled_back" if is_automatic(entry) => {
            Some("Rolled back by itself, because the policy failed".to_owned())
        }
        "policy.rolled_back" => Some(format!("Rolled back{by}{reason}")),
        "settings.updated" => Some(format!("Settings changed{by}")),
        "log.started" => Some("The log was started".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_cut_behind_its_first_digits() {
        assert_eq!(short("sha256:0123456789abcdef"), "sha256:01234567…");
        assert_eq!(short("sha256:01234567"), "sha256:01234567");
        assert_eq!((short("short"), short("")), ("short".to_owned(), String::new()));
    }
}
