//! A candidate on trial: what it would have done with the entries of a time, and who would see which of them.
//!
//! A candidate is code of the viewer's choice, so each figure about entries answers a question of the viewer's choice.
//! Only entries that the viewer sees are replayed; the others are counted and shown to no policy.

use std::ops::Range;
use std::time::{Duration, Instant};

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_filter::{Context, Domain, DomainError, end_of, parse_text, start_of};
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_policy_tools::difference::{PolicyDifference, differences};
use mcp_audit_log_policy_tools::replay::{Replay, ReplayPerson, ReplayReport, people};
use mcp_audit_log_service::{AuditLog, LogView};
use mcp_audit_log_store::Tokens;

use super::upload::PolicyForm;
use crate::problem::Problem;

/// The most entries that are replayed, the newest of the range.
pub(super) const ENTRIES: usize = 10_000;
/// How many are read and judged at once.
const STEP: usize = 500;
/// The most users of entries that are asked about, each as a member of each group.
const USERS: usize = 20;
/// How long viewers are asked about, and how long all of it may take beside loading.
const ASKING: Duration = Duration::from_secs(8);
const ALL: Duration = Duration::from_secs(20);

/// What a trial found.
pub(super) struct PolicyTrial {
    pub(super) report: ReplayReport,
    /// What the candidate declares and judges otherwise on made events.
    pub(super) declared: Vec<PolicyDifference>,
    /// The lowest and the highest `seq` of what was looked at; `None` if there is nothing.
    pub(super) seqs: Option<(u64, u64)>,
    /// How many entries between them the viewer does not see.
    pub(super) unseen: u64,
    pub(super) stopped: Option<Stopped>,
    /// How many viewers there was no time to ask about.
    pub(super) unasked: usize,
}

/// Why older entries of the range were not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// There are more than a trial replays.
    Entries,
    /// It took too long.
    Time,
}

/// Whether the viewer may try: to read entries, to ask about other viewers, and to change what holds for the whole log.
pub(super) fn may(access: &Grant) -> Result<(), Problem> {
    [Right::Configure, Right::Manage, Right::Read].into_iter().try_for_each(|right| Ok(access.require(right)?))
}

/// Tries a candidate. Takes as long as loading it, and half a minute more at most.
pub(super) fn run(
    log: &AuditLog,
    access: &Grant,
    tokens: Option<&Tokens>,
    form: &PolicyForm,
) -> Result<PolicyTrial, Problem> {
    may(access)?;
    let view = log.view();
    let range = range(form, &access.context(view.now()))?;
    let candidate = log.candidate(access, &form.wanted)?;
    // The one that records keeps its memory, its health and its pauses to itself.
    let record = view.judges_now()?.ok_or_else(|| Problem::missing("record of the policy"))?;
    let (active, settings) = view.policy_of(&record).map_err(|error| Problem::internal(&error))?;
    let (active, other) = (active.on_trial(), view.settings_under(candidate.manifest())?);

    let began = Instant::now();
    let seqs = view.seqs_between(Some(range.0), range.1)?;
    let domain = of_seqs(&seqs, view, access).map_err(|error| Problem::internal(&error))?;
    let mut replay = Replay::new((&active, &settings), (&candidate, &other), view.now());
    let mut unasked = 0;
    for person in persons(log, access, tokens, &domain)? {
        match began.elapsed() < ASKING {
            true => replay.ask(person),
            false => unasked += 1,
        }
    }
    let walk = walk(view, access, domain, |entries| {
        replay.take(entries);
        began.elapsed() < ALL
    })?;
    // Where all that the viewer sees was replayed, the whole range was looked at.
    let lowest = if walk.stopped.is_some() { walk.lowest.unwrap_or(seqs.end) } else { seqs.start };
    let report = replay.finish();
    Ok(PolicyTrial {
        declared: differences(&active, &candidate),
        seqs: (lowest < seqs.end).then(|| (lowest, seqs.end - 1)),
        unseen: seqs.end.saturating_sub(lowest).saturating_sub(report.entries),
        stopped: walk.stopped,
        unasked,
        report,
    })
}

/// The entries of a range of `seq`.
pub(super) fn of_seqs(seqs: &Range<u64>, view: &LogView, access: &Grant) -> Result<Domain, DomainError> {
    parse_text(&format!("seq:>={} seq:<{}", seqs.start, seqs.end), &access.context(view.now()))
}

/// The time that the form names.
fn range(form: &PolicyForm, context: &Context<'_>) -> Result<(Timestamp, Option<Timestamp>), Problem> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let wrong = |name: &str| Problem::invalid(format!("{name}: give a time such as -7d, today, or 2026-01-31."));
    let from =
        start_of(given(&form.from).as_deref().unwrap_or(super::page::FROM), context).map_err(|_| wrong("From"))?;
    let to = given(&form.to).map(|text| end_of(&text, context)).transpose().map_err(|_| wrong("Until"))?;
    match to.is_some_and(|to| to <= from) {
        true => Err(Problem::invalid("Until: the range ends before it starts.")),
        false => Ok((from, to)),
    }
}

/// The viewers to ask about: the viewer who asks, bearers of tokens of the same tenant, and users of entries that the
/// viewer sees.
fn persons(
    log: &AuditLog,
    access: &Grant,
    tokens: Option<&Tokens>,
    domain: &Domain,
) -> Result<Vec<ReplayPerson>, Problem> {
    let now = log.view().now();
    let tokens = tokens.map(|tokens| log.tokens(access, tokens)).transpose()?.unwrap_or_default();
    let bearers = tokens.iter().filter(|token| !token.is_expired(now)).map(|token| token.viewer());
    let bearers: Vec<_> = std::iter::once(access.viewer().clone()).chain(bearers).collect();
    let users = log.view().users(access, domain.clone(), USERS + bearers.len())?;
    Ok(people(bearers, users, &log.view().manifest().groups, USERS))
}

struct Walk {
    lowest: Option<u64>,
    stopped: Option<Stopped>,
}

/// Passes the entries that the viewer sees to `take`, the newest first, as long as it wants more.
fn walk(
    view: &LogView,
    access: &Grant,
    domain: Domain,
    mut take: impl FnMut(&[mcp_audit_log_model::entry::Entry]) -> bool,
) -> Result<Walk, Problem> {
    let mut walk = Walk { lowest: None, stopped: None };
    let (mut from, mut taken) = (PageAnchor::Newest, 0);
    loop {
        let page = view.reader(access).page(domain.clone(), from, STEP)?;
        let wants_more = take(&page.entries);
        taken += page.entries.len();
        walk.lowest = page.entries.last().map(|entry| entry.seq).or(walk.lowest);
        let Some(next) = page.next else { return Ok(walk) };
        walk.stopped = match (wants_more, taken < ENTRIES) {
            (false, _) => Some(Stopped::Time),
            (true, false) => Some(Stopped::Entries),
            (true, true) => None,
        };
        if walk.stopped.is_some() {
            return Ok(walk);
        }
        from = PageAnchor::Before(next);
    }
}
