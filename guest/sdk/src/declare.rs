//! Short forms of what a manifest declares.

use crate::contract::{
    AccessEffect, AccessLine, Action, Amendment, Cron, Dependencies, Domain, ExtensionManifest, Group, KeepPayload,
    Keeping, Mask, PayloadDecision, PolicyManifest, SavedFilter, SettingField, SettingType, Value,
};
use crate::security::Right;
use crate::settings::{LOG_PAYLOADS, RETENTION_DAYS};

/// All channels: where an event comes in.
pub const CHANNELS: &[&str] = &["mcp", "stdio", "oauth", "api", "admin", "system"];

/// A hundred years: long enough for any law, short enough to be a date.
pub const MAXIMUM_DAYS: i64 = 36_500;

/// A group; holding it is holding every group of `implies`.
pub fn group(name: &str, label: &str, implies: &[&str]) -> Group {
    Group { name: name.to_owned(), label: label.to_owned(), implies: owned(implies) }
}

/// A switch that is off by default.
pub fn switch(key: &str, label: &str, help: &str) -> SettingField {
    setting(key, label, help, SettingType::Boolean, Value::Boolean(false))
}

/// A whole number with its default and its range.
pub fn number(key: &str, label: &str, help: &str, default: i64, (least, most): (i64, i64)) -> SettingField {
    let field = setting(key, label, help, SettingType::Integer, Value::Integer(default));
    SettingField { minimum: Some(least), maximum: Some(most), ..field }
}

fn setting(key: &str, label: &str, help: &str, kind: SettingType, default: Value) -> SettingField {
    let [key, label, help] = [key, label, help].map(str::to_owned);
    SettingField { key, label, help, kind, default, minimum: None, maximum: None }
}

/// The switch for payloads, which every policy declares.
pub fn log_payloads() -> SettingField {
    switch(LOG_PAYLOADS, "Log request and response payloads", "Off: only metadata is recorded.")
}

/// The period that entries are kept, which every policy declares.
pub fn retention_days(default: i64) -> SettingField {
    let help = "The daily cleanup deletes older entries.";
    number(RETENTION_DAYS, "Retention (days)", help, default, (1, MAXIMUM_DAYS))
}

/// A quick filter that the pages offer by its label.
pub fn filter(name: &str, label: &str, domain: Domain) -> SavedFilter {
    SavedFilter { name: name.to_owned(), label: label.to_owned(), domain }
}

/// The daily cleanup, at a quiet hour, and off the full hour when most jobs start.
pub fn cleanup(name: &str) -> Cron {
    Cron { name: name.to_owned(), schedule: "17 3 * * *".to_owned(), job: "retention".to_owned() }
}

/// An action and its label.
pub fn action(name: &str, label: &str) -> Action {
    Action { name: name.to_owned(), label: label.to_owned() }
}

/// What is hidden of a payload: the values of keys that end so, and what a pattern matches.
pub fn mask(name: &str, keys: &[&str], patterns: &[&str]) -> Mask {
    Mask { name: name.to_owned(), keys: owned(keys), patterns: owned(patterns) }
}

/// What is read of the events of some channels: fields, and no fact or argument. Fill those in where they are read.
pub fn reads(channels: &[&str], fields: &[&str]) -> Dependencies {
    Dependencies { channels: owned(channels), fields: owned(fields), facts: Vec::new(), arguments: Vec::new() }
}

/// Keeps the payload up to this size in bytes, under these masks and the host's.
pub fn keep(masks: &[&str], max_bytes: u32) -> PayloadDecision {
    PayloadDecision::Keep(KeepPayload { masks: owned(masks), max_bytes })
}

/// Holders of an extension's own group get these rights, and see the entries of the domain beside those of other layers.
pub fn permission(group: &str, rights: &[Right], domain: Domain) -> AccessLine {
    line(AccessEffect::Permission, Some(group), rights, domain)
}

/// Holders of a group, or all viewers where there is none, see only entries and figures of the domain.
pub fn restriction(group: Option<&str>, domain: Domain) -> AccessLine {
    line(AccessEffect::Restriction, group, &[Right::Read, Right::ReadUsage], domain)
}

fn line(effect: AccessEffect, group: Option<&str>, rights: &[Right], domain: Domain) -> AccessLine {
    let rights = rights.iter().map(|right| right.name()).collect();
    AccessLine { effect, group: group.map(str::to_owned), rights, domain }
}

/// Names as the contract wants them.
pub fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Nothing is declared but the settings that every policy has, and the daily cleanup.
impl Default for PolicyManifest {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            groups: Vec::new(),
            settings: vec![log_payloads(), retention_days(90)],
            filters: Vec::new(),
            crons: vec![cleanup("Cleanup")],
            actions: Vec::new(),
            masks: Vec::new(),
            depends: Vec::new(),
        }
    }
}

impl Default for ExtensionManifest {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            modules: Vec::new(),
            groups: Vec::new(),
            access: Vec::new(),
            settings: Vec::new(),
            filters: Vec::new(),
            crons: Vec::new(),
            actions: Vec::new(),
            masks: Vec::new(),
            keeping: Keeping { entries_days: None, payloads_days: None, usage_days: None },
            depends: Vec::new(),
            interest: Vec::new(),
            widens: Vec::new(),
        }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for Amendment {
    fn default() -> Self {
        Self {
            event: 0,
            action: None,
            affected: None,
            model: None,
            record_id: None,
            facts: Vec::new(),
            changes: Vec::new(),
            payload: None,
        }
    }
}
