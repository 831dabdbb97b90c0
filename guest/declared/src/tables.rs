//! The declarations, in the contract's types.

use mcp_audit_log_policy_sdk::contract::{
    Action, Affected, Dependencies, Domain, Event, Group, Mask, PayloadDecision, SavedFilter, Setting, SettingField,
    SettingType, Value,
};
use mcp_audit_log_policy_sdk::declare::{CHANNELS, owned};
use mcp_audit_log_policy_sdk::settings::integer;
use mcp_audit_log_policy_sdk::verdict::by_name;

use crate::domain::{fields, matches, parse};
use crate::object::{Object, value};

/// The declarations.
pub(crate) struct Tables(Object<'static>);

/// An action, and the events that it is about.
pub(crate) struct Rule {
    action: String,
    when: Domain,
    affected: Option<String>,
}

/// Which payloads are kept, and how.
pub(crate) struct Payloads {
    when: Domain,
    masks: Vec<String>,
    kib: i64,
}

impl Tables {
    pub(crate) fn read() -> Self {
        Self(Object::of(crate::declarations()))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.0.text(name).unwrap_or_default()
    }

    #[cfg(feature = "extension")]
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.0.texts(name)
    }

    pub(crate) fn of(&self, name: &str) -> Vec<Object<'static>> {
        self.0.objects(name)
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        let group = |group: Object<'_>| Group {
            name: group.text("name").unwrap_or_default(),
            label: group.text("label").unwrap_or_default(),
            implies: group.texts("implies"),
        };
        self.of("group").into_iter().map(group).collect()
    }

    pub(crate) fn settings(&self) -> Vec<SettingField> {
        let setting = |setting: Object<'_>| {
            let default = setting.json("default").map_or(Value::Unset, value);
            SettingField {
                key: setting.text("key").unwrap_or_default(),
                label: setting.text("label").unwrap_or_default(),
                help: setting.text("help").unwrap_or_default(),
                kind: match default {
                    Value::Boolean(_) => SettingType::Boolean,
                    Value::Integer(_) => SettingType::Integer,
                    Value::Text(_) | Value::Unset => SettingType::Text,
                },
                default,
                minimum: setting.integer("minimum"),
                maximum: setting.integer("maximum"),
            }
        };
        self.of("setting").into_iter().map(setting).collect()
    }

    pub(crate) fn filters(&self) -> Vec<SavedFilter> {
        let filter = |filter: Object<'_>| SavedFilter {
            name: filter.text("name").unwrap_or_default(),
            label: filter.text("label").unwrap_or_default(),
            domain: filter.json("domain").map(parse).unwrap_or_default(),
        };
        self.of("filter").into_iter().map(filter).collect()
    }

    pub(crate) fn actions(&self) -> Vec<Action> {
        let action = |action: Object<'_>| Action {
            name: action.text("name").unwrap_or_default(),
            label: action.text("label").unwrap_or_default(),
        };
        self.of("action").into_iter().map(action).collect()
    }

    pub(crate) fn masks(&self) -> Vec<Mask> {
        let mask = |mask: Object<'_>| Mask {
            name: mask.text("name").unwrap_or_default(),
            keys: mask.texts("keys"),
            patterns: mask.texts("patterns"),
        };
        self.of("mask").into_iter().map(mask).collect()
    }

    /// The actions that have events, in their order.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let rule = |action: Object<'_>| {
            let when = parse(action.json("when")?);
            Some(Rule { action: action.text("name")?, when, affected: action.text("affected") })
        };
        self.of("action").into_iter().filter_map(rule).collect()
    }

    /// `None`: the declarations say nothing about payloads.
    pub(crate) fn payloads(&self, settings: &[Setting]) -> Option<Payloads> {
        let payload = Object::of(self.0.json("payload")?);
        let by_setting = payload.text("kib_setting").and_then(|key| integer(settings, &key));
        Some(Payloads {
            when: payload.json("when").map(parse).unwrap_or_default(),
            masks: payload.texts("masks"),
            kib: by_setting.or(payload.integer("kib")).unwrap_or(64),
        })
    }

    /// What is read of events: what the domains name, and what `more` is.
    pub(crate) fn depends(&self, more: &[&str]) -> Vec<Dependencies> {
        let (rules, payloads) = (self.rules(), self.payloads(&[]));
        let mut read: Vec<&str> = more.to_vec();
        let domains = rules.iter().map(|rule| &rule.when).chain(payloads.iter().map(|payloads| &payloads.when));
        read.extend(domains.flat_map(fields));
        if rules.iter().any(|rule| rule.affected.is_some()) {
            read.push("target");
        }
        read.sort_unstable();
        read.dedup();
        vec![Dependencies { channels: owned(CHANNELS), fields: owned(&read), facts: Vec::new(), arguments: Vec::new() }]
    }
}

impl Rule {
    /// The first rule about an event: its action, and what is affected.
    pub(crate) fn first<'a>(rules: &'a [Self], event: &Event) -> Option<(&'a str, Option<Affected>)> {
        let rule = rules.iter().find(|rule| matches(&rule.when, event))?;
        let affected = rule.affected.as_deref().and_then(|kind| by_name(kind, event.target.as_deref()));
        Some((&rule.action, affected))
    }
}

impl Payloads {
    pub(crate) fn decision(&self, event: &Event) -> PayloadDecision {
        if !matches(&self.when, event) {
            return PayloadDecision::None;
        }
        let kib = u32::try_from(self.kib).unwrap_or(1);
        let keep = mcp_audit_log_policy_sdk::contract::KeepPayload {
            masks: self.masks.clone(),
            max_bytes: kib.saturating_mul(1_024),
        };
        PayloadDecision::Keep(keep)
    }
}
