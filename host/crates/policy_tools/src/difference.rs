//! What is different between two policies, in words: declarations, grants, plans, and the verdicts on the golden events.

use std::collections::BTreeSet;

use mcp_audit_log_model::event::Event;
use mcp_audit_log_sandbox::Policy;
use serde::Serialize;

use crate::golden;
use crate::inspect::{GroupInspection, LayerInspection, NamedText, PolicyInspection, inspect};
use crate::judging::{judge_each, payloads_on};
use crate::shown;

/// How many golden events a difference names.
const EXAMPLES: usize = 3;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyDifference {
    /// What it is about: `group`, `setting`, `verdicts`.
    pub part: &'static str,
    /// It, in a sentence.
    pub text: String,
}

/// What `new` has otherwise than `old`.
pub fn differences(old: &Policy, new: &Policy) -> Vec<PolicyDifference> {
    let mut found = Differences::default();
    let (before, after) = (inspect(old), inspect(new));
    found.layers(&before, &after);
    found.groups(&before.groups, &after.groups);
    for (part, old, new) in [
        ("setting", &before.settings, &after.settings),
        ("filter", &before.filters, &after.filters),
        ("cron", &before.crons, &after.crons),
        ("action", &before.actions, &after.actions),
        ("mask", &before.masks, &after.masks),
    ] {
        found.named(part, old, new);
    }
    if before.retention != after.retention {
        found.add("retention", format!("deletes {} → {}", before.retention, after.retention));
    }
    found.verdicts(old, new);
    found.0
}

#[derive(Default)]
struct Differences(Vec<PolicyDifference>);

impl Differences {
    fn add(&mut self, part: &'static str, text: impl Into<String>) {
        self.0.push(PolicyDifference { part, text: text.into() });
    }

    fn layers(&mut self, old: &PolicyInspection, new: &PolicyInspection) {
        let title = |layer: &LayerInspection| format!("{} {} ({})", layer.name, layer.version, layer.digest);
        let [old_base, new_base] = [old, new].map(|inspection| &inspection.layers[..1]);
        for (old, new) in old_base.iter().zip(new_base) {
            if title(old) != title(new) {
                self.add("policy", format!("{} → {}", title(old), title(new)));
            }
            self.layer(old, new);
        }
        let of = |layers: &PolicyInspection| layers.layers.iter().skip(1).cloned().collect::<Vec<_>>();
        let (old_layers, new_layers) = (of(old), of(new));
        for layer in &new_layers {
            match old_layers.iter().find(|other| other.name == layer.name) {
                None => self.added_layer(layer),
                Some(other) => {
                    if title(other) != title(layer) {
                        self.add("extension", format!("{} → {}", title(other), title(layer)));
                    }
                    self.layer(other, layer);
                }
            }
        }
        for gone in old_layers.iter().filter(|layer| new_layers.iter().all(|other| other.name != layer.name)) {
            self.add("extension", format!("{} is gone", title(gone)));
        }
        for (part, old, new) in
            [("override", &old.overrides, &new.overrides), ("widening", &old.widenings, &new.widenings)]
        {
            for text in new.iter().filter(|text| !old.contains(text)) {
                self.add(part, text.clone());
            }
            for text in old.iter().filter(|text| !new.contains(text)) {
                self.add(part, format!("no longer: {text}"));
            }
        }
    }

    fn added_layer(&mut self, layer: &LayerInspection) {
        self.add("extension", format!("{} {} is added ({})", layer.name, layer.version, layer.digest));
        for line in layer.access.iter().chain(&layer.keeping) {
            self.add("extension", format!("{}: {line}", layer.name));
        }
    }

    fn layer(&mut self, old: &LayerInspection, new: &LayerInspection) {
        let name = &new.name;
        if old.contract != new.contract {
            self.add("contract", format!("{name}: {} → {}", old.contract, new.contract));
        }
        if old.interest != new.interest {
            let all = |interest: &Option<String>| interest.clone().unwrap_or("all events".to_owned());
            self.add("interest", format!("{name}: {} → {}", all(&old.interest), all(&new.interest)));
        }
        for (old, new) in old.depends.iter().zip(&new.depends).filter(|(old, new)| old != new) {
            let all = |reads: &Option<String>| reads.clone().unwrap_or("everything, about each event".to_owned());
            self.add("depends", format!("{name} reads of {}: {} → {}", new.channel, all(&old.reads), all(&new.reads)));
        }
        for (old, new) in [(&old.access, &new.access), (&old.keeping, &new.keeping)] {
            new.iter()
                .filter(|line| !old.contains(line))
                .for_each(|line| self.add("access", format!("{name}: {line}")));
            let gone = old.iter().filter(|line| !new.contains(line));
            gone.for_each(|line| self.add("access", format!("{name}, no longer: {line}")));
        }
    }

