//! Which policy and which settings judged an entry.

use std::collections::BTreeMap;

use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What judges all entries from one `seq` on, until the next record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedBy {
    /// The `seq` of the first entry.
    pub since: u64,
    /// The policy, and then its extensions from the bottom up.
    pub layers: Vec<JudgingLayer>,
    /// Counts changes of the settings: two records with the same number have the same settings.
    pub settings_version: u64,
    /// Every declared setting with its value.
    pub settings: BTreeMap<String, Value>,
    /// The floors that were off.
    pub floors: Floors,
    /// `None` where the start named the layers. Where they were activated later: the digests that the start named, in
    /// order.
    pub configured: Option<Vec<String>>,
}

/// The floors below every policy that the operator's file turns off. By default none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floors {
    /// The policy alone keeps tenants apart.
    pub policy_rules_tenants: bool,
    /// Names of the host's own masks that do not go over what is kept.
    pub masks_off: Vec<String>,
}

/// A component that judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgingLayer {
    /// SHA-256 of the component, as `sha256:` and hex. The log's folder has the component under this name.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The contract that it was built against.
    pub contract: String,
}

/// A record that comes into force within a batch of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedByChange {
    /// How many entries of the batch come before it.
    pub after: usize,
    /// The record. The store gives it its `seq` and its version of the settings.
    pub record: JudgedBy,
}

/// What is different since a policy took the place of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicySwap {
    /// The components that judge now: the policy, and then its extensions from the bottom up.
    pub layers: Vec<JudgingLayer>,
    /// Settings that the policy before did not have.
    pub settings_added: Vec<String>,
    /// Settings that this policy does not have. Their values stay stored.
    pub settings_dropped: Vec<String>,
    /// Added settings with a stored value from an earlier time, which is in force again.
    pub settings_back: Vec<String>,
    /// Groups that the policy before did not have.
    pub groups_added: Vec<String>,
    /// Groups that this policy does not have: they give nothing any more.
    pub groups_dropped: Vec<String>,
    /// Tokens with one of the added groups, as their user and connection: they may have more rights than before.
    pub tokens_gaining: Vec<String>,
    /// The declared widenings of extensions that did not judge before, in sentences.
    pub widenings: Vec<String>,
}

impl JudgedBy {
    /// The layers with their versions and digests, for people.
    pub fn title(&self) -> String {
        let title = |layer: &JudgingLayer| format!("{} {} ({})", layer.name, layer.version, layer.digest);
        self.layers.iter().map(title).collect::<Vec<_>>().join(", ")
    }

    /// The digests of the layers, in order.
    pub fn digests(&self) -> Vec<String> {
        self.layers.iter().map(|layer| layer.digest.clone()).collect()
    }

    /// The same record behind `newest`, from `since` on; `None` where nothing differs.
    pub fn behind(&self, newest: Option<&Self>, since: u64) -> Option<Self> {
        let Some(newest) = newest else { return Some(Self { since, settings_version: 1, ..self.clone() }) };
        let more = u64::from(newest.settings != self.settings);
        let next = Self { since, settings_version: newest.settings_version + more, ..self.clone() };
        (next != Self { since, ..newest.clone() }).then_some(next)
    }
}
