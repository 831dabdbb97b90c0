//! Why an entry is called as it is, and why its payload was kept or not: the judgement made again, layer by layer.

use mcp_audit_log_contract::depends::Dependencies;
use mcp_audit_log_contract::settings::{LOG_PAYLOADS, SettingChange, Settings};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Event, Kind, Payload};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::bytes;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Keep, LayerFault, Policy, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::ExplainOptions;
use crate::remade::{had_payload, remade_event};
use crate::shown;

/// Why an entry has its action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NameExplanation {
    /// The recorded action.
    pub action: Option<String>,
    /// The action that the policy gives when it is asked again; absent if it fails.
    pub again: Option<String>,
    /// The layer that gives it: the policy's name, or that of an extension.
    pub named_by: Option<String>,
    /// The policy and extensions that judged the entry, if they are known and others are active now.
    pub judged_by: Option<String>,
    /// All of it in sentences.
    pub text: Vec<String>,
}

/// Why an entry has a payload or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PayloadExplanation {
    /// Whether one is kept.
    pub kept: bool,
    /// The reason, in a word.
    pub reason: PayloadReason,
    /// The layer that decides so when it is asked again.
    pub layer: Option<String>,
    /// All of it in sentences.
    pub text: Vec<String>,
}

/// The reason for a payload, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadReason {
    /// The switch was on, and the policy keeps it.
    Kept,
    /// It was kept, and was erased or deleted by the retention.
    Removed,
    /// There was no random salt.
    NoSalt,
    /// A layer failed on the event.
    Fault,
    /// The intent of a strictly recorded call has none; the end of the call may.
    Intent,
    /// A layer keeps none for such an event.
    Policy,
    /// The payload switch is off.
    Switch,
    /// The switch was off when it was recorded, or there was no body.
    Absent,
}

/// An event judged once more, by the policy alone and then with each extension.
pub(super) struct Again<'a> {
    policy: &'a Policy,
    /// Whether it is the one that judged then, and not the active one.
    is_policy_then: bool,
    /// Those under which it was judged, or the present ones.
    settings: &'a Settings,
    are_settings_known: bool,
    entry: &'a Entry,
    event: Event,
    names: Vec<String>,
}

impl<'a> Again<'a> {
    pub(super) fn new(
        active: &'a Policy,
        settings: &'a Settings,
        entry: &'a Entry,
        options: &ExplainOptions<'a>,
    ) -> Self {
        let policy = options.policy_then.unwrap_or(active);
        let is_policy_then = options.policy_then.is_some();
        let are_settings_known = options.settings_then.is_some();
        let settings = options.settings_then.unwrap_or(settings);
        let names = std::iter::once(policy.manifest().name.clone());
        let names = names.chain(policy.layers().map(|layer| layer.name.clone())).collect();
        Self { policy, is_policy_then, settings, are_settings_known, entry, event: remade_event(entry), names }
    }

    /// The verdict after each layer, from the bottom up; it ends with the first fault.
    fn verdicts(&self, settings: &Settings, event: &Event) -> Vec<Result<Verdict, LayerFault>> {
        let mut verdicts = Vec::new();
        for layers in 0..self.names.len() {
            let judged = self.policy.try_judge(settings, &[event], &Dependencies::default(), layers).verdicts;
            // One event has one verdict.
            let Some(verdict) = judged.map(|all| all.into_iter().next()).transpose() else { break };
            let is_fault = verdict.is_err();
            verdicts.push(verdict);
            if is_fault {
                break;
            }
        }
        verdicts
    }

    pub(super) fn name(&self, judged_by: Option<String>) -> NameExplanation {
        let action = self.entry.text(Field::Action).map(str::to_owned);
        let verdicts = self.verdicts(self.settings, &self.event);
        let actions: Vec<_> = verdicts.iter().flatten().map(|verdict| verdict.action.as_str()).collect();
        let failed = verdicts.iter().find_map(|verdict| verdict.as_ref().err());
        let again = actions.last().filter(|_| failed.is_none()).copied();
        // The last layer that changed it.
        let at = again.map(|last| actions.iter().rposition(|other| *other != last).map_or(0, |before| before + 1));
        let named_by = at.and_then(|at| self.names.get(at)).cloned();
        let mut text = Vec::new();
        let recorded = action.as_deref().unwrap_or("no action");
        match self.recorded_fault() {
            Some((kind, message)) => text.push(format!(
                "It was recorded as {recorded} because a layer of the policy failed on it ({kind}{message})."
            )),
            None => text.push(format!("It is called {recorded}.")),
        }
        match (again, &named_by, failed) {
            (Some(again), Some(layer), _) => {
                let agrees = action.as_deref() == Some(again);
                let called = if agrees { "gives this name".to_owned() } else { format!("would call it {again} now") };
                let what = if at == Some(0) { "The policy" } else { "The extension" };
                let below = at.filter(|at| *at > 0).and_then(|at| actions.get(at - 1));
                let below = below.map_or(String::new(), |below| format!("; without it, it would be {below}"));
                text.push(format!("{what} {layer} {called}: {}{below}.", self.facts()));
                if !agrees && self.recorded_fault().is_none() {
                    text.push(
                        "So another policy named it, or the name depends on something that entries do not hold, such \
                         as the arguments of a call."
                            .to_owned(),
                    );
                }
            }
            (.., Some(fault)) => {
                text.push(format!("The policy cannot judge it again: {} fails ({}).", fault.layer, fault.fault));
            }
            _ => {}
        }
        if let Some(judged_by) = &judged_by {
            text.push(match self.is_policy_then {
                true => format!("It was judged by {judged_by}, which is not active now, and was asked again."),
                false => format!("It was judged by {judged_by}; here {} was asked again.", shown::title(self.policy)),
            });
        }
        NameExplanation { action, again: again.map(str::to_owned), named_by, judged_by, text }
    }

