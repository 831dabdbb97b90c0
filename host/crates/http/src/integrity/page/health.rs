//! The health of the log: one line for each check, and recent entries that auditors look for.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_contract::manifest::Job;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::count;
use mcp_audit_log_model::time::{HOUR, Timestamp};
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::Integrity;

use super::Page;
use crate::problem::Problem;
use crate::query::search::{Pairs, Search, query_of};
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// A checkpoint is signed every hour, even without new entries. An older one means that signing failed.
const OLD: i64 = 2 * HOUR;

/// One line.
pub(crate) struct HealthLine {
    pub(crate) label: &'static str,
    /// `None` if there is no information yet.
    pub(crate) well: Option<bool>,
    pub(crate) text: String,
    /// The link to more information.
    pub(crate) href: &'static str,
}

impl HealthLine {
    pub(super) fn all(page: &Page, integrity: &Integrity, now: Timestamp) -> Vec<Self> {
        let mut all =
            vec![recording(integrity), checkpoint(page, integrity, now), publishing(page), verification(page)];
        all.extend(super::sinks::health(&page.sinks));
        if let Some([losses, stops, faults]) = &page.lately {
            all.extend([losses_line(losses), stops_line(stops), faults_line(faults)]);
        }
        all.push(cleanup(page));
        all
    }
}

pub(super) fn line(
    label: &'static str,
    href: &'static str,
    well: impl Into<Option<bool>>,
    text: impl Into<String>,
) -> HealthLine {
    HealthLine { label, well: well.into(), text: text.into(), href }
}

fn recording(integrity: &Integrity) -> HealthLine {
    let part = |well, text: String| line("Recording", "#state", well, text);
    match (integrity.unready, integrity.dropped) {
        (Some(why), _) => {
            part(false, format!("{}. See the server's log and fix the cause.", capital(&why.to_string())))
        }
        (None, 0) => part(true, "Entries reach the disk.".to_owned()),
        (None, dropped) => part(true, format!("Entries reach the disk; {} lost since the start.", count(dropped))),
    }
}

fn checkpoint(page: &Page, integrity: &Integrity, now: Timestamp) -> HealthLine {
    let part = |well, text: String| line("Checkpoint", "#checkpoint", well, text);
    let Some(newest) = &page.checkpoint else {
        return part(true, "Not signed yet; the first follows within a minute.".to_owned());
    };
    let signed = integrity.checkpoint.as_ref().map_or(now, |signed| signed.stored.checkpoint.signed_at);
    if let Err(error) = &newest.said {
        return part(false, format!("The stored checkpoint is not valid: {error}."));
    }
    let old = now.as_micros() - signed.as_micros() > OLD;
    match integrity.unsigned || old {
        true => part(
            false,
            format!("Checkpoints cannot be signed; the last was signed {}. See the server's log.", newest.ago),
        ),
        false => part(true, format!("Signed {}.", newest.ago)),
    }
}

fn publishing(page: &Page) -> HealthLine {
    let part = |well, text: &str| line("Published", "#checkpoint", well, text);
    match (page.places.is_empty(), page.places.iter().all(|place| place.well)) {
        (true, _) => part(
            false,
            "Checkpoints are not published: a user who can write the log's folder could change the past unnoticed. \
             Start the log with --checkpoints.",
        ),
        (false, true) => part(true, "Checkpoints are published."),
        (false, false) => part(false, "Some destinations fail; see below."),
    }
}

fn verification(page: &Page) -> HealthLine {
    let part = |well: Option<bool>, text: String| line("Verification", "#verification", well, text);
    match (&page.verification.running, &page.verification.last) {
        (Some(_), _) => part(None, "Running now.".to_owned()),
        (None, None) => part(None, "Never verified here. Verify now and then, and after every incident.".to_owned()),
        (None, Some(last)) => match last.whole {
            Some(true) => part(Some(true), format!("The log matched its ledger {}.", last.ago)),
            Some(false) => part(
                Some(false),
                format!("The log did not match its ledger {}. Keep the folder unchanged: it is evidence.", last.ago),
            ),
            None => part(Some(false), format!("The log could not be read {}.", last.ago)),
        },
    }
}

fn losses_line(losses: &RecentEntries) -> HealthLine {
    let text = match losses.count {
        0 => "No losses in 30 days.".to_owned(),
        _ => format!("{} events lost in 30 days, reported by {}.", count(losses.sum), entries(losses)),
    };
    line("Losses", "#lately", losses.count == 0, text)
}

fn stops_line(stops: &RecentEntries) -> HealthLine {
    let text = match stops.count {
        0 => "Every stop was clean in 30 days.".to_owned(),
        _ => format!("{} in 30 days not clean: events queued then may be lost.", stops.number()),
    };
    line("Stops", "#lately", stops.count == 0, text)
}

