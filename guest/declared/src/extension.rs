//! The declarations as an extension over a policy.

use mcp_audit_log_policy_sdk::prelude::*;

use crate::domain::parse;
use crate::tables::{Rule as ActionRule, Tables};

/// An extension that is declared.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredExtension;
export_extension!(DeclaredExtension);

impl Extension for DeclaredExtension {
    fn declares() -> ExtensionManifest {
        let tables = Tables::read();
        ExtensionManifest {
            name: tables.text("name"),
            version: tables.text("version"),
            summary: tables.text("summary"),
            modules: tables.texts("modules"),
            groups: tables.groups(),
            access: access(&tables),
            settings: tables.settings(),
            filters: tables.filters(),
            actions: tables.actions(),
            masks: tables.masks(),
            depends: tables.depends(&[]),
            ..ExtensionManifest::default()
        }
    }

    fn amend(settings: &[Setting], event: &Event, verdict: &Verdict) -> Option<Amendment> {
        Self::amend_all(settings, std::slice::from_ref(event), std::slice::from_ref(verdict)).pop()
    }

    fn amend_all(settings: &[Setting], events: &[Event], verdicts: &[Verdict]) -> Vec<Amendment> {
        let tables = Tables::read();
        let (rules, payloads) = (tables.rules(), tables.payloads(settings));
        let amended = (0..).zip(events.iter().zip(verdicts)).filter_map(|(at, (event, verdict))| {
            let (action, affected) = ActionRule::first(&rules, event).unzip();
            let is_kept = matches!(verdict.payload, PayloadDecision::Keep(_));
            let payload = payloads.as_ref().filter(|_| is_kept).map(|payloads| payloads.decision(event));
            (action.is_some() || payload.is_some()).then(|| Amendment {
                event: at,
                action: action.map(str::to_owned),
                affected: affected.flatten(),
                payload,
                ..Amendment::default()
            })
        });
        amended.collect()
    }
}

/// What the own groups see beside what the layers below show, and what all viewers see only.
fn access(tables: &Tables) -> Vec<AccessLine> {
    let permissions = tables.of("group").into_iter().filter_map(|group| {
        Some(AccessLine {
            effect: AccessEffect::Permission,
            group: group.text("name"),
            rights: group.texts("rights"),
            domain: parse(group.json("sees")?),
        })
    });
    let restrictions = tables.of("restriction").into_iter().filter_map(|line| {
        let group = line.text("group");
        Some(restriction(group.as_deref(), parse(line.json("sees")?)))
    });
    permissions.chain(restrictions).collect()
}
