//! `policy check` finds each typical mistake in a policy that makes it, under the right rule, and finds none in a
//! policy without mistakes.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_policy_tools::cases;
use mcp_audit_log_policy_tools::check::{CheckReport, CheckRule, check};

const NOW: Timestamp = Timestamp::EPOCH;

fn load(component: &[u8]) -> Policy {
    Policy::load(component, Limits::default(), NOW).expect("a policy")
}

fn builtin(extensions: &[&[u8]]) -> Policy {
    let policy = Policy::builtin(Limits::default(), NOW).expect("the default policy");
    let extensions: Vec<_> = extensions.iter().map(|one| one.to_vec()).collect();
    policy.extended(&extensions, NOW).expect("extended")
}

fn mistaken(mode: &str) -> CheckReport {
    check(&load(&evil::mistaken(evil::POLICY_0_7, mode).expect("a mode")))
}

/// One line for each finding: the rule, the layer and the observation.
fn lines(report: &CheckReport) -> String {
    let line =
        |rule: CheckRule, layer: &str, what: &str, witness: &str| format!("{rule} {layer}: {what} ({witness})\n");
    report.findings.iter().map(|one| line(one.rule, &one.layer, &one.what, &one.witness)).collect()
}

#[test]
fn policies_without_mistakes_have_no_findings() {
    for (name, policy) in [
        ("default", builtin(&[])),
        ("vendor", load(evil::VENDOR)),
        ("extended", builtin(&[evil::IBAN, evil::DELIVERIES])),
        ("decent", load(evil::POLICY_0_7)),
        ("decent under 0.6", load(evil::POLICY)),
    ] {
        let report = check(&policy);
        assert_eq!(lines(&report), "", "{name}");
        assert!(report.events > 290 && report.viewers > 0 && report.settings > 5 && report.fuel_p99 > 0, "{name}");
    }
}

/// A built-in mistake, the rule that it breaks, and words of the finding.
const MISTAKES: &[(&str, CheckRule, &str)] = &[
    ("panic", CheckRule::JudgeAnswers, "instruction executed in mcp_audit_log_evil_policy::fault::panic, called by"),
    ("spin", CheckRule::JudgeAnswers, "judge fails (fuel)"),
    ("too-few", CheckRule::JudgeAnswers, "0 verdicts for 1 events"),
    ("long-action", CheckRule::JudgeAnswers, "judge fails (result)"),
    ("remembers", CheckRule::JudgeBatch, "another verdict in another batch"),
    ("undeclared", CheckRule::Depends, "it reads the field user of mcp, which `depends` does not declare"),
    ("bad-action", CheckRule::ActionName, "\"Evil things were judged\""),
    ("widen", CheckRule::PayloadSwitch, "while log_payloads is off"),
    ("keep-all", CheckRule::PayloadOauth, "keeps the payload of an OAuth exchange"),
    ("overwrite", CheckRule::HostFacts, "the fact \"sent_by\""),
    ("leak", CheckRule::Secrets, "a secret stands in model or record_id (a password)"),
    ("mask-all", CheckRule::MaskHarmless, "the mask \"all\""),
    ("implies-unknown", CheckRule::GroupDeclared, "the group chief implies nowhere"),
    ("forgot-implies", CheckRule::GroupImplies, "chief implies clerk and lacks its read"),
    ("bad-domain", CheckRule::AccessAnswers, "lacks its operand"),
    ("grant-all", CheckRule::RightUnknown, "it grants \"fly\", which is no right"),
    ("no-read", CheckRule::RightNeedsRead, "it gives read-payloads without read"),
    ("grant-all", CheckRule::TenantConfigure, "configure to a viewer of a tenant"),
    ("grant-all", CheckRule::ViewerUnnamed, "a user \"\" with the group clerk"),
    ("grant-all", CheckRule::ViewerUngrouped, "sees entries of others"),
    ("future-retention", CheckRule::RetentionAnswers, "deletes in the future"),
    ("early-retention", CheckRule::RetentionEarly, "delete entries earlier"),
    ("divides", CheckRule::SettingValues, "judge fails where evil_share is \"0\""),
    ("slow", CheckRule::Fuel, "fuel at p99, above 1"),
    ("hungry", CheckRule::Memory, "at p99, above 16"),
];

#[test]
fn each_typical_mistake_is_found_by_its_rule() {
    for (mode, rule, words) in MISTAKES {
        let report = mistaken(mode);
        let lines = lines(&report);
        let found = lines.lines().any(|line| line.starts_with(&format!("{rule} ")) && line.contains(*words));
        assert!(found, "{mode}: {rule} with {words:?} is not among\n{lines}");
        assert!(report.findings.iter().all(|finding| !finding.advice.is_empty()), "{mode}");
    }
    for rule in CheckRule::ALL {
        assert!(MISTAKES.iter().any(|(_, broken, _)| broken == rule), "no policy here breaks {rule}");
    }
}

/// The events of `check` may all be others than the one that an author has in mind.
#[test]
fn a_case_whose_verdict_depends_on_an_undeclared_part_is_reported() {
    let policy = load(&evil::mistaken(evil::POLICY_0_7, "undeclared").expect("a mode"));
    let case = serde_json::json!({ "event": { "channel": "mcp", "method": "tools/call", "user": "uma" } });
    let done = cases::run(&policy, &case, &mut cases::Touched::default()).expect("it runs");
    let [found] = done.undeclared.as_slice() else { panic!("{:?}", done.undeclared) };
    let words = "it reads the field user of mcp, which `depends` does not declare, so this verdict was made without it";
    assert!(found.differences[0].starts_with(words), "{found:?}");
    let done = cases::run(&builtin(&[]), &case, &mut cases::Touched::default()).expect("it runs");
    assert_eq!(done.undeclared, []);
}

/// It fails only where payloads are kept, so under no default setting and under each value of each setting.
#[test]
fn an_unknown_mask_is_one_finding_that_names_the_declared_ones() {
    let report = mistaken("keep-unknown");
    let lines = lines(&report);
    assert!(lines.contains("unknown mask \"no such mask\"; the manifest declares: "), "{lines}");
    assert!(report.findings.iter().all(|finding| finding.rule == CheckRule::JudgeAnswers), "{lines}");
}

#[test]
fn a_finding_names_the_layer_that_brings_it_in() {
    let extension = |mode| evil::mistaken(evil::EXTENSION, mode).expect("a mode");
    for (mode, expected) in [
        ("panic", "judge-answers evil: amend fails (trap)"),
        ("undeclared", "depends evil: it reads the field user of mcp"),
    ] {
        let report = check(&builtin(&[&extension(mode), evil::IBAN]));
        assert!(lines(&report).contains(expected), "{mode}: {}", lines(&report));
        assert!(report.findings.iter().all(|finding| finding.layer == "evil"), "{mode}: {}", lines(&report));
    }
    // What the policy does is not the extension's.
    let policy = load(&evil::mistaken(evil::POLICY_0_7, "bad-action").expect("a mode"));
    let policy = policy.extended(&[evil::IBAN.to_vec()], NOW).expect("extended");
    assert!(check(&policy).findings.iter().all(|finding| finding.layer == "mcp-audit-log-evil-policy"));
}
