//! A shadow: a candidate that judges entries as they are recorded, from a form of the page, until its time is over.
//!
//! A candidate is code of the viewer's choice, so it is shown only entries that the viewer sees, by the rights of the
//! moment, and only this viewer sees what it finds. One runs at a time, and it ends with the server.

use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::format::count;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_policy_tools::follower::{ShadowError, ShadowFollower};
use mcp_audit_log_policy_tools::shadow::ShadowReport;
use mcp_audit_log_service::{AuditLog, LogView};

use super::trial;
use super::trial_report::{VerdictLines, reproduced};
use super::upload::PolicyForm;
use crate::problem::Problem;
use crate::site::Site;
use crate::site::read_scheduler::WaitLimit;
use crate::site::shadow_place::{RunningShadow, ShadowEnd, ShadowPlace};
use crate::ui::text::Shown;

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The longest time.
const LONGEST: i64 = 7 * DAY;
/// How long, where the form does not say.
pub(super) const FOR: &str = "24h";
/// How many steps one look takes at most.
const STEPS: usize = 8;

/// Begins a shadow. Takes as long as loading the candidate.
pub(super) fn begin(log: &AuditLog, access: &Grant, place: &ShadowPlace, form: &PolicyForm) -> Result<(), Problem> {
    trial::may(access)?;
    let now = log.view().now();
    let length = Some(form.length.trim()).filter(|text| !text.is_empty()).unwrap_or(FOR);
    let until = Timestamp::parse_ahead(length, now).filter(|until| *until > now && *until <= now.plus(LONGEST));
    let until = until.ok_or_else(|| Problem::invalid("For: give a duration of at most 7d, such as 24h or 90m."))?;
    let candidate = log.candidate(access, &form.wanted)?;
    let follower = ShadowFollower::new(log.view(), candidate).map_err(|error| Problem::internal(&error))?;
    let other = |running: &RunningShadow| {
        Problem::invalid(format!(
            "Another candidate is a shadow until {}; end it first.",
            access.zone().exact(running.until)
        ))
    };
    place.begin(RunningShadow::new(access.viewer().clone(), now..until, follower)).map_err(|running| other(&running))
}

/// Follows the log until the shadow ends, or its site does.
pub(super) async fn follow(of: Weak<Site>) {
    let Some(running) = of.upgrade().and_then(|site| site.shadow.find()) else { return };
    while running.ended().is_none() {
        let Some(site) = of.upgrade() else { return };
        let (log, shadow) = (site.log.clone(), Arc::clone(&running));
        let looked = site.scheduler.search(&running.viewer, WaitLimit::Endless, move || {
            look(&shadow, &log);
            Ok(())
        });
        // A panic of the candidate's host is one for the shadow too.
        if looked.await.is_err() {
            running.end(site.log.view().now(), "It failed.");
        }
        drop(site);
        tokio::select! {
            () = running.stopped() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Ends the shadow, also that of another viewer: while it runs, no other one can begin.
pub(super) fn end(log: &AuditLog, access: &Grant, place: &ShadowPlace) -> Result<(), Problem> {
    trial::may(access)?;
    let running = place.find().filter(|running| running.ended().is_none());
    let running = running.ok_or_else(|| Problem::invalid("No candidate is a shadow."))?;
    look(&running, log);
    running.end(log.view().now(), &format!("{} ended it.", access.viewer().user));
    Ok(())
}

/// Judges what was recorded since the last look, and ends the shadow where it is time.
fn look(running: &RunningShadow, log: &AuditLog) {
    let view = log.view();
    if running.ended().is_some() {
        return;
    }
    let access = view.access(&running.viewer);
    if trial::may(&access).is_err() {
        return running.end(view.now(), "The viewer who began it may not try policies any more.");
    }
    let mut follower = running.follower();
    let mut read = |seqs| seen(view, &access, seqs);
    for _ in 0..STEPS {
        match follower.step(view, &mut read) {
            Ok(false) => {}
            Ok(true) => break,
            Err(error) => {
                tracing::error!(%error, "the shadow of a policy ended");
                return running.end(
                    view.now(),
                    "It failed: the log, or what judged, cannot be read. Standard error has the reason.",
                );
            }
        }
    }
    if view.now() >= running.until {
        running.end(view.now(), "Its time is over.");
    }
}

/// The entries of a range that the viewer sees, oldest first.
fn seen(view: &LogView, access: &Grant, seqs: Range<u64>) -> Result<Vec<Entry>, ShadowError> {
    let failed = |error: &dyn std::fmt::Display| ShadowError::Entries(error.to_string());
    let domain = trial::of_seqs(&seqs, view, access).map_err(|error| failed(&error))?;
    let (mut entries, mut from) = (Vec::new(), PageAnchor::Newest);
    loop {
        // A page is shorter than a step.
        let page = view.reader(access).page(domain.clone(), from, MAX_LIMIT).map_err(|error| failed(&error))?;
        entries.extend(page.entries);
        let Some(next) = page.next else { break };
        from = PageAnchor::Before(next);
    }
    entries.reverse();
    Ok(entries)
}

/// A shadow, as the page shows it.
pub(super) enum ShownShadow {
    /// Another viewer's, which runs.
    OfAnother(String),
    /// The viewer's own.
    Own(ShadowState),
}

/// The viewer's own shadow.
pub(super) struct ShadowState {
    pub(super) is_running: bool,
    pub(super) is_same: bool,
    pub(super) scope: Vec<(&'static str, Vec<Shown>)>,
    pub(super) verdicts: VerdictLines,
}

/// The shadow for this viewer, with what was recorded until now.
pub(super) fn show(log: &AuditLog, access: &Grant, place: &ShadowPlace, base: &str) -> Option<ShownShadow> {
    let running = place.find()?;
    if !running.is_of(access) {
        let until = access.zone().exact(running.until);
        return running.ended().is_none().then_some(ShownShadow::OfAnother(until));
    }
    look(&running, log);
    let report = running.follower().report();
    let ended = running.ended();
    Some(ShownShadow::Own(ShadowState {
        is_running: ended.is_none(),
        is_same: report.is_same(),
        scope: scope(&running, ended, &report, access.zone()),
        verdicts: VerdictLines::new(&report.verdicts, report.further_differences, base),
    }))
}

fn scope(
    running: &RunningShadow,
    ended: Option<ShadowEnd>,
    report: &ShadowReport,
    zone: TimeZone,
) -> Vec<(&'static str, Vec<Shown>)> {
    let line = |text: &str| vec![Shown::line(text)];
    let against = |one: &mcp_audit_log_policy_tools::shadow::ShadowedPolicy| {
        Shown::line(&format!("{}, since seq {}: {} entries", one.title, one.since, count(one.entries)))
    };
    let mut entries = format!("{} were compared.", count(report.entries));
    if report.skipped > 0 {
        entries += &format!(
            " {} were not: you do not see them, or the candidate was too slow for them.",
            count(report.skipped)
        );
    }
    let end = match ended {
        None => format!("It ends at {}.", zone.exact(running.until)),
        Some(ShadowEnd { at, why }) => format!("It ended at {}. {why}", zone.exact(at)),
    };
    vec![
        ("Candidate", line(&report.candidate)),
        ("Against", report.active.iter().map(against).collect()),
        ("Time", line(&format!("It began at {}. {end}", zone.exact(running.began)))),
        ("Entries", line(&entries)),
        ("Reproduced", vec![reproduced(&report.calibration)]),
    ]
}
