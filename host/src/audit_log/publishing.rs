//! What the log knows of its published checkpoints: where they arrived, and what that lets the cleanup believe.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Inner, SignError};
use crate::event::{Detail, Event};
use crate::publish::DestinationStatus;
use crate::recorder::{RecorderControl, StateChange};
use crate::retention::ClockEvidence;
use crate::store::{CheckpointChange, PlaceChange, StoreError};
use crate::time::Timestamp;

/// How long a cleanup waits until its intent is published.
const PATIENCE: Duration = Duration::from_secs(30);
/// What kind of failure it is that a checkpoint does not arrive.
const FAILURE: &str = "publishing";

impl Inner {
    /// Stores which checkpoints were delivered since the last check; the first failure and its end are entries.
    pub(super) fn record_places(&self) -> Result<(), SignError> {
        let known = self.view.files.places_published()?;
        let (mut checkpoints, mut events) = (Vec::new(), Vec::new());
        for status in self.checkpoints.publisher.statuses() {
            let before = known.iter().find(|place| place.name == status.name);
            let (arrived, was_failing) = before.map_or((0, false), |place| (place.number, place.failing));
            let number = status.arrived.unwrap_or_default().max(arrived);
            let failing = if status.is_waiting() { was_failing } else { status.failing.is_some() };
            if (number, failing) != (arrived, was_failing) {
                let name = status.name.to_owned();
                checkpoints.push(CheckpointChange::Place(PlaceChange { name, number, failing }));
            }
            if failing != was_failing {
                events.push(self.publishing(&status, failing));
            }
            events.extend(self.conflict(&status));
        }
        if checkpoints.is_empty() && events.is_empty() {
            return Ok(());
        }
        Ok(self.recorder.change(StateChange { checkpoints, ..StateChange::default() }, events)?)
    }

    fn publishing(&self, status: &DestinationStatus, failing: bool) -> Event {
        if !failing {
            return self.event("checkpoint.publishing_recovered").fact("place", status.name);
        }
        let why = "The newest checkpoint could not be published here; the log retries.";
        let event = self.event("checkpoint.publishing_failed").fact("place", status.name);
        event.failed(Detail::Unknown, FAILURE, why)
    }

    /// A destination has checkpoints that this log does not continue: recorded once in each run of the process.
    fn conflict(&self, status: &DestinationStatus) -> Option<Event> {
        let mut told = self.checkpoints.conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = status.failing.clone().filter(|_| status.conflict && told.insert(status.name))?;
        let why = "The checkpoints published here belong to another history; publishing here has stopped.";
        let event = self.event("checkpoint.conflict_found").fact("place", status.name).fact("reason", reason);
        Some(event.failed(Detail::Unknown, FAILURE, why))
    }

    /// Waits until this checkpoint is published somewhere, if it is to be. Gives why it is not.
    pub(super) fn wait_published(&self) -> Result<(), String> {
        let publisher = &self.checkpoints.publisher;
        if publisher.is_empty() {
            return Ok(());
        }
        let number = self.view.files.newest_checkpoint().map_err(|error| error.to_string())?;
        let number = number.map_or(0, |newest| newest.number);
        if publisher.wait_for(number, PATIENCE) {
            return Ok(());
        }
        Err("the checkpoint for this cleanup could not be published to any destination".into())
    }

    /// The evidence of the age of the log's entries.
    pub(super) fn evidence(&self, now: Timestamp) -> Result<ClockEvidence, StoreError> {
        let files = &self.view.files;
        Ok(ClockEvidence {
            now,
            marks: files.marks()?,
            // Without a destination the log's own checkpoints are the best evidence.
            published: if self.checkpoints.publisher.is_empty() { u64::MAX } else { files.published()? },
            archived: files.newest_archived()?.map_or(0, |newest| newest.checkpoint.size),
            confirmed: files.clock_confirmed()?,
            longest_step: self.longest_step,
        })
    }
}
