//! The policies of a bundle, each loaded once, with the settings of a record.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::judged_by::{Floors, JudgedBy};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_ledger::{BundlePayload, JudgementRecord};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Event, Payload};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Fault, FaultKind, Limits, Policy, Verdict};
use serde::Serialize;
use serde_json::Value as Json;

use super::compare::{RejudgeResult, RejudgedEntry, difference};
use super::event::{ARGUMENTS, missing, remade_with};
use crate::explain::sees;
use crate::recorded::Unheld;
use crate::remade::{had_payload, remade_event};

/// How many policies are loaded; a forged bundle may name thousands.
const POLICIES: usize = 64;
/// How many calls may burn all their fuel, some 40 milliseconds each.
const BURNED: usize = 100;

/// What judged, as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejudgeRecord {
    /// The `seq` of the first entry.
    pub since: u64,
    /// The digest of the record, as the log's entries name it.
    pub digest: String,
    /// The components with their versions and digests; only digests where they are not loaded.
    pub components: String,
    /// The settings in the bundle.
    pub settings: BTreeMap<String, Value>,
}

type Loaded = Result<Rc<Policy>, (RejudgeResult, String)>;

/// Loads policies as they are needed.
pub(super) struct Judges<'a> {
    components: &'a BTreeMap<String, Vec<u8>>,
    now: Timestamp,
    loaded: HashMap<(Vec<String>, bool, Vec<String>), Loaded>,
    /// What judged the entries so far; the last one judges the next entry too, as a rule.
    records: Vec<RejudgeRecord>,
    judge: Option<Judge>,
    burned: usize,
}

/// A policy and the settings of a record.
pub(super) struct Judge {
    digest: String,
    layers: Vec<String>,
    policy: Loaded,
    settings: Settings,
    /// How many calls burned their fuel, in all.
    burned: usize,
}

impl<'a> Judges<'a> {
    pub(super) fn new(components: &'a BTreeMap<String, Vec<u8>>, now: Timestamp) -> Self {
        Self { components, now, loaded: HashMap::new(), records: Vec::new(), judge: None, burned: 0 }
    }

    /// The judge of a record.
    pub(super) fn of(&mut self, since: u64, record: &JudgementRecord) -> &mut Judge {
        let is_next = self.records.last().is_none_or(|last| last.since != since);
        let judge = self.judge.take().filter(|_| !is_next);
        self.burned = self.burned.max(judge.as_ref().map_or(0, |judge| judge.burned));
        let judge = judge.unwrap_or_else(|| self.begin(since, record));
        self.judge.insert(judge)
    }

    fn begin(&mut self, since: u64, record: &JudgementRecord) -> Judge {
        let key = (record.layers.clone(), record.policy_rules_tenants, record.masks_off.clone());
        let policy = match self.loaded.get(&key) {
            Some(loaded) => loaded.clone(),
            None if self.loaded.len() >= POLICIES => {
                Err((RejudgeResult::NotJudged, format!("it is by more than {POLICIES} policies")))
            }
            None => self.loaded.entry(key).or_insert_with(|| load(self.components, record, self.now)).clone(),
        };
        let components = match &policy {
            Ok(policy) => JudgedBy { layers: policy.stack(), ..JudgedBy::default() }.title(),
            Err(_) => record.layers.join(", "),
        };
        let digest = record.digest();
        let settings = record.settings.clone();
        self.records.push(RejudgeRecord { since, digest: digest.clone(), components, settings });
        let fields = policy.as_ref().map(|policy| policy.manifest().settings.clone()).unwrap_or_default();
        let settings = Settings::load(&fields, &record.settings);
        let is_as_declared = settings.iter().eq(record.settings.iter().map(|(key, value)| (key.as_str(), value)));
        let policy = policy.and_then(|policy| match is_as_declared {
            true => Ok(policy),
            false => {
                let why = "the settings in the bundle are not those that the policy declares";
                Err((RejudgeResult::Wrong, why.to_owned()))
            }
        });
        Judge { digest, layers: record.layers.clone(), policy, settings, burned: self.burned }
    }

    pub(super) fn finish(self) -> Vec<RejudgeRecord> {
        self.records
    }
}

/// Loads the components of a record, compiled anew, within the host's limits.
fn load(components: &BTreeMap<String, Vec<u8>>, record: &JudgementRecord, now: Timestamp) -> Loaded {
    let found = |digest: &String| {
        components.get(digest).cloned().ok_or_else(|| {
            (RejudgeResult::Wrong, format!("the component {digest}, which judged it, is missing in the bundle"))
        })
    };
    let mut found = record.layers.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err((RejudgeResult::Wrong, "the bundle names no component that judged it".to_owned()));
    }
    let extensions = found.split_off(1);
    let refused = |error| (RejudgeResult::NotJudged, format!("this program refuses the policy: {error}"));
    let policy = Policy::load(&found.concat(), Limits::default(), now);
    let policy = policy.and_then(|policy| match extensions.is_empty() {
        true => Ok(policy),
        false => policy.extended(&extensions, now),
    });
    let policy = policy.map_err(refused)?;
    let floors = Floors { policy_rules_tenants: record.policy_rules_tenants, masks_off: record.masks_off.clone() };
    let policy = policy.on(&floors).never_resting();
    let order: Vec<_> = policy.stack().into_iter().map(|layer| layer.digest).collect();
    match order == record.layers {
        true => Ok(Rc::new(policy)),
        false => {
            Err((RejudgeResult::Wrong, "the extensions in the bundle are in another order than theirs".to_owned()))
        }
    }
}

