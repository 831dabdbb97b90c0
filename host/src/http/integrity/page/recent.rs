//! Recent entries about the log itself that auditors look for: losses, unclean stops, faults. Each is a search, and the
//! link opens the same list.

use crate::AuditLog;
use crate::access::Access;
use crate::entry::Entry;
use crate::field::Field;
use crate::http::problem::Problem;
use crate::http::query::search::{Pairs, Search, query};
use crate::http::ui::text::{Shown, ago, count, exact};
use crate::reader::MAX_LIMIT;
use crate::time::Timestamp;

/// The period that is searched.
pub(in crate::http) const SINCE: &str = "-30d";
/// How many are shown.
const SHOWN: usize = 5;

/// What was found.
pub(in crate::http) struct RecentEntries {
    pub(in crate::http) count: u64,
    /// Whether there are more than were read.
    more: bool,
    /// The sum of their amounts.
    pub(in crate::http) sum: u64,
    pub(in crate::http) rows: Vec<Row>,
    pub(in crate::http) href: String,
    /// The text of the link.
    pub(in crate::http) link: &'static str,
}

/// One of them.
pub(in crate::http) struct Row {
    pub(in crate::http) href: String,
    pub(in crate::http) ago: String,
    pub(in crate::http) exact: String,
    pub(in crate::http) told: Shown,
}

/// A kind of recent entries.
pub(in crate::http) struct Wanted<'a> {
    /// The search in text form.
    pub(in crate::http) q: &'a str,
    /// The text of the link.
    pub(in crate::http) link: &'static str,
    /// Which of the found entries count.
    pub(in crate::http) counts: fn(&Entry) -> bool,
    /// The amount of one entry.
    pub(in crate::http) amount: fn(&Entry) -> u64,
    /// The amount as text.
    pub(in crate::http) told: fn(&Entry) -> String,
}

/// Events lost.
pub(in crate::http) const LOSSES: Wanted<'static> = Wanted {
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
pub(in crate::http) const STOPS: Wanted<'static> = Wanted {
    q: "kind:system method:log.started",
    link: "List all starts",
    counts: |entry| entry.details.get("last_stop_clean") == Some(&serde_json::Value::Bool(false)),
    amount: |_| 1,
    told: |_| "started; the previous stop was not clean".to_owned(),
};

/// Events that the policy could not judge.
pub(in crate::http) const FAULTS: Wanted<'static> = Wanted {
    q: "!fault:none",
    link: "List them",
    counts: |_| true,
    amount: |_| 1,
    told: |entry| entry.text(Field::Fault).unwrap_or_default().to_owned(),
};

impl Wanted<'_> {
    /// What the viewer may see of it.
    pub(in crate::http) fn find(
        &self,
        log: &AuditLog,
        access: &Access,
        base: &str,
        home: &str,
    ) -> Result<RecentEntries, Problem> {
        let pairs: Pairs = vec![("q".to_owned(), self.q.to_owned()), ("from".to_owned(), SINCE.to_owned())];
        let search = Search::parse(&pairs, log, access.viewer())?;
        let page = log.reader(access).page(search.domain, None, MAX_LIMIT)?;
        let found: Vec<_> = page.entries.iter().filter(|entry| (self.counts)(entry)).collect();
        let row = |entry: &&Entry| Row::new(entry, base, log.now(), (self.told)(entry));
        Ok(RecentEntries {
            count: found.len() as u64,
            more: page.next.is_some(),
            sum: found.iter().map(|entry| (self.amount)(entry)).sum(),
            rows: found.iter().take(SHOWN).map(row).collect(),
            link: self.link,
            href: format!("{home}{}", query(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))),
        })
    }
}

impl RecentEntries {
    /// How many there are.
    pub(in crate::http) fn number(&self) -> String {
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
