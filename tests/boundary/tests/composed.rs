//! Components that consist of other components can be loaded, and all their memories count.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::policy::{FaultKind, Limits, LoadError, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_boundary_tests as evil;
use wasm_encoder::{ComponentBuilder, ComponentExportKind};

const CONTRACT: &str = "mcp-audit-log:policy/policy@0.6.0";

/// Two components with this many pages of memory each; one calls the other with a text when it is created.
fn pair(pages: u32) -> Vec<u8> {
    let text = format!(
        r#"(component
            (component $callee
                (core module $m
                    (memory (export "memory") {pages})
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                    (func (export "length") (param i32 i32) (result i32) local.get 1))
                (core instance $i (instantiate $m))
                (func (export "length") (param "text" string) (result u32)
                    (canon lift (core func $i "length") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
            (component $caller
                (import "length" (func $length (param "text" string) (result u32)))
                (core module $memory (memory (export "memory") {pages}))
                (core instance $memory (instantiate $memory))
                (core func $lowered (canon lower (func $length) (memory (core memory $memory "memory"))))
                (core module $m
                    (import "" "length" (func $length (param i32 i32) (result i32)))
                    (import "" "memory" (memory 1))
                    (data (i32.const 0) "hello")
                    (func $start
                        i32.const 0 i32.const 5 call $length
                        i32.const 5 i32.ne if unreachable end)
                    (start $start))
                (core instance (instantiate $m (with "" (instance
                    (export "length" (func $lowered))
                    (export "memory" (memory $memory "memory")))))))
            (instance $callee (instantiate $callee))
            (instance (instantiate $caller (with "length" (func $callee "length")))))"#
    );
    wat::parse_str(text).expect("a component")
}

/// A policy beside such a pair, in one component.
fn composed(pages: u32) -> Vec<u8> {
    let mut whole = ComponentBuilder::default();
    for (name, component) in [("pair", pair(pages)), ("policy", evil::POLICY.to_vec())] {
        let component = whole.component_raw(Some(name), &component);
        let none: [(&str, ComponentExportKind, u32); 0] = [];
        let instance = whole.instantiate(Some(name), component, none);
        if name == "policy" {
            let policy = whole.alias_export(instance, CONTRACT, ComponentExportKind::Instance);
            whole.export(CONTRACT, ComponentExportKind::Instance, policy, None);
        }
    }
    whole.finish()
}

#[test]
fn composed_components_load_and_judge() {
    let policy = Policy::load(&composed(1), Limits::default(), Timestamp::EPOCH).expect("it loads");
    let event = Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let settings = Settings::load(&policy.manifest().settings, &Default::default());
    let verdict = policy.judge(&settings, &[event]).remove(0).expect("judged");
    assert_eq!(verdict.action, "evil.judged");
}

#[test]
fn all_memories_of_composed_components_count() {
    // 2 × 300 × 64 KiB is more than 32 MiB, one alone is not.
    match Policy::load(&composed(300), Limits::default(), Timestamp::EPOCH) {
        Err(LoadError::Fault(fault)) => assert_eq!(fault.kind, FaultKind::Memory, "{fault}"),
        other => panic!("{other:?}"),
    }
}