    /// What a name is mostly made of.
    fn facts(&self) -> String {
        let of = |field: Field| Some(format!("{} {}", field.label().to_lowercase(), self.entry.text(field)?));
        let fields =
            [Field::Channel, Field::Kind, Field::Method, Field::Tool, Field::Prompt, Field::ResourceUri, Field::Server];
        let facts: Vec<_> = fields.into_iter().filter_map(of).collect();
        if facts.is_empty() { "it knows nothing about it".to_owned() } else { facts.join(", ") }
    }

    /// The failure that the entry reports, and its message after a colon.
    fn recorded_fault(&self) -> Option<(&str, String)> {
        let kind = self.entry.text(Field::Fault)?;
        let message = self.entry.details.get("fault").and_then(Json::as_str);
        Some((kind, message.map_or(String::new(), |message| format!(": {}", shown::quoted(message)))))
    }

    pub(super) fn payload(&self) -> PayloadExplanation {
        let on = SettingChange { key: LOG_PAYLOADS.to_owned(), old: Value::Unset, new: true.into() };
        let event = Event { payload: Some(Payload::default()), ..self.event.clone() };
        let verdicts = self.verdicts(&self.settings.with(&[on]), &event);
        let keeps: Vec<_> =
            verdicts.iter().map(|verdict| verdict.as_ref().ok().and_then(|one| one.keep.as_ref())).collect();
        let last = keeps.last().copied().flatten();
        // The last layer that changed the decision.
        let at = keeps.iter().rposition(|keep| *keep != last).map_or(0, |before| before + 1);
        let layer = self.names.get(at).cloned();
        let by = layer.as_deref().unwrap_or_default();
        let kept = |keep: Option<&Keep>| match keep {
            Some(keep) => {
                let masks = keep.masks.iter().filter_map(|at| self.policy.manifest().masks.get(*at));
                let masks = masks.map(|mask| mask.name.as_str()).collect::<Vec<_>>();
                let masks =
                    if masks.is_empty() { String::new() } else { format!(", under the masks {}", masks.join(", ")) };
                format!(
                    "{by} keeps up to {} of each body{masks}, and the host's own masks apply",
                    bytes(keep.max_bytes as u64)
                )
            }
            None => format!("{by} keeps none for such an event"),
        };
        let (reason, text) = if self.entry.has_payload {
            (PayloadReason::Kept, format!("It is kept: payload logging was on, and {}.", kept(last)))
        } else if had_payload(self.entry) {
            let gone = "It was kept, and was erased or deleted by the retention since. The commitment still proves its content.";
            (PayloadReason::Removed, gone.to_owned())
        } else if let Some(why) = self.entry.details.get("payload_dropped").and_then(Json::as_str) {
            (PayloadReason::NoSalt, format!("It was dropped: {why}."))
        } else if let Some((kind, _)) = self.recorded_fault() {
            (
                PayloadReason::Fault,
                format!("A layer of the policy failed on the event ({kind}), so only metadata was recorded."),
            )
        } else if self.event.kind == Kind::Intent {
            let intent = "It is the intent of a strictly recorded call. The bodies belong to the entry about its end.";
            (PayloadReason::Intent, intent.to_owned())
        } else if last.is_none() {
            (PayloadReason::Policy, format!("It is not kept: {}, also with payload logging on.", kept(None)))
        } else if !self.settings.log_payloads() {
            let off = if self.are_settings_known { "was off when this was recorded" } else { "is off" };
            (PayloadReason::Switch, format!("It is not kept: payload logging {off}. With it on, {}.", kept(last)))
        } else {
            let why = match self.are_settings_known {
                true => "there was no body, although payload logging was on",
                false => "payload logging was off when this was recorded, or there was no body",
            };
            (PayloadReason::Absent, format!("It is not kept: {why}. Of a body, {}.", kept(last)))
        };
        PayloadExplanation { kept: self.entry.has_payload, reason, layer, text: vec![text] }
    }
}
