//! A file that is not a valid policy is refused before it judges anything, with a reason that helps.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::policy::{CONTRACTS, FaultKind, Limits, LoadError, Policy};
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_boundary_tests as evil;

fn refusal(component: &[u8]) -> LoadError {
    Policy::load(component, Limits::default(), Timestamp::from_micros(0)).expect_err("refused")
}

#[test]
fn a_component_that_imports_anything_but_wasi_is_refused_with_the_imports_named() {
    let text = r#"(component
        (import "acme:net/socket@1.0.0" (instance (export "open" (func))))
        (import "log" (func (param "line" string)))
        (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func)))))"#;
    let error = refusal(&wat::parse_str(text).expect("a component"));
    let LoadError::Imports(names) = &error else { panic!("{error}") };
    assert_eq!(names, &["acme:net/socket@1.0.0", "log"]);
    assert!(error.to_string().contains("imports acme:net/socket@1.0.0, log;"), "{error}");
}

#[test]
fn a_component_with_wasi_imports_judges_and_a_call_of_one_is_a_fault_of_that_call() {
    let policy = Policy::load(evil::IMPORTS, Limits::default(), Timestamp::EPOCH).expect("loaded");
    let settings = Settings::load(&policy.manifest().settings, &Default::default());
    let event = |target: &str| {
        let target = Some(Target::Tool(target.to_owned()));
        Event { target, ..Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok) }
    };
    let verdicts = policy.judge(&settings, &[event("a"), event("evil:panic"), event("b")]);
    assert!(verdicts[0].is_ok() && verdicts[2].is_ok(), "{verdicts:?}");
    let fault = verdicts[1].as_ref().expect_err("it called the clock");
    assert_eq!(fault.kind, FaultKind::Trap);
    let words = ["it may not call wasi:clocks/monotonic-clock@0.2", "#now in mcp_audit_log_evil_policy::"];
    assert!(words.iter().all(|words| fault.message.contains(words)), "{fault}");
}

/// A message may quote an event, and `fault` of an entry is metadata.
#[test]
fn the_message_of_a_panic_is_shown_to_an_author_and_never_to_the_log() {
    let message = "tests/evil/src/fault.rs:";
    let policy = Policy::load(evil::POLICY_0_7, Limits::default(), Timestamp::EPOCH).expect("loaded");
    let settings = Settings::load(&policy.manifest().settings, &Default::default());
    let event = Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let event = Event { target: Some(Target::Tool("evil:panic".to_owned())), ..event };
    let judged =
        |policy: &Policy| policy.judge(&settings, std::slice::from_ref(&event)).remove(0).expect_err("a panic");
    let recorded = judged(&policy).message;
    assert!(recorded.contains("evil_policy::fault::panic") && !recorded.contains(message), "{recorded}");
    let shown = judged(&policy.showing_panics()).message;
    assert!(shown.contains(message) && shown.contains(": evil (wasm trap: wasm `unreachable`"), "{shown}");
    let refused = refusal(evil::MANIFEST_PANIC).to_string();
    assert!(refused.contains(message), "a manifest sees no event: {refused}");
}

#[test]
fn a_file_that_is_not_a_component_is_refused() {
    let component: &[u8] = evil::POLICY;
    for bytes in [&b""[..], b"hello", b"\0asm\x01\0\0\0", &component[..component.len() / 2]] {
        assert!(matches!(refusal(bytes), LoadError::NotAComponent(_)));
    }
    let limits = Limits { component_bytes: 100, ..Limits::default() };
    let large = Policy::load(component, limits, Timestamp::from_micros(0)).expect_err("too large");
    assert!(matches!(large, LoadError::TooLarge { limit: 100, .. }));
}

/// A component that exports an instance without functions under this name.
fn exporting(name: &str) -> Vec<u8> {
    let text = format!(r#"(component (instance $none) (export "{name}" (instance $none)))"#);
    wat::parse_str(text).expect("a component")
}

#[test]
fn a_refused_contract_names_the_exported_and_the_supported_ones() {
    let error = refusal(&exporting("mcp-audit-log:policy/policy@0.5.0"));
    assert!(matches!(error, LoadError::Contract(_)));
    assert_eq!(
        error.to_string(),
        "the component exports mcp-audit-log:policy/policy@0.5.0; a policy exports mcp-audit-log:policy/policy@0.7.0 or \
         mcp-audit-log:policy/policy@0.6.0; build it again with wit/policy.wit"
    );
    assert!(refusal(b"\0asm\x0d\0\x01\0").to_string().starts_with("the component exports nothing; a policy exports"));
    for contract in CONTRACTS {
        let error = refusal(&exporting(contract));
        assert!(matches!(error, LoadError::Interface { contract: named, .. } if named == contract), "{error}");
    }
}

#[test]
fn a_failing_or_invalid_manifest_is_refused() {
    for (component, reason) in [
        (evil::MANIFEST_PANIC, "failed in manifest (trap)"),
        (evil::MANIFEST_SPIN, "failed in manifest (fuel)"),
        (evil::MANIFEST_BAD_CRON, "is not a schedule"),
        (evil::MANIFEST_BAD_DOMAIN, "lacks its operand"),
        (evil::MANIFEST_EMPTY, "a name is empty"),
    ] {
        let error = refusal(component).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_component_with_single_bytes_flipped_never_takes_the_host_down() {
    let step = evil::POLICY.len() / 97;
    for at in (0..evil::POLICY.len()).step_by(step) {
        let mut bytes = evil::POLICY.to_vec();
        bytes[at] ^= 0x15;
        // Either way is right; what counts is that there is an answer.
        let _ = Policy::load(&bytes, Limits::default(), Timestamp::from_micros(0));
    }
}
