//! A record rule before an entry, condition by condition.

use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::format::cut;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::Serialize;

/// The longest value that a line quotes, in characters.
const LONGEST: usize = 80;

/// A line of a record rule: a condition, or how the deeper lines below it are joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleLine {
    /// How deep it lies in the rule.
    pub depth: usize,
    /// Whether the entry meets it.
    pub holds: bool,
    /// It in words, with the entry's value.
    pub text: String,
    /// Of a condition: its JSON form, as filters have it. Absent where it is not shown.
    pub domain: Option<String>,
}

/// The lines of `rule`. With `discreet`, a condition that does not hold is not quoted, and of a list only the value that
/// the entry has: a rule may name other people.
pub(super) fn lines(rule: &Domain, entry: &Entry, discreet: bool) -> Vec<RuleLine> {
    let mut lines = Vec::new();
    add(rule, entry, discreet, 0, &mut lines);
    lines
}

fn add(rule: &Domain, entry: &Entry, discreet: bool, depth: usize, lines: &mut Vec<RuleLine>) {
    let holds = rule.matches(entry);
    let mut joint = |text: &str, parts: &[Domain]| {
        lines.push(RuleLine { depth, holds, text: text.to_owned(), domain: None });
        parts.iter().for_each(|part| add(part, entry, discreet, depth + 1, lines));
    };
    match rule {
        Domain::All(parts) if parts.is_empty() => joint("Every entry", &[]),
        Domain::Any(parts) if parts.is_empty() => joint("No entry", &[]),
        Domain::All(parts) => joint("All of these:", parts),
        Domain::Any(parts) => joint("One of these:", parts),
        Domain::Not(part) => match &**part {
            Domain::Term(term) => lines.push(condition(term, rule, entry, (holds, discreet), depth)),
            part => joint("Not this:", std::slice::from_ref(part)),
        },
        Domain::Term(term) => lines.push(condition(term, rule, entry, (holds, discreet), depth)),
    }
}

fn condition(term: &Term, rule: &Domain, entry: &Entry, (holds, discreet): (bool, bool), depth: usize) -> RuleLine {
    let is_negated = matches!(rule, Domain::Not(_));
    let (label, value) = (term.field.label(), entry.value(term.field));
    let is_list = matches!(&term.test, Test::In(values) if values.len() > 1);
    // A condition that holds because the entry has its value tells nothing that the entry does not.
    let is_shown = !discreet || (holds && !is_negated && !is_list);
    if !is_shown {
        let text = match (&term.test, holds && !is_negated) {
            (Test::In(values), true) => format!("{label} is one of {} values", values.len()),
            _ => format!("A condition on {label}"),
        };
        return RuleLine {
            depth,
            holds,
            text: format!("{text}; the entry has {}", quoted(term.field, &value)),
            domain: None,
        };
    }
    let text = format!("{}; the entry has {}", words(term, is_negated), quoted(term.field, &value));
    RuleLine { depth, holds, text, domain: Some(rule.to_string()) }
}

/// A condition in words.
pub(super) fn words(term: &Term, is_negated: bool) -> String {
    let label = term.field.label();
    let is = if is_negated { "is not" } else { "is" };
    let quoted = |value: &Value| quoted(term.field, value);
    match &term.test {
        Test::Unset => format!("{label} is {}set", if is_negated { "" } else { "not " }),
        Test::In(values) => match values.as_slice() {
            [value] => format!("{label} {is} {}", quoted(value)),
            values => format!("{label} {is} one of {}", values.iter().map(quoted).collect::<Vec<_>>().join(", ")),
        },
        Test::Less(limit) => format!("{label} {is} less than {}", quoted(limit)),
        Test::AtLeast(limit) => format!("{label} {is} at least {}", quoted(limit)),
        Test::Like(pattern) => {
            let matches = if is_negated { "does not match" } else { "matches" };
            format!("{label} {matches} {:?}", cut(pattern.as_str(), LONGEST))
        }
    }
}

/// A value of a field in words.
pub(super) fn quoted(field: Field, value: &Value) -> String {
    match (field.kind(), value) {
        (_, Value::Unset) => "none".to_owned(),
        (FieldType::Time, Value::Integer(micros)) => TimeZone::UTC.exact(Timestamp::from_micros(*micros)),
        (_, Value::Text(text)) => format!("{:?}", cut(text, LONGEST)),
        (_, value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_filter::{Context, parse_json};
    use uuid::Uuid;

    use super::*;

    fn entry() -> Entry {
        let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
        entry.set_text(Field::User, Some("ada"));
        entry.set_text(Field::Tool, Some("search"));
        entry
    }

    fn told(json: &str, discreet: bool) -> Vec<String> {
        let rule = parse_json(json, &Context::without_viewer(Timestamp::EPOCH)).expect("a domain");
        let line =
            |line: RuleLine| format!("{}{} {}", " ".repeat(line.depth), if line.holds { "+" } else { "-" }, line.text);
        lines(&rule, &entry(), discreet).into_iter().map(line).collect()
    }

    const RULE: &str = r#"[["instance","=",false],"|",["user","in",["bob","ada"]],["tool","!=","search"]]"#;

    #[test]
    fn each_condition_says_whether_the_entry_meets_it() {
        assert_eq!(
            told(RULE, false),
            [
                "+ All of these:",
                " + Tenant is not set; the entry has none",
                " + One of these:",
                "  + User is one of \"bob\", \"ada\"; the entry has \"ada\"",
                "  - Tool is not \"search\"; the entry has \"search\"",
            ]
        );
        assert_eq!(told("[[0,\"=\",1]]", false), ["- No entry"]);
        assert_eq!(told("[\"!\",\"|\",[\"user\",\"=\",\"x\"],[\"tool\",\"like\",\"x\"]]", false)[0], "+ Not this:");
    }

    #[test]
    fn a_discreet_explanation_names_no_value_that_the_entry_lacks() {
        let told = told(RULE, true).join("\n");
        assert!(told.contains("User is one of 2 values; the entry has \"ada\"") && !told.contains("bob"), "{told}");
        assert!(told.contains("A condition on Tool; the entry has \"search\""), "{told}");
    }
}