    fn groups(&mut self, old: &[GroupInspection], new: &[GroupInspection]) {
        for group in new {
            let name = &group.name;
            let Some(before) = old.iter().find(|other| other.name == *name) else {
                let rights = group.rights.as_deref().map_or("-".to_owned(), shown::list);
                let rule = group.rule.as_deref().unwrap_or("nothing");
                let implies = if group.implies.is_empty() {
                    String::new()
                } else {
                    format!(", implies {}", shown::list(&group.implies))
                };
                self.add("group", format!("{name} is added: rights {rights}{implies}, sees {rule}"));
                continue;
            };
            if before.label != group.label {
                self.add("group", format!("{name} is labelled {:?} → {:?}", before.label, group.label));
            }
            if before.implies != group.implies {
                let (before, after) = (shown::list(&before.implies), shown::list(&group.implies));
                self.add("group", format!("{name} implies {before} → {after}"));
            }
            self.rights(before, group);
            self.rules(before, group);
        }
        for gone in old.iter().filter(|group| new.iter().all(|other| other.name != group.name)) {
            self.add("group", format!("{} is gone; tokens with it lose what it gave", gone.name));
        }
    }

    fn rules(&mut self, old: &GroupInspection, new: &GroupInspection) {
        let nothing = |rule: &Option<String>| rule.clone().unwrap_or("nothing".to_owned());
        let (rule, usage_rule) = ((&old.rule, &new.rule), (&old.usage_rule, &new.usage_rule));
        let both = [("sees and counts", rule)];
        let each = [("sees", rule), ("counts", usage_rule)];
        for (what, (before, after)) in if rule == usage_rule { &both[..] } else { &each[..] } {
            if before != after {
                self.add("record rule", format!("{} {what} {} → {}", new.name, nothing(before), nothing(after)));
            }
        }
    }

    fn rights(&mut self, old: &GroupInspection, new: &GroupInspection) {
        let set = |group: &GroupInspection| group.rights.iter().flatten().copied().collect::<BTreeSet<_>>();
        let (before, after) = (set(old), set(new));
        for right in after.difference(&before) {
            self.add("right", format!("{right} is given to {}", new.name));
        }
        for right in before.difference(&after) {
            self.add("right", format!("{right} is taken from {}", new.name));
        }
    }

    fn named(&mut self, part: &'static str, old: &[NamedText], new: &[NamedText]) {
        for NamedText { name, text } in new {
            match old.iter().find(|other| other.name == *name) {
                None => self.add(part, format!("{name} is added: {text}")),
                Some(before) if before.text != *text => self.add(part, format!("{name}: {} → {text}", before.text)),
                Some(_) => {}
            }
        }
        for gone in old.iter().filter(|one| new.iter().all(|other| other.name != one.name)) {
            self.add(part, format!("{} is gone", gone.name));
        }
    }

    /// The golden events that are judged otherwise, with the payload switch on.
    fn verdicts(&mut self, old: &Policy, new: &Policy) {
        let events = golden::events();
        let all: Vec<&Event> = events.iter().map(|golden| &golden.event).collect();
        let judged = |policy: &Policy| {
            judge_each(policy, &payloads_on(policy), &all, &Default::default(), policy.layers().len())
        };
        let (before, after) = (judged(old), judged(new));
        let masks = [old, new].map(|policy| policy.manifest().masks.as_slice());
        let mut examples = Vec::new();
        for ((golden, before), after) in events.iter().zip(before).zip(after) {
            let different = match (&before, &after) {
                (Ok(before), Ok(after)) => shown::verdict_difference(before, after, masks),
                (Err(_), Err(_)) => Vec::new(),
                (Ok(_), Err(fault)) => vec![format!("{} fails: {}", fault.layer, fault.fault)],
                (Err(fault), Ok(_)) => vec![format!("{} no longer fails: {}", fault.layer, fault.fault)],
            };
            if !different.is_empty() {
                examples.push(format!("{}: {}", golden.name, different.join("; ")));
            }
        }
        let (count, all) = (examples.len(), events.len());
        if count > 0 {
            self.add("verdicts", format!("{count} of {all} golden events are judged otherwise"));
        }
        examples.truncate(EXAMPLES);
        examples.into_iter().for_each(|example| self.add("verdicts", example));
    }
}
