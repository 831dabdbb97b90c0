//! The cleanup: deletes what the policy's retention plan, the legal holds and the evidence of the clock allow.

use mcp_audit_log_core::retention;
use mcp_audit_log_core::retention::{CleanupIntent, CleanupReport, CleanupRun};
use mcp_audit_log_model::event::Event;

use super::{CleanupProgress, Job, JobContext, Report, Step};
use crate::start_entry::counted;

/// A run of the cleanup.
#[derive(Default)]
pub(super) struct Retention {
    intent: CleanupIntent,
    /// Absent before the first step.
    run: Option<CleanupRun>,
    /// How many segments were removed from the lake, or why none could be.
    lake: Option<Result<u64, String>>,
}

impl Job for Retention {
    fn started(&self) -> &'static str {
        "retention.started"
    }

    fn plan(&mut self, at: &JobContext) -> Result<Option<Event>, String> {
        let view = &at.log.view;
        let active = view.active.now();
        let intent = retention::plan(&active.policy, &active.settings, &view.files, at.began)?;
        let sinks = at.log.sink_holds().map_err(nothing_deleted)?;
        self.intent = witnessed(at, intent)?.kept_for_sinks(&sinks, &view.files)?;
        self.show(at, &CleanupReport::default());
        let event = retention::started(&at.cron.name, at.began, &self.intent);
        let event = counted(event, &view.files.inventory().map_err(nothing_deleted)?);
        Ok(Some(retention::begins(event, view.files.prune_points().map_err(nothing_deleted)?)))
    }

    /// What is about to go, and the intent to remove it, are signed before, and published where that is configured.
    fn step(&mut self, at: &JobContext) -> Result<Step, String> {
        let run = match &mut self.run {
            Some(run) => run,
            None => {
                at.log.sign().map_err(nothing_deleted)?;
                at.log.wait_published().map_err(nothing_deleted)?;
                self.run.insert(CleanupRun::begin(self.intent.clone(), &at.log.recorder))
            }
        };
        let before = run.report();
        let rest = run.step(&at.log.view.files, &at.log.recorder)?;
        let report = run.report();
        // Steps that only tidy up are no progress.
        if (report.entries, report.payloads) != (before.entries, before.payloads) {
            self.show(at, &report);
        }
        let Some(rest) = rest else {
            // The log is clean, whether the lake can be reached or not.
            #[cfg(feature = "lake")]
            {
                self.lake = Some(at.log.clean_lake(at.began));
            }
            return Ok(Step::Done);
        };
        Ok(Step::Rest(rest))
    }

    fn report(&self, at: &JobContext, failed: Option<&str>) -> Report {
        let report = self.run.as_ref().map(CleanupRun::report).unwrap_or_default();
        let result = failed.map_or(Ok(report), |error| Err(error.to_owned()));
        let mut event = retention::ended(&at.cron.name, at.began, &result);
        // A file that cannot be read is one of the reasons why a run fails.
        if let Ok(points) = at.log.view.files.prune_points() {
            event = retention::begins(event, points);
        }
        let mut message = result.map_or_else(|error| error, |report| report.message());
        match &self.lake {
            Some(Ok(segments)) if *segments > 0 => {
                event = event.fact("lake_segments", i64::try_from(*segments).unwrap_or(i64::MAX));
                message.push_str(&format!("; {segments} segments removed from the lake"));
            }
            Some(Err(why)) => {
                event = event.fact("lake_failed", why.as_str());
                message.push_str(&format!("; old segments stay in the lake until the next run: {why}"));
            }
            _ => {}
        }
        Report { event, message }
    }
}

impl Retention {
    fn show(&self, at: &JobContext, report: &CleanupReport) {
        let (&CleanupReport { entries, payloads, .. }, expected) = (report, self.intent.expected);
        at.show(CleanupProgress { entries, payloads, expected });
        tracing::debug!(entries, payloads, expected, "the cleanup continues");
    }
}

/// Limits it to what checkpoints cover. If the newest archived one does not cover everything that is old enough, for
/// example after days without the log running, one of today is signed first.
fn witnessed(at: &JobContext, intent: CleanupIntent) -> Result<CleanupIntent, String> {
    let evidence = || at.log.evidence(at.began).map_err(nothing_deleted);
    let mut found = evidence()?;
    if intent.lacks_archived(&found) {
        at.log.sign().map_err(nothing_deleted)?;
        found = evidence()?;
    }
    intent.witnessed(&found, &at.log.view.files)
}

fn nothing_deleted(error: impl std::fmt::Display) -> String {
    format!("nothing was deleted: {error}")
}
