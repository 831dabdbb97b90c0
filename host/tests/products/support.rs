//! A log with a manual clock, and viewers who query it.

use std::sync::Arc;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Caller, Event};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::parse_json;
use mcp_audit_log::price::Prices;
use mcp_audit_log::time::{Clock, ManualClock, SECOND, Timestamp};
use mcp_audit_log::{AuditLog, Grant, Options, Viewer};

pub(crate) struct World {
    pub(crate) log: AuditLog,
    _folder: tempfile::TempDir,
}

/// An hour, in microseconds.
pub(crate) const HOUR: i64 = 3_600 * SECOND;

impl World {
    pub(crate) fn new() -> Self {
        Self::priced("[]")
    }

    /// With a price table.
    pub(crate) fn priced(prices: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Timestamp::parse("2026-11-20T12:00:00Z").expect("a time");
        let prices: Prices = serde_json::from_str(prices).expect("prices");
        let clock = Arc::new(ManualClock::new(now)) as Arc<dyn Clock>;
        let log = Options::new(folder.path()).clock(clock).prices(prices).own_schedule().open().expect("a log");
        Self { log, _folder: folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.log.view().now()
    }

    pub(crate) async fn play(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.log.record_durably(event).await.expect("stored");
        }
    }

    /// The entries that `who` finds, newest first, as one text each: the fields in `shown` separated by blanks.
    pub(crate) fn ask(&self, who: &Viewer, domain: &str, shown: &[Field]) -> Vec<String> {
        let entries = self.entries(who, domain).expect("may read");
        let line =
            |entry: &Entry| shown.iter().map(|field| entry.value(*field).to_string()).collect::<Vec<_>>().join(" ");
        entries.iter().map(line).collect()
    }

    /// The entries that `who` finds, newest first; `None` if they may not read.
    pub(crate) fn entries(&self, who: &Viewer, domain: &str) -> Option<Vec<Entry>> {
        let access = self.access(who);
        let domain = parse_json(domain, &who.context(self.now())).expect("a domain");
        Some(self.log.view().reader(&access).page(domain, None, 500).ok()?.entries)
    }

    /// The one entry that `who` finds.
    pub(crate) fn one(&self, who: &Viewer, domain: &str) -> Entry {
        let mut found = self.entries(who, domain).expect("may read");
        assert_eq!(found.len(), 1, "{domain}");
        found.remove(0)
    }

    /// How many entries `who` finds.
    pub(crate) fn count(&self, who: &Viewer, domain: &str) -> usize {
        self.entries(who, domain).expect("may read").len()
    }

    pub(crate) fn access(&self, who: &Viewer) -> Grant {
        self.log.view().access(who)
    }
}

/// A viewer without a tenant.
pub(crate) fn viewer(user: &str, groups: &[&str]) -> Viewer {
    Viewer { user: user.into(), groups: groups.iter().map(|group| (*group).into()).collect(), instance: None }
}

/// A caller on a connection.
pub(crate) fn caller(user: &str, connection: &str) -> Caller {
    Caller::user(user).connection(connection)
}

/// The change list as `field: old > new`.
pub(crate) fn changes(entry: &Entry) -> Vec<String> {
    let list = entry.details.get("changes").and_then(serde_json::Value::as_array);
    let line = |line: &serde_json::Value| {
        format!("{}: {} > {}", line["field"].as_str().unwrap_or_default(), line["old"], line["new"])
    };
    list.into_iter().flatten().map(line).collect()
}

/// Asserts that no text of the log, read by a viewer of all entries, contains `canary`.
pub(crate) fn assert_nowhere(world: &World, who: &Viewer, canary: &str) {
    for entry in world.entries(who, "[]").expect("may read") {
        let text = format!("{} {:?}", serde_json::to_string(&entry).expect("JSON"), entry.details);
        assert!(!text.contains(canary), "{text}");
    }
}
