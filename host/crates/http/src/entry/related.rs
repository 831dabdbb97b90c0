//! Entries related to an entry: those before and after it in its session and connection, its parent, its children. They
//! come from a usual search, so the viewer may see all of them.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_service::AuditLog;

use crate::problem::Problem;
use crate::query::search::query;
use crate::session::page_clock::PageClock;
use crate::ui::row::Row;
use crate::ui::text::Shown;

/// The most children that are listed.
const CHILDREN: usize = 20;

/// The entries related to an entry.
#[derive(Default)]
pub(crate) struct Related {
    pub(crate) threads: Vec<Thread>,
    pub(crate) parent: Option<Neighbour>,
    pub(crate) children: Vec<Neighbour>,
    /// The search for all children, if there are more than these.
    pub(crate) all_children: Option<String>,
}

/// Entries with a common value, including this one.
pub(crate) struct Thread {
    pub(crate) label: &'static str,
    pub(crate) previous: Option<Neighbour>,
    pub(crate) next: Option<Neighbour>,
    /// The search for all of them.
    pub(crate) all: String,
}

/// Another entry.
pub(crate) struct Neighbour {
    pub(crate) href: String,
    pub(crate) outcome: Outcome,
    pub(crate) what: Shown,
    pub(crate) exact: String,
    /// The same, and in UTC.
    pub(crate) both: String,
}

/// The fields that connect the entries of a thread.
const THREADS: [(Field, &str); 2] = [(Field::Session, "session"), (Field::Connection, "connection")];

impl Related {
    /// The related entries of `entry` that `access` may see.
    pub(crate) fn new(
        log: &AuditLog,
        access: &Grant,
        (home, base): (&str, &str),
        entry: &Entry,
    ) -> Result<Self, Problem> {
        let (reader, clock) = (log.view().reader(access), PageClock::new(log.view().now(), access));
        let neighbour = |entry: &Entry| Neighbour::new(base, entry, clock);
        let mut threads = Vec::new();
        for (field, label) in THREADS {
            let Some(value) = entry.text(field) else { continue };
            let same = || Domain::equals(field, value);
            threads.push(Thread {
                label,
                previous: reader.page(same(), PageAnchor::Before(entry.seq), 1)?.entries.first().map(neighbour),
                next: reader.after(same(), Some(entry.seq), 1)?.first().map(neighbour),
                all: format!("{home}{}", query([(field.name(), value)])),
            });
        }
        let parent = entry.parent.map(|id| reader.entry(id)).transpose()?.flatten();
        let id = entry.id.to_string();
        let children = reader.page(Domain::equals(Field::Parent, id.as_str()), PageAnchor::Newest, CHILDREN)?;
        Ok(Self {
            threads,
            parent: parent.as_ref().map(neighbour),
            children: children.entries.iter().rev().map(neighbour).collect(),
            all_children: children.next.map(|_| format!("{home}{}", query([("parent", id.as_str())]))),
        })
    }

    /// Whether it has a parent or children.
    pub(crate) fn has_family(&self) -> bool {
        self.parent.is_some() || !self.children.is_empty()
    }
}

impl Neighbour {
    /// The entry as a link.
    pub(crate) fn new(base: &str, entry: &Entry, clock: PageClock) -> Self {
        let Row { id, exact, both, outcome, method, target, .. } = Row::new(entry, clock);
        let what = target.map_or_else(|| method.to_string(), |target| format!("{method} {target}"));
        Self { href: format!("{base}/entries/{id}"), outcome, what: Shown::cut(&what, 90), exact, both }
    }
}
