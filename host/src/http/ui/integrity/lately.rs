//! Recent entries about the log itself that auditors look for: losses, unclean stops, faults. Each is a search, and the
//! link opens the same list.

use crate::AuditLog;
use crate::access::Access;
use crate::entry::Entry;
use crate::field::Field;
use crate::http::problem::Problem;
use crate::http::search::{Pairs, Search, query};
use crate::http::ui::text::{Shown, ago, count, exact};
use crate::reader::MAX_LIMIT;
use crate::time::Timestamp;

/// The period that is searched.
pub(super) const SINCE: &str = "-30d";
/// How many are shown.
const SHOWN: usize = 5;

/// What was found.
pub(super) struct Lately {
    pub(super) count: u64,
    /// Whether there are more than were read.
    more: bool,
    /// The sum of their amounts.
    pub(super) sum: u64,
    pub(super) rows: Vec<Row>,
    pub(super) href: String,
    /// The text of the link.
    pub(super) link: &'static str,
}

/// One of them.
pub(super) struct Row {
    pub(super) href: String,
    pub(super) ago: String,
    pub(super) exact: String,
    pub(super) told: Shown,
}

/// A kind of recent entries.
pub(super) struct Wanted<'a> {
    /// The search in text form.
    pub(super) q: &'a str,
    /// The text of the link.
    pub(super) link: &'static str,
    /// Which of the found entries count.
    pub(super) counts: fn(&Entry) -> bool,
    /// The amount of one entry.
    pub(super) amount: fn(&Entry) -> u64,
    /// The amount as text.
    pub(super) told: fn(&Entry) -> String,
}

/// Events lost.
pub(super) const LOSSES: Wanted<'static> = Wanted {
    q: "kind:system method:log.gap",
    link: "List them",
    counts: |_| true,
    amount: dropped,
    told: |entry| {
        let dropped = dropped(entry);
        format!("{} event{} lost", count(dropped), if dropped == 1 { "" } else { "s" })
    },
};

/// Starts after a stop that was not clean.
pub(super) const STOPS: Wanted<'static> = Wanted {
    q: "kind:system method:log.started",
    link: "List all starts",
    counts: |entry| entry.details.get("last_stop_clean") == Some(&serde_json::Value::Bool(false)),
    amount: |_| 1,
    told: |_| "started; the previous stop was not clean".to_owned(),
};

/// Events that the policy could not judge.
pub(super) const FAULTS: Wanted<'static> = Wanted {
    q: "!fault:none",
    link: "List them",
    counts: |_| true,
    amount: |_| 1,
    told: |entry| entry.text(Field::Fault).unwrap_or_default().to_owned(),
};

impl Wanted<'_> {
    /// What the viewer may see of it.
    pub(super) fn find(&self, log: &AuditLog, access: &Access, base: &str, home: &str) -> Result<Lately, Problem> {
        let pairs: Pairs = vec![("q".to_owned(), self.q.to_owned()), ("from".to_owned(), SINCE.to_owned())];
        let search = Search::parse(&pairs, log, access.viewer())?;
        let page = log.reader(access).page(search.domain, None, MAX_LIMIT)?;
        let found: Vec<_> = page.entries.iter().filter(|entry| (self.counts)(entry)).collect();
        let row = |entry: &&Entry| Row::new(entry, base, log.now(), (self.told)(entry));
        Ok(Lately {
            count: found.len() as u64,
            more: page.next.is_some(),
            sum: found.iter().map(|entry| (self.amount)(entry)).sum(),
            rows: found.iter().take(SHOWN).map(row).collect(),
            link: self.link,
            href: format!("{home}{}", query(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))),
        })
    }
}

impl Lately {
    /// How many there are.
    pub(super) fn number(&self) -> String {
        format!("{}{}", if self.more { "at least " } else { "" }, count(self.count))
    }
}

impl Row {
    fn new(entry: &Entry, base: &str, now: Timestamp, told: String) -> Self {
        Self {
            href: format!("{base}/entries/{}", entry.id),
            ago: ago(entry.occurred_at, now),
            exact: exact(entry.occurred_at),
            told: Shown::line(&told),
        }
    }
}

fn dropped(entry: &Entry) -> u64 {
    entry.details.get("dropped").and_then(serde_json::Value::as_u64).unwrap_or(0)
}
