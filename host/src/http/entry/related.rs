//! Entries related to one: before and after it in its session and connection, its parent, its children. They are
//! searched for as usual, so the viewer may see all of them.

use crate::AuditLog;
use crate::access::Grant;
use crate::domain::Domain;
use crate::entry::Entry;
use crate::event::Outcome;
use crate::field::Field;
use crate::http::log::row::Row;
use crate::http::problem::Problem;
use crate::http::query::search::query;
use crate::http::ui::text::Shown;
use crate::store::Place;
use crate::time::Timestamp;

/// Most children that are listed.
const CHILDREN: usize = 20;

/// What is around an entry.
#[derive(Default)]
pub(in crate::http) struct Related {
    pub(in crate::http) threads: Vec<Thread>,
    pub(in crate::http) parent: Option<Neighbour>,
    pub(in crate::http) children: Vec<Neighbour>,
    /// Where all children are, when they are more than these.
    pub(in crate::http) all_children: Option<String>,
}

/// Entries with a common value, including this one.
pub(in crate::http) struct Thread {
    pub(in crate::http) label: &'static str,
    pub(in crate::http) previous: Option<Neighbour>,
    pub(in crate::http) next: Option<Neighbour>,
    /// Where all of them are.
    pub(in crate::http) all: String,
}

/// Another entry.
pub(in crate::http) struct Neighbour {
    pub(in crate::http) href: String,
    pub(in crate::http) outcome: Outcome,
    pub(in crate::http) what: Shown,
    pub(in crate::http) exact: String,
}

/// What makes a thread.
const THREADS: [(Field, &str); 2] = [(Field::Session, "session"), (Field::Connection, "connection")];

impl Related {
    /// What `access` sees around `entry`.
    pub(in crate::http) fn new(
        log: &AuditLog,
        access: &Grant,
        (home, base): (&str, &str),
        entry: &Entry,
    ) -> Result<Self, Problem> {
        let (reader, now) = (log.reader(access), log.now());
        let neighbour = |entry: &Entry| Neighbour::new(base, entry, now);
        let mut threads = Vec::new();
        for (field, label) in THREADS {
            let Some(value) = entry.text(field) else { continue };
            let same = || Domain::equals(field, value);
            threads.push(Thread {
                label,
                previous: reader.page(same(), Place::Before(entry.seq), 1)?.entries.first().map(neighbour),
                next: reader.after(same(), Some(entry.seq), 1)?.first().map(neighbour),
                all: format!("{home}{}", query([(field.name(), value)])),
            });
        }
        let parent = entry.parent.map(|id| reader.entry(id)).transpose()?.flatten();
        let id = entry.id.to_string();
        let children = reader.page(Domain::equals(Field::Parent, id.as_str()), Place::Newest, CHILDREN)?;
        Ok(Self {
            threads,
            parent: parent.as_ref().map(neighbour),
            children: children.entries.iter().rev().map(neighbour).collect(),
            all_children: children.next.map(|_| format!("{home}{}", query([("parent", id.as_str())]))),
        })
    }

    /// Whether it belongs to another entry, or others to it.
    pub(in crate::http) fn has_family(&self) -> bool {
        self.parent.is_some() || !self.children.is_empty()
    }
}

impl Neighbour {
    fn new(base: &str, entry: &Entry, now: Timestamp) -> Self {
        let Row { id, exact, outcome, method, target, .. } = Row::new(entry, now);
        let what = target.map_or_else(|| method.to_string(), |target| format!("{method} {target}"));
        Self { href: format!("{base}/entries/{id}"), outcome, what: Shown::cut(&what, 90), exact }
    }
}
