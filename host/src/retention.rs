//! The one deletion path: what the policy's plan lets go is removed in chunks, and the run is an entry.

use crate::event::{Channel, Detail, Event, Failure, Kind};
use crate::policy::{Plan, Policy};
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::store::Pruned;
use crate::time::Timestamp;

/// What a run removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    plan: Plan,
    entries: u64,
    payloads: u64,
}

/// Removes what the policy lets go at `now`, chunk by chunk, so that recording goes on between them.
pub(crate) fn run(policy: &Policy, settings: &Settings, recorder: &Recorder, now: Timestamp) -> Result<Report, String> {
    let plan = policy.retention(settings, now).map_err(|fault| format!("nothing was deleted: {fault}"))?;
    let mut report = Report { plan, ..Report::default() };
    let cleanup = &recorder.gauges().cleanup;
    let _running = cleanup.begin();
    loop {
        let Pruned { entries, payloads, more } = recorder.prune(plan).map_err(|error| error.to_string())?;
        cleanup.removed(entries, payloads);
        report.entries += entries;
        report.payloads += payloads;
        if !more {
            return Ok(report);
        }
    }
}

impl Report {
    /// The run in one sentence.
    pub(crate) fn message(&self) -> String {
        format!("{} entries and {} payloads removed", self.entries, self.payloads)
    }

    fn facts(&self, event: Event) -> Event {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut event = event.fact("entries", count(self.entries)).fact("payloads", count(self.payloads));
        for (name, before) in
            [("entries_before", self.plan.entries_before), ("payloads_before", self.plan.payloads_before)]
        {
            if let Some(before) = before {
                event = event.fact(name, before.to_string());
            }
        }
        event
    }
}

/// The entry about a run that began at `began`.
pub(crate) fn event(cron: &str, began: Timestamp, result: &Result<Report, String>) -> Event {
    let detail = if result.is_ok() { Detail::Ok } else { Detail::Incomplete };
    let method = if result.is_ok() { "retention.completed" } else { "retention.failed" };
    let event = Event::new(began, Channel::System, Kind::System, detail).fact("cron", cron);
    let event = Event { method: Some(method.to_owned()), ..event };
    match result {
        Ok(report) => report.facts(event),
        Err(error) => Event {
            failure: Some(Failure { kind: "retention".to_owned(), message: error.clone(), code: None }),
            ..event
        },
    }
}
