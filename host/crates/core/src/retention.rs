//! The one deletion path: what the policy's plan and the legal holds let go is removed in chunks, and the run is told
//! by an entry before it and one after it.

use std::time::{Duration, Instant};

mod age;

pub use age::{LONGEST_STEP, Witness};

use crate::recorder::{Control, Recorder};
use mcp_audit_log_contract::hold;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_index::{Pruned, Removal, StoreError, StoreReader};
use mcp_audit_log_model::event::{Channel, Detail, Event, Failure, Kind};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::{Plan, Policy};

/// How long the cleanup rests after a step, in lengths of that step: recording has the writer for most of the time.
const REST: u32 = 3;
/// The longest rest, so that a slow disk does not draw the cleanup out for ever.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// What is about to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// As the policy says; no policy knows of holds.
    plan: Plan,
    /// A step of the clock that is not believed, and keeps entries that would be old by it.
    doubted: Option<(Timestamp, Timestamp)>,
    /// Where the holds stop it.
    held: Option<Timestamp>,
    /// No entry at or above this place goes, and no payload at or above the other one: as the run says before it begins.
    entries_below: u64,
    payloads_below: u64,
    /// How many entries will go, as far as is known before it.
    pub expected: u64,
}

/// The places up to which entries, and payloads before their entries, may go whatever their age: what no checkpoint covers
/// cannot be proved to have been there.
#[derive(Clone, Copy, Debug)]
struct Cover {
    entries: u64,
    payloads: u64,
}

impl Cover {
    const ALL: Self = Self { entries: u64::MAX, payloads: u64::MAX };
}

/// What a run removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    intent: Intent,
    /// Entries removed.
    pub entries: u64,
    /// Payloads removed.
    pub payloads: u64,
}

/// Works out what may go at `now`.
///
/// # Errors
/// The policy or the store failed, in a sentence; nothing was deleted.
pub fn plan(policy: &Policy, settings: &Settings, files: &StoreReader, now: Timestamp) -> Result<Intent, String> {
    let plan = policy.retention(settings, now).map_err(|fault| format!("nothing was deleted: {fault}"))?;
    measured(plan, Cover::ALL, files).map_err(|error| format!("nothing was deleted: {error}"))
}

fn measured(plan: Plan, cover: Cover, files: &StoreReader) -> Result<Intent, StoreError> {
    let held = files.held_from()?;
    let (first, first_payload) = files.prune_points()?;
    let may = hold::cut(plan, held);
    let up_to = |before: Option<Timestamp>, covered: u64, first: u64| -> Result<u64, StoreError> {
        let kept = before.map_or(Ok(first), |before| files.place_at(before))?;
        Ok(kept.min(covered).max(first))
    };
    let entries_below = up_to(may.entries_before, cover.entries, first)?;
    // Payloads go with their entries at the latest.
    let payloads_below = up_to(may.payloads_before, cover.payloads, first_payload)?.max(entries_below);
    let expected = entries_below - first;
    Ok(Intent { plan, held, entries_below, payloads_below, expected, ..Intent::default() })
}

/// Removes it, chunk by chunk, so that recording goes on between them; `tell` hears of each. A hold that is placed
/// meanwhile stops it.
///
/// # Errors
/// A step failed, in a sentence that says how much was removed before it.
pub fn run(intent: Intent, files: &StoreReader, recorder: &Recorder, tell: impl Fn(&Report)) -> Result<Report, String> {
    let mut report = Report { intent, ..Report::default() };
    // What was told: a hold that is released meanwhile lets nothing more go.
    let told = hold::cut(intent.plan, intent.held);
    let cleanup = &recorder.gauges().cleanup;
    let _running = cleanup.begin();
    loop {
        report.intent.held = files.held_from().map_err(|error| error.to_string())?;
        let Intent { entries_below, payloads_below, .. } = intent;
        let removal = Removal { plan: hold::cut(told, report.intent.held), entries_below, payloads_below };
        let begun = Instant::now();
        let Pruned { entries, payloads, more } = recorder.prune(removal).map_err(|error| error.to_string())?;
        cleanup.removed(entries, payloads);
        report.entries += entries;
        report.payloads += payloads;
        // Steps that only tidy up are nobody's progress.
        if entries + payloads > 0 {
            tell(&report);
        }
        if !more {
            return Ok(report);
        }
        std::thread::sleep((begun.elapsed() * REST).min(LONGEST_REST));
    }
}

