//! Verdicts, grants and declarations as texts for reports.

use std::fmt::Display;

use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::depends::{Dependencies, DependencyNames};
use mcp_audit_log_contract::manifest::SettingField;
use mcp_audit_log_filter::DomainToken;
use mcp_audit_log_model::format::cut;
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_sandbox::{Affected, Change, Keep, Plan, Policy, Verdict};

/// The longest value that a report quotes, in characters.
const LONGEST: usize = 120;

/// A policy with its extensions.
pub(crate) fn title(policy: &Policy) -> String {
    let extensions = policy.extensions();
    let titles = std::iter::once(policy.title()).chain(extensions.iter().map(|extension| extension.title()));
    titles.collect::<Vec<_>>().join(", ")
}

/// The parts of a verdict, in the order of reports.
const PARTS: [&str; 7] = ["action", "affected", "model", "record_id", "facts", "changes", "payload"];

/// Items with commas between them; `-` where there is none.
pub fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "-".to_owned() } else { items.join(", ") }
}

/// A text, quoted, and cut where it is long.
pub fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, LONGEST))
}

/// A domain as it is declared, in the JSON form.
pub fn tokens(tokens: &[DomainToken]) -> String {
    let tokens: Vec<_> = tokens.iter().map(ToString::to_string).collect();
    format!("[{}]", tokens.join(", "))
}

/// Names of rights.
pub fn rights<'a>(rights: impl IntoIterator<Item = &'a Right>) -> String {
    let held: Vec<_> = rights.into_iter().collect();
    list(Right::names().filter(|(right, _)| held.contains(&right)).map(|(_, name)| name))
}

/// What is read of an event.
pub fn reads(depends: &Dependencies) -> String {
    let mut parts = vec![list(depends.fields.iter())];
    for (what, names) in [("facts", &depends.facts), ("arguments", &depends.arguments)] {
        if !names.is_empty() {
            parts.push(format!("{what} {}", self::names(names)));
        }
    }
    parts.join("; ")
}

fn names(names: &DependencyNames) -> String {
    if names.all { "*".to_owned() } else { list(&names.names) }
}

/// The default of a setting and what is allowed.
pub fn setting(field: &SettingField) -> String {
    format!("{}, {}", quoted_value(&field.default.to_string()), field.allowed())
}

fn quoted_value(text: &str) -> String {
    if text.is_empty() { "\"\"".to_owned() } else { cut(text, LONGEST).into_owned() }
}

/// What a mask hides.
pub fn mask(mask: &Mask) -> String {
    let patterns: Vec<_> = mask.patterns().map(quoted).collect();
    format!("keys {}; patterns {}", list(mask.keys()), list(patterns))
}

/// What is kept of a payload. Masks go by the names that `masks` has for them.
pub fn keep(keep: Option<&Keep>, masks: &[Mask]) -> String {
    let Some(Keep { masks: own, max_bytes }) = keep else { return "not kept".to_owned() };
    let names = own.iter().filter_map(|at| masks.get(*at)).map(|mask| mask.name.as_str());
    format!("kept up to {max_bytes} bytes, masks {}", list(names))
}

/// What a plan deletes, in days before `now`.
pub fn plan(plan: &Plan, now: Timestamp) -> String {
    let days = |moment: Option<Timestamp>| match moment {
        Some(moment) => format!("after {} days", (now.as_micros() - moment.as_micros()) / DAY),
        None => "never".to_owned(),
    };
    format!(
        "entries {}, payloads {}, usage {}",
        days(plan.entries_before),
        days(plan.payloads_before),
        days(plan.usage_before)
    )
}

/// Each part of a verdict that is something, with its name.
pub fn verdict(verdict: &Verdict, masks: &[Mask]) -> Vec<(&'static str, String)> {
    let Verdict { action, affected, model, record_id, facts, changes, keep, faults: _ } = verdict;
    let facts = facts.iter().map(|(name, value)| format!("{name}={}", quoted(&value.to_string())));
    let facts: Vec<_> = facts.collect();
    let changes: Vec<_> = changes.iter().map(change).collect();
    let parts = [
        ("action", Some(quoted(action))),
        ("affected", affected.as_ref().map(self::affected)),
        ("model", model.as_deref().map(quoted)),
        ("record_id", record_id.as_deref().map(quoted)),
        ("facts", (!facts.is_empty()).then(|| list(facts))),
        ("changes", (!changes.is_empty()).then(|| list(changes))),
        ("payload", Some(self::keep(keep.as_ref(), masks))),
    ];
    parts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// Each part that is different, from the first to the second.
pub fn verdict_difference(from: &Verdict, to: &Verdict, masks: [&[Mask]; 2]) -> Vec<String> {
    let (from, to) = (verdict(from, masks[0]), verdict(to, masks[1]));
    let of = |parts: &[(&str, String)], name: &str| {
        parts.iter().find(|(part, _)| *part == name).map_or("-".to_owned(), |(_, text)| text.clone())
    };
    let different = PARTS.into_iter().filter(|name| of(&from, name) != of(&to, name));
    different.map(|name| format!("{name} {} → {}", of(&from, name), of(&to, name))).collect()
}

fn affected(affected: &Affected) -> String {
    let Affected { kind, id, name } = affected;
    let or_dash = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), quoted);
    format!("{} {} {}", quoted(kind), or_dash(id), or_dash(name))
}

fn change(change: &Change) -> String {
    let Change { field, old, new } = change;
    format!("{}: {} to {}", quoted(field), quoted(&old.to_string()), quoted(&new.to_string()))
}
