//! An author's cases: an event and the verdict that it gets, a viewer and what access gives, and the plan of retention.
//!
//! A case is compared with all that the policy answers: a part that is left out must not be there. So a case is written
//! with its question alone, completed by `--update`, and then read.

mod answer;
mod coverage;
mod question;

use mcp_audit_log_sandbox::Policy;
use serde::Serialize;
use serde_json::{Map, Value as Json};

pub use coverage::{CaseCoverage, Touched};

/// The members of a case that hold what is expected.
const ANSWERS: [&str; 3] = ["verdict", "access", "retention"];

/// A case that is not answered as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseFailure {
    /// The case.
    pub case: String,
    /// What is different, a line each.
    pub differences: Vec<String>,
}

/// What the cases of one file came to.
#[derive(Clone, Debug, Default)]
pub struct CasesRun {
    /// How many there are.
    pub cases: usize,
    /// Those that are not answered as expected.
    pub failures: Vec<CaseFailure>,
    /// Those that are not answered at all: the policy failed.
    pub faults: Vec<CaseFailure>,
    /// Those whose answer is not to be believed: the policy reads what it does not declare.
    pub undeclared: Vec<CaseFailure>,
    /// The file with what the policy answers.
    pub updated: Json,
}

/// Runs the cases of a file: one, or a list of them.
///
/// # Errors
/// A sentence: a case cannot be read.
pub fn run(policy: &Policy, file: &Json, touched: &mut Touched) -> Result<CasesRun, String> {
    let mut done = CasesRun { updated: file.clone(), ..CasesRun::default() };
    let cases: &mut [Json] = match &mut done.updated {
        Json::Array(cases) => cases,
        one => std::slice::from_mut(one),
    };
    for (number, case) in (1..).zip(cases) {
        let name = case.get("name").and_then(Json::as_str).map_or(format!("case {number}"), str::to_owned);
        let placed = |reason: String| format!("{name}: {reason}");
        let members = case.as_object_mut().ok_or_else(|| placed("a case is an object".to_owned()))?;
        done.cases += 1;
        let mut undeclared = Vec::new();
        let answered = one(policy, members, touched, &mut undeclared).map_err(placed)?;
        if !undeclared.is_empty() {
            done.undeclared.push(CaseFailure { case: name.clone(), differences: undeclared });
        }
        match answered {
            Ok(differences) if differences.is_empty() => {}
            Ok(differences) => done.failures.push(CaseFailure { case: name.clone(), differences }),
            Err(fault) => done.faults.push(CaseFailure { case: name.clone(), differences: vec![fault] }),
        }
    }
    Ok(done)
}

/// Runs one case and writes the answer into it; returns what is different, or the fault. The outer error is that the case
/// cannot be read.
fn one(
    policy: &Policy,
    case: &mut Map<String, Json>,
    touched: &mut Touched,
    undeclared: &mut Vec<String>,
) -> Result<Result<Vec<String>, String>, String> {
    let known = ["name", "settings", "event", "viewer"];
    if let Some(other) = case.keys().find(|key| !known.contains(&key.as_str()) && !ANSWERS.contains(&key.as_str())) {
        let known: Vec<_> = known.iter().chain(&ANSWERS).copied().collect();
        return Err(format!("a case has no member {other:?}; use one of: {}", known.join(", ")));
    }
    let settings = question::settings(policy, case.get("settings"), touched)?;
    let (answer, actual) = match (case.get("event"), case.get("viewer")) {
        (Some(event), None) => {
            ("verdict", answer::verdict(policy, &settings, &question::event(event)?, touched, undeclared))
        }
        (None, Some(viewer)) => ("access", answer::access(policy, &settings, &question::viewer(viewer)?, touched)),
        (None, None) if case.contains_key("retention") => ("retention", answer::retention(policy, &settings)),
        _ => return Err("a case has an event, or a viewer, or retention alone".to_owned()),
    };
    let actual = match actual {
        Ok(actual) => actual,
        Err(fault) => return Ok(Err(fault)),
    };
    let expected = case.get(answer).cloned().unwrap_or(Json::Null);
    let differences = match &expected {
        Json::Null => vec![format!("it has no {answer} yet; write it, or run with --update")],
        expected => differences(answer, expected, &actual),
    };
    case.insert(answer.to_owned(), actual);
    Ok(Ok(differences))
}

