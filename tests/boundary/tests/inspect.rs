//! `policy inspect` shows the declarations of each layer, and describes the differences between two policies.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_policy_tools::cases::{Touched, run};
use mcp_audit_log_policy_tools::difference::differences;
use mcp_audit_log_policy_tools::inspect::inspect;
use serde_json::json;

const NOW: Timestamp = Timestamp::EPOCH;

fn load(component: &[u8]) -> Policy {
    Policy::load(component, Limits::default(), NOW).expect("a policy")
}

fn builtin(extensions: &[&[u8]]) -> Policy {
    let policy = Policy::builtin(Limits::default(), NOW).expect("the default policy");
    let extensions: Vec<_> = extensions.iter().map(|one| one.to_vec()).collect();
    policy.extended(&extensions, NOW).expect("extended")
}

fn mistaken(mode: &str) -> Policy {
    load(&evil::mistaken(evil::POLICY_0_7, mode).expect("a mode"))
}

/// `part: text` of each difference.
fn told(old: &Policy, new: &Policy) -> Vec<String> {
    differences(old, new).into_iter().map(|one| format!("{}: {}", one.part, one.text)).collect()
}

#[test]
fn all_layers_are_shown_with_what_each_declares() {
    let shown = inspect(&builtin(&[evil::IBAN, evil::DELIVERIES]));
    let names: Vec<_> = shown.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names[1..], ["deliveries", "iban"]);
    let [base, deliveries, iban] = &shown.layers[..] else { unreachable!("three layers") };
    assert_eq!((base.contract, deliveries.bytes), ("mcp-audit-log:policy/policy@0.7.0", evil::DELIVERIES.len()));
    assert!(base.digest.starts_with("sha256:") && base.digest != iban.digest);
    let mcp = base.depends.iter().find(|one| one.channel == "mcp").and_then(|one| one.reads.clone()).expect("declared");
    assert!(mcp.contains("method") && mcp.contains("facts phase") && mcp.contains("arguments"), "{mcp}");
    assert_eq!(deliveries.interest.as_deref(), Some(r#"[["server","=","deliveries"]]"#));
    assert!(deliveries.access[0].starts_with("the group dispatcher gets read"), "{:?}", deliveries.access);
    let group = |name: &str| shown.groups.iter().find(|group| group.name == name).expect("a group");
    assert_eq!(group("user").rule.as_deref(), Some(r#"[["instance","=",null],["user","=","@user"]]"#));
    assert_eq!(group("service").rights, Some(vec!["record"]));
    assert!(shown.masks.iter().any(|mask| mask.name == "iban.accounts" && mask.text.contains("keys iban")));
    assert!(shown.actions.iter().any(|action| action.name == "deliveries.booked"));
    assert_eq!(shown.retention, "entries after 90 days, payloads never, usage after 400 days");
    assert_eq!(inspect(&load(evil::POLICY)).layers[0].contract, "mcp-audit-log:policy/policy@0.6.0");
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    assert_eq!(told(&builtin(&[]), &builtin(&[])), Vec::<String>::new());
    assert_eq!(told(&builtin(&[evil::IBAN]), &builtin(&[evil::IBAN])), Vec::<String>::new());
}

#[test]
fn differences_are_told_in_words() {
    let (plain, extended) = (builtin(&[]), builtin(&[evil::DELIVERIES]));
    let more = told(&plain, &extended);
    for words in [
        concat!("extension: deliveries ", env!("CARGO_PKG_VERSION"), " is added (sha256:"),
        "extension: deliveries: the group dispatcher gets read, and sees",
        "group: dispatcher is added: rights read, sees",
        "filter: deliveries.all is added: ",
        "action: deliveries.booked is added: ",
    ] {
        assert!(more.iter().any(|line| line.contains(words)), "{words}: {more:#?}");
    }
    let less = told(&extended, &plain);
    for words in [
        concat!("extension: deliveries ", env!("CARGO_PKG_VERSION"), " (sha256:"),
        "group: dispatcher is gone",
        "action: deliveries.booked is gone",
    ] {
        assert!(less.iter().any(|line| line.contains(words)), "{words}: {less:#?}");
    }
    let vendor = told(&plain, &load(evil::VENDOR));
    assert!(vendor.iter().any(|line| line.starts_with("policy: ")), "{vendor:#?}");
    assert!(vendor.iter().any(|line| line.starts_with("record rule: ")), "{vendor:#?}");
    for (mode, words) in [
        ("grant-all", "right: "),
        ("mask-all", "mask: all is added: keys -; patterns \".\""),
        ("undeclared", "depends: mcp-audit-log-evil-policy reads of mcp: everything, about each event → method"),
        ("bad-action", "verdicts: mcp initialize: action \"evil.judged\" → \"Evil things were judged\""),
        ("panic", "fails: the policy failed in judge (trap)"),
    ] {
        // Both have a group to compare.
        let lines = told(&mistaken("widen"), &mistaken(mode));
        let has = lines.iter().any(|line| line.contains(words));
        assert!(has, "{mode}: {words}: {lines:#?}");
    }
    let rights = told(&mistaken("widen"), &mistaken("no-read"));
    assert!(rights.contains(&"right: read-payloads is given to clerk".to_owned()), "{rights:#?}");
}

#[test]
fn cases_of_a_stack_go_through_all_layers_and_count_its_rules() {
    let policy = builtin(&[evil::DELIVERIES]);
    let cases = json!([
        { "event": { "channel": "mcp", "method": "tools/call", "target": "book", "server": "deliveries",
                     "arguments": { "carrier": "post" } } },
        { "viewer": { "user": "dora", "groups": ["dispatcher"] } }
    ]);
    let mut touched = Touched::default();
    let done = run(&policy, &cases, &mut touched).expect("they run");
    assert_eq!(done.updated[0]["verdict"]["action"], "deliveries.booked");
    assert_eq!(done.updated[0]["verdict"]["facts"], json!({ "deliveries.carrier": "post" }));
    let coverage = touched.coverage(&policy);
    let part = |name: &str| coverage.iter().find(|part| part.part == name).expect("a part").clone();
    assert!(!part("actions").untouched.contains(&"deliveries.booked".to_owned()));
    assert!(part("actions").untouched.contains(&"tool.called".to_owned()));
    assert!(part("groups").untouched.contains(&"admin".to_owned()));
    assert!(part("rules").untouched.is_empty() && part("rules").declared > 0, "{:?}", part("rules"));
    assert_eq!(part("channels").untouched.len(), 5);
}

#[test]
fn a_panic_is_shown_with_the_function_in_which_it_happened() {
    let case = json!({ "name": "a call", "event": { "channel": "mcp" }, "verdict": { "action": "evil.judged" } });
    let done = run(&mistaken("panic"), &case, &mut Touched::default()).expect("it runs");
    let lines = done.faults[0].differences.join("\n");
    assert!(lines.contains("in mcp_audit_log_evil_policy::fault::panic"), "{lines}");
    assert_eq!((done.failures.len(), &done.updated), (0, &case), "no fault is written into a case");
}