fn faults_line(faults: &RecentEntries) -> HealthLine {
    let text = match faults.count {
        0 => "The policy judged every event in 30 days.".to_owned(),
        _ => format!("{} recorded without a policy verdict in 30 days.", capital(&entries(faults))),
    };
    line("Policy", "#policy", faults.count == 0, text)
}

fn cleanup(page: &Page) -> HealthLine {
    let part = |well: Option<bool>, text: String| line("Cleanup", "#cleanup", well, text);
    let cleanups = page.crons.iter().filter(|cron| cron.job == Job::Retention);
    let last = cleanups.filter_map(|cron| Some((cron.succeeded?, cron.last.as_ref()?))).next();
    match last {
        None => part(None, "Not run yet.".to_owned()),
        Some((true, (ago, _))) => part(Some(true), format!("Done {ago}.")),
        Some((false, (ago, _))) => part(Some(false), format!("Failed {ago}; the next run is at its next slot.")),
    }
}

fn entries(lately: &RecentEntries) -> String {
    format!("{} {}", lately.number(), if lately.count == 1 { "entry" } else { "entries" })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The searched period.
pub(crate) const SINCE: &str = "-30d";
/// How many are shown.
const SHOWN: usize = 5;

/// The entries that were found.
pub(crate) struct RecentEntries {
    pub(crate) count: u64,
    /// Whether there are more than were read.
    more: bool,
    /// The sum of their amounts.
    pub(crate) sum: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) href: String,
    /// The text of the link.
    pub(crate) link: &'static str,
}

/// One of them.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) ago: String,
    pub(crate) exact: String,
    pub(crate) text: Shown,
}

/// A kind of recent entries.
pub(crate) struct Wanted<'a> {
    /// The search in text form.
    pub(crate) q: &'a str,
    /// The text of the link.
    pub(crate) link: &'static str,
    /// The entries that count among the found ones.
    pub(crate) counts: fn(&Entry) -> bool,
    /// The amount of one entry.
    pub(crate) amount: fn(&Entry) -> u64,
    /// The amount as text.
    pub(crate) text: fn(&Entry) -> String,
}

/// Events lost.
pub(crate) const LOSSES: Wanted<'static> = Wanted {
    q: "kind:system method:log.gap",
    link: "List them",
    counts: |_| true,
    amount: dropped,
    text: |entry| {
        let dropped = dropped(entry);
        format!("{} event{} lost", count(dropped), if dropped == 1 { "" } else { "s" })
    },
};

/// Starts after a stop that was not clean.
pub(crate) const STOPS: Wanted<'static> = Wanted {
    q: "kind:system method:log.started",
    link: "List all starts",
    counts: |entry| entry.details.get("last_stop_clean") == Some(&serde_json::Value::Bool(false)),
    amount: |_| 1,
    text: |_| "started; the previous stop was not clean".to_owned(),
};

/// Events that the policy could not judge.
pub(crate) const FAULTS: Wanted<'static> = Wanted {
    q: "!fault:none",
    link: "List them",
    counts: |_| true,
    amount: |_| 1,
    text: |entry| entry.text(Field::Fault).unwrap_or_default().to_owned(),
};

impl Wanted<'_> {
    /// Finds the entries that the viewer may see.
    pub(crate) fn find(
        &self,
        log: &AuditLog,
        access: &Grant,
        base: &str,
        home: &str,
    ) -> Result<RecentEntries, Problem> {
        let pairs: Pairs = vec![("q".to_owned(), self.q.to_owned()), ("from".to_owned(), SINCE.to_owned())];
        let search = Search::parse(&pairs, log, access)?;
        let page = log.view().reader(access).page(search.domain, None, MAX_LIMIT)?;
        let found: Vec<_> = page.entries.iter().filter(|entry| (self.counts)(entry)).collect();
        let row = |entry: &&Entry| Row::new(entry, base, PageClock::new(log.view().now(), access), (self.text)(entry));
        Ok(RecentEntries {
            count: found.len() as u64,
            more: page.next.is_some(),
            sum: found.iter().map(|entry| (self.amount)(entry)).sum(),
            rows: found.iter().take(SHOWN).map(row).collect(),
            link: self.link,
            href: format!("{home}{}", query_of(&pairs)),
        })
    }
}

impl RecentEntries {
    /// How many there are.
    pub(crate) fn number(&self) -> String {
        format!("{}{}", if self.more { "at least " } else { "" }, count(self.count))
    }
}

impl Row {
    fn new(entry: &Entry, base: &str, clock: PageClock, text: String) -> Self {
        Self {
            href: format!("{base}/entries/{}", entry.id),
            ago: clock.ago(entry.occurred_at),
            exact: clock.both(entry.occurred_at),
            text: Shown::line(&text),
        }
    }
}

fn dropped(entry: &Entry) -> u64 {
    entry.details.get("dropped").and_then(serde_json::Value::as_u64).unwrap_or(0)
}