/// What is different, part by part.
fn differences(path: &str, expected: &Json, actual: &Json) -> Vec<String> {
    match (expected, actual) {
        (Json::Object(expected), Json::Object(actual)) => {
            let added = actual.keys().filter(|key| !expected.contains_key(*key));
            let both = expected.keys().chain(added);
            let value = |members: &Map<String, Json>, key: &str| members.get(key).cloned().unwrap_or(Json::Null);
            both.flat_map(|key| differences(&format!("{path}.{key}"), &value(expected, key), &value(actual, key)))
                .collect()
        }
        (expected, actual) if expected == actual => Vec::new(),
        (Json::Null, actual) => vec![format!("{path} is {actual}, which the case does not expect")],
        (expected, Json::Null) => vec![format!("{path} is not there; {expected} is expected")],
        (expected, actual) => vec![format!("{path} is {actual}; {expected} is expected")],
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::time::Timestamp;
    use mcp_audit_log_sandbox::Limits;
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        Policy::builtin(Limits::default(), Timestamp::EPOCH).expect("the default policy")
    }

    fn ran(file: &Json) -> Result<CasesRun, String> {
        run(&policy(), file, &mut Touched::default())
    }

    #[test]
    fn a_case_is_completed_and_then_holds_until_something_changes() {
        let questions = json!([
            { "name": "a call", "settings": { "log_payloads": true },
              "event": { "channel": "mcp", "method": "tools/call", "target": "search", "payload": true,
                         "arguments": { "model": "res.partner", "id": 7 } } },
            { "name": "a change", "event": { "channel": "admin", "method": "user.updated", "target": "7",
              "arguments": { "old": { "role": "user" }, "new": { "role": "admin" } } } },
            { "name": "a reported change", "event": { "channel": "admin", "method": "user.updated",
              "facts": [["field", "role"], ["old", "user"], ["new", "admin"]] } },
            { "name": "a user", "viewer": { "user": "uma", "groups": ["user"], "instance": "acme" } },
            { "name": "a plan", "settings": { "retention_days": 30 }, "retention": null }
        ]);
        let first = ran(&questions).expect("they run");
        assert_eq!((first.cases, first.failures.len()), (5, 5));
        assert!(first.failures[0].differences[0].contains("--update"), "{:?}", first.failures);
        let completed = first.updated;
        assert_eq!(completed[0]["verdict"]["action"], "tool.called");
        assert_eq!(completed[0]["verdict"]["payload"], json!({ "max_bytes": 65_536 }));
        assert_eq!(completed[0]["verdict"]["model"], "res.partner");
        let role = json!([{ "field": "role", "old": "user", "new": "admin" }]);
        assert_eq!((&completed[1]["verdict"]["changes"], &completed[2]["verdict"]["changes"]), (&role, &role));
        assert_eq!(completed[3]["access"]["rights"], json!(["read", "read-usage"]));
        assert_eq!(completed[4]["retention"]["entries_days"], 30);
        assert_eq!(ran(&completed).expect("they run").failures, []);
        let mut wrong = completed;
        wrong[0]["verdict"]["action"] = "tool.used".into();
        wrong[3]["access"]["rights"] = json!(["read"]);
        wrong[1]["verdict"]["affected"] = Json::Null;
        let failures = ran(&wrong).expect("they run").failures;
        let lines: Vec<_> = failures.iter().flat_map(|failure| &failure.differences).map(String::as_str).collect();
        assert_eq!(lines[0], "verdict.action is \"tool.called\"; \"tool.used\" is expected");
        assert!(lines[1].starts_with("verdict.affected is {") && lines[1].ends_with("does not expect"), "{lines:?}");
        assert_eq!(lines[2], "access.rights is [\"read\",\"read-usage\"]; [\"read\"] is expected");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_case() {
        for (case, words) in [
            (json!({ "name": "n", "evnt": {} }), "n: a case has no member \"evnt\"; use one of: name, settings"),
            (json!({ "event": {} }), "case 1: event: missing field `channel`"),
            (json!({ "event": { "channel": "tv" } }), "event: no channel \"tv\"; use one of: mcp, stdio"),
            (json!({ "event": { "channel": "mcp", "tool": "x" } }), "unknown field `tool`"),
            (json!({ "event": { "channel": "mcp", "facts": { "a": [] } } }), "the fact \"a\""),
            (json!({ "viewer": { "groups": [] } }), "viewer: missing field `user`"),
            (json!({ "settings": { "no": 1 }, "retention": null }), "settings: "),
            (json!({ "settings": { "retention_days": 0 }, "retention": null }), "from 1 to"),
            (json!({ "event": { "channel": "mcp" }, "viewer": { "user": "a" } }), "an event, or a viewer"),
            (json!([7]), "case 1: a case is an object"),
        ] {
            let refusal = ran(&case).map(|done| done.cases).expect_err(words);
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