impl Judge {
    /// The digest of the record.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether the rule of then showed the entry to the viewer; `None` where it cannot be asked.
    pub(super) fn sees(&mut self, viewer: &Viewer, entry: &Entry) -> Option<bool> {
        let policy = self.policy.as_ref().ok().filter(|_| self.burned < BURNED)?;
        match policy.try_access(&self.settings, viewer, entry.recorded_at) {
            Ok(grant) => Some(sees(&grant, entry)),
            // A policy that fails denies.
            Err(fault) => {
                self.burned += usize::from(fault.kind == FaultKind::Fuel);
                Some(false)
            }
        }
    }

    /// Judges the event of an entry, and compares.
    pub(super) fn judge(&mut self, entry: &Entry, payload: Option<&BundlePayload>, since: u64) -> RejudgedEntry {
        let not_judged =
            |(result, why): (RejudgeResult, String)| RejudgedEntry::not_judged(entry, Some(since), result, why);
        let policy = match &self.policy {
            Ok(policy) => Rc::clone(policy),
            Err(why) => return not_judged(why.clone()),
        };
        if let Some(kind @ ("resting" | "host")) = entry.text(Field::Fault) {
            let why = format!("the policy was not asked then, or the host failed ({kind})");
            return not_judged((RejudgeResult::NotJudged, why));
        }
        if let Some(digest) = self.other_component(entry) {
            let why = format!("the entry itself names the component {digest}, which the bundle has not as its judge");
            return not_judged((RejudgeResult::Wrong, why));
        }
        // Whatever the event was: with the switch off, no verdict keeps a payload.
        if had_payload(entry) && !self.settings.log_payloads() {
            let unlike = Unheld::new("payload", Some("kept"), Some("not kept: the switch is off"));
            return RejudgedEntry::compared(entry, since, Vec::new(), Some(unlike));
        }
        let (event, has_arguments) = remade_with(entry, payload);
        let reads = policy.declared(event.channel, policy.layers().len());
        let mut missing = missing(entry, &event, has_arguments, reads.as_ref());
        // Where no payload was kept, the event may have had one all the same.
        let may_have_had = self.settings.log_payloads() && !had_payload(entry);
        let other = may_have_had.then(|| Event { payload: Some(Payload::default()), ..event.clone() });
        // An embedder may pass other arguments than those in the body.
        let plain = Some(remade_event(entry)).filter(|plain| plain.arguments != event.arguments);
        let mut found = None;
        for (event, is_plain) in [(Some(event), false), (other, false), (plain, true)]
            .into_iter()
            .filter_map(|(event, is)| Some((event?, is)))
        {
            if self.burned >= BURNED {
                let why = format!("policies of the bundle burned all their fuel {BURNED} times");
                return not_judged((RejudgeResult::NotJudged, why));
            }
            match (self.unlike(&policy, entry, payload, event), is_plain) {
                (None, false) => return RejudgedEntry::compared(entry, since, missing, None),
                (None, true) if !missing.contains(&ARGUMENTS) => missing.push(ARGUMENTS),
                (unlike, _) => found = found.or(unlike),
            }
        }
        RejudgedEntry::compared(entry, since, missing, found)
    }

    /// The first difference of this event's judgement from the entry's.
    fn unlike(
        &mut self,
        policy: &Policy,
        entry: &Entry,
        payload: Option<&BundlePayload>,
        event: Event,
    ) -> Option<Unheld> {
        let recorded = entry.text(Field::Fault);
        let verdict = policy.judge(&self.settings, &[event]).pop();
        let fault = verdict.as_ref().and_then(fault);
        self.burned += usize::from(fault == Some(FaultKind::Fuel));
        let again = fault.map(FaultKind::as_str);
        match verdict {
            _ if again != recorded => Some(Unheld::new("fault", recorded, again)),
            Some(Ok(verdict)) => difference(entry, payload, &verdict, policy),
            Some(Err(_)) | None => None,
        }
    }

    /// A component that the entry itself names, and which is not among these. An entry names those that failed on it.
    fn other_component(&self, entry: &Entry) -> Option<String> {
        let named = entry.text(Field::Fault).and_then(|_| entry.details.get("policy_digest")).and_then(Json::as_str)?;
        named.split(", ").find(|digest| !self.layers.iter().any(|layer| layer == digest)).map(str::to_owned)
    }
}

/// How the policy, or the first extension, failed.
fn fault(verdict: &Result<Arc<Verdict>, Fault>) -> Option<FaultKind> {
    match verdict {
        Err(fault) => Some(fault.kind),
        Ok(verdict) => verdict.faults.first().map(|one| one.fault.kind),
    }
}
