//! The declarations as a whole policy.

use mcp_audit_log_policy_sdk::prelude::*;

use crate::domain::parse;
use crate::tables::{Rule as ActionRule, Tables};

/// A policy that is declared.
#[derive(Clone, Copy, Debug)]
pub struct Declared;

#[cfg(feature = "policy")]
export_policy!(Declared);

impl Policy for Declared {
    fn manifest() -> PolicyManifest {
        let tables = Tables::read();
        let mut settings = tables.settings();
        // What every policy declares, unless it is declared otherwise.
        for (at, field) in [log_payloads(), retention_days(90)].into_iter().enumerate() {
            if settings.iter().all(|other| other.key != field.key) {
                settings.insert(at.min(settings.len()), field);
            }
        }
        PolicyManifest {
            name: tables.text("name"),
            version: tables.text("version"),
            summary: tables.text("summary"),
            groups: tables.groups(),
            settings,
            filters: tables.filters(),
            actions: tables.actions(),
            masks: tables.masks(),
            depends: tables.depends(&["channel", "method", "has-payload"]),
            ..PolicyManifest::default()
        }
    }

    fn rule(settings: &[Setting], event: &Event) -> Verdict {
        let mut verdicts = Self::judge(settings, std::slice::from_ref(event));
        verdicts.remove(0)
    }

    fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
        let tables = Tables::read();
        let rules = tables.rules();
        let payloads = tables.payloads(settings).filter(|_| is_on(settings, LOG_PAYLOADS));
        let judged = |(at, event): (u32, &Event)| {
            let verdict = match ActionRule::first(&rules, event) {
                Some((action, affected)) => Verdict { affected, ..called(action) },
                None => called(other(event)),
            };
            let payload = payloads.as_ref().filter(|_| event.has_payload).map(|payloads| payloads.decision(event));
            Verdict { event: at, payload: payload.unwrap_or(PayloadDecision::None), ..verdict }
        };
        (0..).zip(events).map(judged).collect()
    }

    fn access(_: &[Setting], viewer: &Viewer) -> Grant {
        let tables = Tables::read();
        let (groups, objects) = (tables.groups(), tables.of("group"));
        let mut held: Vec<&str> =
            groups.iter().map(|group| group.name.as_str()).filter(|name| viewer.has(name)).collect();
        let mut next = 0;
        while let Some(name) = held.get(next) {
            let implied = groups.iter().filter(|group| group.name == *name).flat_map(|group| &group.implies);
            let new: Vec<_> = implied.map(String::as_str).filter(|name| !held.contains(name)).collect();
            held.extend(new);
            next += 1;
        }
        let (mut rights, mut rules) = (Vec::new(), Vec::new());
        for (group, object) in groups.iter().zip(&objects).filter(|(group, _)| held.contains(&group.name.as_str())) {
            for right in object.texts("rights") {
                // A viewer of one tenant must not decide for the others.
                let is_refused = viewer.instance.is_some() && right == Right::Configure.name();
                if !is_refused && !rights.contains(&right) {
                    rights.push(right);
                }
            }
            rules.extend(object.json("sees").map(|sees| (group, parse(sees))));
        }
        let rules = any_of(rules.into_iter().map(|(_, rule)| rule));
        let rule = all_of([same_instance(viewer), known_by_name(viewer), rules]);
        let of = |right: Right| if rights.contains(&right.name()) { rule.clone() } else { never() };
        let (rule, usage_rule) = (of(Right::Read), of(Right::ReadUsage));
        Grant { rights, rule, usage_rule }
    }
}

/// The action of an event that no rule is about: its method, where the platform or the log names the action by it.
fn other(event: &Event) -> String {
    let named = event.method.as_deref().filter(|method| is_action(method));
    match named.filter(|_| matches!(event.channel.as_str(), "admin" | "system")) {
        Some(method) => method.to_owned(),
        None => format!("{}.recorded", event.channel),
    }
}
