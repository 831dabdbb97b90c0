//! Verification as text: its progress, its result, and what it does not prove.

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::{AuditLog, Found, VerificationProgress, VerificationResult};
use mcp_audit_log_store::{NOT_PROVED, Verified};

use crate::problem::Problem;
use crate::query::search::Search;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// The part of the page.
pub(crate) struct Verification {
    pub(crate) running: Option<Running>,
    pub(crate) last: Option<Ended>,
    pub(crate) not_proved: &'static [&'static str],
}

/// How far one is.
pub(crate) struct Running {
    pub(crate) text: String,
    pub(crate) by: Shown,
    pub(crate) ago: String,
    /// In hundredths of a check: the progress, and the total.
    pub(crate) done: u64,
    pub(crate) all: u64,
}

/// How one ended.
pub(crate) struct Ended {
    /// `None`: the log could not be read, so nothing is known.
    pub(crate) whole: Option<bool>,
    pub(crate) text: Shown,
    pub(crate) by: Shown,
    pub(crate) ago: String,
    pub(crate) exact: String,
    pub(crate) checks: Vec<(&'static str, String)>,
    pub(crate) root: Option<String>,
    /// Checkpoints that could not be compared.
    pub(crate) uncompared: Vec<Shown>,
    pub(crate) href: String,
}

impl Verification {
    /// The last result that the log knows; otherwise the newest entry about a verification that the viewer may see.
    pub(crate) fn find(log: &AuditLog, access: &Grant, base: &str) -> Result<Self, Problem> {
        let (known, clock) = (log.verification(access)?, PageClock::new(log.view().now(), access));
        let last = match known.last {
            Some(result) => Some(Ended::new(result, base, clock)),
            None if !access.may(Right::Read) => None,
            None => earlier(log, access)?.map(|entry| Ended::earlier(&entry, base, clock)),
        };
        let running = known.running.map(|progress| Running::new(&progress, clock));
        Ok(Self { running, last, not_proved: NOT_PROVED })
    }
}

fn earlier(log: &AuditLog, access: &Grant) -> Result<Option<Entry>, Problem> {
    let q = "kind:system method:log.verified !outcome:denied";
    let search = Search::parse(&[("q".to_owned(), q.to_owned())], log, access)?;
    Ok(log.view().reader(access).page(search.domain, None, 1)?.entries.into_iter().next())
}

impl Running {
    fn new(progress: &VerificationProgress, clock: PageClock) -> Self {
        let VerificationProgress { began, by, at, of, check, done, all, .. } = progress;
        let share = (done * 100).checked_div(*all).unwrap_or(0).min(100);
        let looked = match (done, all) {
            (0, _) => String::new(),
            (done, 0) => format!(", {} checked", count(*done)),
            (done, all) => format!(", {} of {} checked", count(*done), count(*all)),
        };
        let text = if *at == 0 { "starting".to_owned() } else { format!("check {at} of {of}, {check}{looked}") };
        Self {
            text,
            by: Shown::line(by),
            ago: clock.ago(*began),
            done: (*at as u64).saturating_sub(1) * 100 + share,
            all: *of as u64 * 100,
        }
    }
}

impl Ended {
    fn new(result: VerificationResult, base: &str, clock: PageClock) -> Self {
        let VerificationResult { ended, by, found, entry, .. } = result;
        let none = Self {
            whole: None,
            text: Shown::default(),
            by: Shown::line(&by),
            ago: clock.ago(ended),
            exact: clock.both(ended),
            checks: Vec::new(),
            root: None,
            uncompared: Vec::new(),
            href: format!("{base}/entries/{entry}"),
        };
        match found {
            Found::Whole(verified) => Self {
                whole: Some(true),
                text: Shown::line(&whole(verified.head.size, verified.first)),
                checks: looked(&verified),
                root: Some(verified.head.root.to_string()),
                uncompared: verified.uncompared.iter().map(|what| Shown::line(what)).collect(),
                ..none
            },
            Found::Wrong(wrong) => Self { whole: Some(false), text: Shown::line(&wrong.to_string()), ..none },
            Found::Unread(error) => Self { text: Shown::line(&error), ..none },
        }
    }

    /// By the entry about it.
    fn earlier(entry: &Entry, base: &str, clock: PageClock) -> Self {
        let number = |name: &str| entry.details.get(name).and_then(serde_json::Value::as_u64);
        let text = |name: &str| entry.details.get(name).and_then(serde_json::Value::as_str);
        let result = match (number("size"), number("first")) {
            (Some(size), Some(first)) => whole(size, first),
            _ => entry.text(Field::ErrorMessage).unwrap_or_default().to_owned(),
        };
        Self {
            whole: match text("result") {
                Some("whole") => Some(true),
                Some("wrong") => Some(false),
                _ => None,
            },
            text: Shown::line(&result),
            by: Shown::line(entry.text(Field::User).unwrap_or_default()),
            ago: clock.ago(entry.occurred_at),
            exact: clock.both(entry.occurred_at),
            checks: Vec::new(),
            root: text("root").map(|root| Shown::line(root).to_string()),
            uncompared: Vec::new(),
            href: format!("{base}/entries/{}", entry.id),
        }
    }
}

fn whole(size: u64, first: u64) -> String {
    format!("{} entries match the ledger, from seq {first} to before {size}", count(size.saturating_sub(first)))
}

fn looked(verified: &Verified) -> Vec<(&'static str, String)> {
    verified.checks.iter().map(|(check, looked)| (*check, count(*looked))).collect()
}
