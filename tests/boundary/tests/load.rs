//! A file that is not a valid policy is refused before it judges anything, with a reason that helps.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::policy::{CONTRACTS, Limits, LoadError, Policy};
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_boundary_tests as evil;

fn refusal(component: &[u8]) -> LoadError {
    Policy::load(component, Limits::default(), Timestamp::from_micros(0)).expect_err("refused")
}

#[test]
fn a_component_that_imports_anything_is_refused_with_the_imports_named() {
    let error = refusal(evil::IMPORTS);
    assert!(matches!(&error, LoadError::Imports(names) if names.len() == 1), "{error}");
    assert!(error.to_string().contains("wasi:clocks/monotonic-clock@0.2"), "{error}");
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