impl Intent {
    /// Whether some of it would go if a checkpoint that stays for ever were about it.
    pub fn lacks_archived(&self, witness: &Witness) -> bool {
        witness.below(self.plan.entries_before).min(self.entries_below) > witness.archived
    }

    /// Without what no old enough checkpoint is about.
    ///
    /// # Errors
    /// The store failed, in a sentence; nothing was deleted.
    pub fn witnessed(self, witness: &Witness, files: &StoreReader) -> Result<Self, String> {
        let Plan { entries_before, payloads_before, .. } = self.plan;
        let cover = Cover { entries: witness.entries_below(entries_before), payloads: witness.below(payloads_before) };
        let cut =
            measured(witness.cut(self.plan), cover, files).map_err(|error| format!("nothing was deleted: {error}"))?;
        let is_less = (cut.entries_below, cut.payloads_below) != (self.entries_below, self.payloads_below);
        let doubted = witness.doubted().filter(|_| is_less);
        Ok(Self { doubted, ..cut })
    }

    /// The moment from which on a hold keeps what the policy would let go.
    fn stopped_at(&self) -> Option<Timestamp> {
        self.held.filter(|_| hold::cut(self.plan, self.held) != self.plan)
    }

    fn facts(&self, mut event: Event) -> Event {
        let plan = hold::cut(self.plan, self.held);
        let moments = [
            ("entries_before", plan.entries_before),
            ("payloads_before", plan.payloads_before),
            ("usage_before", plan.usage_before),
            ("held_from", self.stopped_at()),
            ("clock_doubted_from", self.doubted.map(|(from, _)| from)),
            ("clock_doubted_to", self.doubted.map(|(_, to)| to)),
        ];
        for (name, moment) in moments {
            // Before there were any, which is nothing to say.
            if let Some(moment) = moment.filter(|moment| *moment >= Timestamp::EPOCH) {
                event = event.fact(name, moment.to_string());
            }
        }
        event
    }
}

impl Report {
    /// The run in one sentence.
    pub fn message(&self) -> String {
        let removed = format!("{} entries and {} payloads removed", self.entries, self.payloads);
        let held = self.intent.stopped_at();
        let held = held.map(|held| format!("; a legal hold keeps everything recorded from {held} on"));
        let doubted = self.intent.doubted.map(|(from, to)| {
            format!(
                "; the clock jumped from {from} to {to}, so entries are kept longer until an admin confirms the clock"
            )
        });
        [Some(removed), held, doubted].into_iter().flatten().collect()
    }
}

/// The entry about a run that is about to begin at `began`: all that it may remove is in it.
pub fn started(cron: &str, began: Timestamp, intent: &Intent) -> Event {
    let event = event("retention.started", cron, began, Detail::Ok);
    let event = intent.facts(event).fact("expected", count(intent.expected));
    event.fact("payloads_expected_below", count(intent.payloads_below))
}

/// Says where the log begins at this moment: the places of the first entry, and of the first payload, that may be there.
pub fn begins(event: Event, (entries, payloads): (u64, u64)) -> Event {
    event.fact("first_place", count(entries)).fact("payloads_first_place", count(payloads))
}

/// The entry about a run that began at `began` and is over.
pub fn ended(cron: &str, began: Timestamp, result: &Result<Report, String>) -> Event {
    match result {
        Ok(report) => report
            .intent
            .facts(event("retention.completed", cron, began, Detail::Ok))
            .fact("entries", count(report.entries))
            .fact("payloads", count(report.payloads)),
        Err(error) => Event {
            failure: Some(Failure { kind: "retention".to_owned(), message: error.clone(), code: None }),
            ..event("retention.failed", cron, began, Detail::Incomplete)
        },
    }
}

fn event(method: &str, cron: &str, began: Timestamp, detail: Detail) -> Event {
    let event = Event::new(began, Channel::System, Kind::System, detail).fact("cron", cron);
    Event { method: Some(method.to_owned()), ..event }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
