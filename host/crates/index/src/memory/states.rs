//! The states beside the entries, in memory.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::MemorySnapshot;
use crate::states::{CheckpointQuery, NEWEST_CHECKPOINTS, States};
use crate::{
    CheckpointChange, CheckpointTime, DestinationState, NewCheckpoint, StateChange, StoreError, StoredCheckpoint,
};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::alert::{Alert, AlertChange};
use mcp_audit_log_contract::hold::{Hold, HoldChange};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::saved_view::{SavedView, ViewChange};
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::value::Value;

/// Settings, jobs, holds, views, checkpoints, keys, destinations, what judged, tools, alerts.
#[derive(Clone, Debug, Default)]
pub(in crate::memory) struct MemoryStates {
    settings: BTreeMap<String, Value>,
    crons: BTreeMap<String, CronState>,
    holds: Vec<Hold>,
    views: Vec<SavedView>,
    checkpoints: BTreeMap<u64, NewCheckpoint>,
    keys: Vec<(String, i64)>,
    clock: u64,
    destinations: BTreeMap<String, DestinationState>,
    judged_by: Vec<JudgedBy>,
    tools: BTreeMap<(String, String), KnownTool>,
    alerts: BTreeMap<Uuid, Alert>,
}

impl MemoryStates {
    /// Stores every change.
    pub(super) fn put(&mut self, states: &StateChange) {
        self.settings.extend(states.settings.iter().map(|change| (change.key.clone(), change.new.clone())));
        self.crons.extend(states.crons.iter().cloned());
        states.holds.iter().for_each(|change| self.put_hold(change));
        states.views.iter().for_each(|change| self.put_view(change));
        states.checkpoints.iter().for_each(|change| self.put_checkpoint(change));
        let tools = states.tools.iter().map(|tool| ((tool.server.clone(), tool.tool.clone()), tool.clone()));
        self.tools.extend(tools);
        for change in &states.alerts {
            match change {
                AlertChange::Save(alert) => drop(self.alerts.insert(alert.view, alert.clone())),
                AlertChange::Delete(view) => drop(self.alerts.remove(view)),
            }
        }
    }

    pub(super) fn append_judged_by(&mut self, record: &JudgedBy) {
        self.judged_by.push(record.clone());
    }

    fn put_hold(&mut self, change: &HoldChange) {
        match change {
            HoldChange::Place(hold) if self.holds.iter().all(|other| other.id != hold.id) => {
                self.holds.push(Hold { released: None, ..hold.clone() });
            }
            HoldChange::Place(_) => {}
            HoldChange::Release(id, release) => {
                let held = self.holds.iter_mut().find(|hold| hold.id == *id && hold.released.is_none());
                held.into_iter().for_each(|hold| hold.released = Some(release.clone()));
            }
        }
    }

    /// Stores a view. The owner of an existing view, and the time of its creation, do not change.
    fn put_view(&mut self, change: &ViewChange) {
        match change {
            ViewChange::Save(view) => match self.views.iter_mut().find(|other| other.id == view.id) {
                Some(other) => {
                    (other.name, other.shared) = (view.name.clone(), view.shared);
                    (other.query, other.updated_at) = (view.query.clone(), view.updated_at);
                }
                None => self.views.push(view.clone()),
            },
            ViewChange::Delete(id) => self.views.retain(|view| view.id != *id),
        }
    }

    fn put_checkpoint(&mut self, change: &CheckpointChange) {
        let newest = self.checkpoints.last_key_value().map(|(number, last)| (*number, last));
        match change {
            CheckpointChange::Signed(checkpoint) if newest.is_some_and(|(_, last)| last == checkpoint) => {}
            CheckpointChange::Signed(checkpoint) => {
                let number = newest.map_or(0, |(number, _)| number) + 1;
                self.checkpoints.insert(number, checkpoint.clone());
                let stays = number.saturating_sub(NEWEST_CHECKPOINTS);
                self.checkpoints.retain(|number, checkpoint| *number > stays || checkpoint.link.is_some());
            }
            CheckpointChange::Key(vkey, since) => {
                if self.keys.iter().all(|(other, _)| other != vkey) {
                    self.keys.push((vkey.clone(), since.as_micros()));
                }
            }
            CheckpointChange::Destination(state) => drop(self.destinations.insert(state.name.clone(), state.clone())),
            CheckpointChange::Clock => self.clock = newest.map_or(0, |(number, _)| number),
        }
    }
}

impl States for MemorySnapshot {
    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        Ok(self.now().states.settings.clone())
    }

    fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError> {
        Ok(self.now().states.crons.clone())
    }

    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let mut holds = self.now().states.holds.clone();
        holds.sort_by_key(|hold| std::cmp::Reverse((hold.placed_at, hold.id)));
        Ok(holds)
    }

    fn views(&self, viewer: &Viewer) -> Result<Vec<SavedView>, StoreError> {
        let is_seen =
            |view: &&SavedView| view.instance == viewer.instance && (view.shared || view.owner == viewer.user);
        let mut views: Vec<_> = self.now().states.views.iter().filter(is_seen).cloned().collect();
        views.sort_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
        Ok(views)
    }

    fn checkpoints(&self, query: &CheckpointQuery) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let data = self.now();
        let is_meant = |number: u64, checkpoint: &NewCheckpoint| {
            (!query.archived || checkpoint.link.is_some())
                && query.below.is_none_or(|below| number < below)
                && query.size.contains(&checkpoint.size)
        };
        let found = data.states.checkpoints.iter().filter(|(number, checkpoint)| is_meant(**number, checkpoint));
        let found =
            found.map(|(number, checkpoint)| StoredCheckpoint { number: *number, checkpoint: checkpoint.clone() });
        Ok(match query.oldest_first {
            true => found.take(query.limit).collect(),
            false => found.rev().take(query.limit).collect(),
        })
    }

    fn checkpoint_times(&self) -> Result<Vec<CheckpointTime>, StoreError> {
        let data = self.now();
        let mark = |(number, checkpoint): (&u64, &NewCheckpoint)| {
            let NewCheckpoint { size, signed_at, .. } = *checkpoint;
            CheckpointTime { number: *number, size, signed_at }
        };
        Ok(data.states.checkpoints.iter().rev().map(mark).collect())
    }

    fn keys(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let mut keys = self.now().states.keys.clone();
        keys.sort_by_key(|(_, since)| *since);
        Ok(keys)
    }

    fn clock_confirmed(&self) -> Result<u64, StoreError> {
        Ok(self.now().states.clock)
    }

    fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        Ok(self.now().states.alerts.values().cloned().collect())
    }

    fn tools(&self) -> Result<Vec<KnownTool>, StoreError> {
        Ok(self.now().states.tools.values().cloned().collect())
    }

    fn destinations(&self) -> Result<Vec<DestinationState>, StoreError> {
        Ok(self.now().states.destinations.values().cloned().collect())
    }

    fn judged_before(&self, before: u64, limit: usize) -> Result<Vec<JudgedBy>, StoreError> {
        let data = self.now();
        let mut found: Vec<JudgedBy> = Vec::new();
        for record in data.states.judged_by.iter().rev().filter(|record| record.since < before) {
            let is_superseded = found.last().is_some_and(|newer| newer.since == record.since);
            if !is_superseded && found.len() < limit {
                found.push(record.clone());
            }
        }
        Ok(found)
    }

    fn judging_components(&self) -> Result<BTreeSet<String>, StoreError> {
        Ok(self.now().states.judged_by.iter().flat_map(JudgedBy::digests).collect())
    }
}
