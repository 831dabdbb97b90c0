//! The history of what judged: each record with what is different from the one before.

use std::collections::BTreeSet;

use mcp_audit_log_contract::judged_by::{JudgedBy, JudgingLayer};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::LogView;
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

/// What judged, the newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyHistory")]
pub(crate) struct History {
    /// The records. A policy and its settings judge from one record to the next.
    pub(super) records: Vec<HistoryRecord>,
    /// The value of `before` for earlier records; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<u64>,
}

/// What judged the entries from one `seq` on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyRecord")]
pub(crate) struct HistoryRecord {
    /// The `seq` of the first entry that was judged so.
    pub(super) since: u64,
    /// The `seq` of the first entry behind them; null for what judges now.
    pub(super) until: Option<u64>,
    /// The policy, and then its extensions from the bottom up.
    pub(super) layers: Vec<JudgingLayer>,
    /// Counts changes of the settings.
    pub(super) settings_version: u64,
    /// Whether the layers were activated while the log was open, and not named by a start.
    pub(super) activated: bool,
    /// The floors that the operator's file turned off.
    pub(super) floors_off: Vec<String>,
    /// What is different from the record before; null for the first one.
    pub(super) changes: Option<HistoryChanges>,
}

/// What is different between two records.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyChanges")]
pub(crate) struct HistoryChanges {
    /// Components that did not judge before.
    pub(super) layers_added: Vec<JudgingLayer>,
    /// Components that judge no more.
    pub(super) layers_dropped: Vec<JudgingLayer>,
    /// Settings with another value.
    pub(super) settings: Vec<HistorySetting>,
    /// The floors that were off before, if others are off now.
    pub(super) floors_off_before: Option<Vec<String>>,
}

/// A setting with another value. A setting that the policy does not have is null.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicySetting")]
pub(crate) struct HistorySetting {
    pub(super) key: String,
    pub(super) old: Value,
    pub(super) new: Value,
}

impl History {
    /// At most `limit` records, those before the one that begins at `before`.
    pub(super) fn find(log: &LogView, before: Option<u64>, limit: usize) -> Result<Self, Problem> {
        if let Some(before) = before
            && log.judged_by(before)?.is_none_or(|record| record.since != before)
        {
            let advice = "before: no record of the policy begins there; use `next` of the previous page.";
            return Err(Problem::parameter("before", advice));
        }
        let found = log.judged_before(before, limit.saturating_add(1))?;
        let ends = std::iter::once(before).chain(found.iter().map(|record| Some(record.since)));
        let older = found.iter().skip(1).map(Some).chain([None]);
        let record = |((record, until), older)| HistoryRecord { until, ..HistoryRecord::new(record, older) };
        let records: Vec<_> = found.iter().zip(ends).zip(older).take(limit).map(record).collect();
        let next = records.last().filter(|_| found.len() > records.len()).map(|last| last.since);
        Ok(Self { records, next })
    }
}

impl HistoryRecord {
    fn new(record: &JudgedBy, older: Option<&JudgedBy>) -> Self {
        Self {
            since: record.since,
            until: None,
            layers: record.layers.clone(),
            settings_version: record.settings_version,
            activated: record.configured.is_some(),
            floors_off: floors_off(record),
            changes: older.map(|older| HistoryChanges::between(older, record)),
        }
    }
}

impl HistoryChanges {
    fn between(old: &JudgedBy, new: &JudgedBy) -> Self {
        let only = |these: &JudgedBy, those: &JudgedBy| -> Vec<_> {
            these.layers.iter().filter(|layer| !those.layers.contains(layer)).cloned().collect()
        };
        let keys: BTreeSet<_> = old.settings.keys().chain(new.settings.keys()).collect();
        let value = |record: &JudgedBy, key: &String| record.settings.get(key).cloned().unwrap_or(Value::Unset);
        let settings = keys.into_iter().map(|key| {
            let (old, new) = (value(old, key), value(new, key));
            HistorySetting { key: key.clone(), old, new }
        });
        Self {
            layers_added: only(new, old),
            layers_dropped: only(old, new),
            settings: settings.filter(|setting| setting.old != setting.new).collect(),
            floors_off_before: (old.floors != new.floors).then(|| floors_off(old)),
        }
    }

    /// Whether neither layers nor settings are different.
    pub(super) fn is_empty(&self) -> bool {
        let Self { layers_added, layers_dropped, settings, floors_off_before } = self;
        layers_added.is_empty() && layers_dropped.is_empty() && settings.is_empty() && floors_off_before.is_none()
    }
}

/// The floors that are off, as the configuration file names them.
fn floors_off(record: &JudgedBy) -> Vec<String> {
    let tenants = record.floors.policy_rules_tenants.then(|| "policy_rules_tenants".to_owned());
    tenants.into_iter().chain(record.floors.masks_off.iter().map(|mask| format!("masks_off {mask}"))).collect()
}
