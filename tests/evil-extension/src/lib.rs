//! An extension that misbehaves as the target of an event selects (`evil:MODE`), so that tests can check the host's
//! boundary. For other events it changes nothing.

/// The code that wit-bindgen generates from the contract.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "audit-extension" });

    #[cfg(target_arch = "wasm32")]
    use super::EvilExtension;
    #[cfg(target_arch = "wasm32")]
    export!(EvilExtension with_types_in self);
}

use std::hint::black_box;

use bindings::exports::mcp_audit_log::policy::extension::{
    Amendment, ChangeEdit, ChangeEffect, ExtensionManifest, Guest, Keeping,
};
use bindings::mcp_audit_log::policy::types::{
    Dependencies, Event, Fact, Group, KeepPayload, PayloadDecision, Setting, Value, Verdict,
};

/// The extension.
#[derive(Clone, Copy, Debug)]
pub struct EvilExtension;

impl Guest for EvilExtension {
    fn declares() -> ExtensionManifest {
        let implies = if cfg!(feature = "widens-silently") { vec!["auditor".to_owned()] } else { Vec::new() };
        let widens = if cfg!(feature = "widens-payloads") { vec!["payloads".to_owned()] } else { Vec::new() };
        ExtensionManifest {
            name: "evil".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: String::new(),
            modules: Vec::new(),
            groups: vec![Group { name: "evil".to_owned(), label: String::new(), implies }],
            access: Vec::new(),
            settings: Vec::new(),
            filters: Vec::new(),
            crons: Vec::new(),
            actions: Vec::new(),
            masks: Vec::new(),
            keeping: Keeping { entries_days: None, payloads_days: None, usage_days: None },
            depends: depends(),
            interest: Vec::new(),
            widens,
        }
    }

    fn amend(_: Vec<Setting>, events: Vec<Event>, _: Vec<Verdict>) -> Vec<Amendment> {
        (0..).zip(&events).flat_map(|(at, event)| one(at, event)).collect()
    }
}

/// The mode of a build that misbehaves on every event. Tests write a name over the hyphens of a built component.
static BUILT_IN: [u8; 40] = *b"evil-mode:------------------------------";

fn built_in() -> &'static str {
    let name = black_box(&BUILT_IN).get(10..).unwrap_or_default();
    std::str::from_utf8(name).unwrap_or_default().trim_end_matches('-')
}

fn depends() -> Vec<Dependencies> {
    let line = Dependencies {
        channels: vec!["mcp".to_owned()],
        fields: vec!["method".to_owned()],
        facts: Vec::new(),
        arguments: Vec::new(),
    };
    if built_in() == "undeclared" { vec![line] } else { Vec::new() }
}

fn one(at: u32, event: &Event) -> Vec<Amendment> {
    let chosen = event.target.as_deref().and_then(|target| target.strip_prefix("evil:"));
    let mode = chosen.unwrap_or(built_in());
    let none = nothing(at);
    let keep = |masks| PayloadDecision::Keep(KeepPayload { masks, max_bytes: u32::MAX });
    match mode {
        "panic" => panicked(),
        "spin" => loop {
            std::hint::black_box(());
        },
        "twice" => vec![none.clone(), none],
        "beyond" => vec![Amendment { event: u32::MAX, ..none }],
        "no-name" => vec![Amendment { action: Some(" ".to_owned()), ..none }],
        "bad-mask" => vec![Amendment { payload: Some(keep(vec!["no such mask".to_owned()])), ..none }],
        "widen" => vec![Amendment { payload: Some(keep(Vec::new())), ..none }],
        "undeclared" if event.user.is_some() => vec![Amendment { action: Some("evil.known".to_owned()), ..none }],
        "rename" => vec![Amendment { action: Some("evil.renamed".to_owned()), ..none }],
        "facts" => vec![Amendment { facts: ["sent_by", "provider", "fault"].map(fact).into(), ..none }],
        "drop" => vec![Amendment { changes: ["retention_days", "no_such"].map(dropped).into(), ..none }],
        _ => Vec::new(),
    }
}

#[allow(clippy::panic, reason = "this is the point")]
fn panicked() -> Vec<Amendment> {
    panic!("evil")
}

fn nothing(event: u32) -> Amendment {
    Amendment {
        event,
        action: None,
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes: Vec::new(),
        payload: None,
    }
}

fn fact(name: &str) -> Fact {
    Fact { name: name.to_owned(), value: Value::Text("forged".to_owned()) }
}

fn dropped(field: &str) -> ChangeEdit {
    ChangeEdit { field: field.to_owned(), effect: ChangeEffect::Drop }
}
