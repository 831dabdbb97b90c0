//! What a rule needs to read an event and to write its verdict.

use crate::contract::{Affected, Event, Grant, PayloadDecision, Token, Value, Verdict, Viewer};

/// A longer text of a verdict is truncated, in bytes. The host treats too long an answer as a fault, and a caller must
/// not be able to cause one by a long name.
pub const LONGEST: usize = 1_024;

/// The longest action, in bytes: short enough for a list column.
const LONGEST_ACTION: usize = 64;

/// A verdict with only the action. Its index in the batch is filled in at the end.
pub fn called(action: impl Into<String>) -> Verdict {
    Verdict {
        event: 0,
        action: action.into(),
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes: Vec::new(),
        payload: PayloadDecision::None,
    }
}

/// The affected object, if it has a name.
pub fn by_name(kind: &str, name: Option<&str>) -> Option<Affected> {
    name.map(|name| Affected { kind: kind.to_owned(), id: None, name: Some(cut(name)) })
}

/// The affected object, if it has an id.
pub fn by_id(kind: &str, id: Option<&str>) -> Option<Affected> {
    id.map(|id| Affected { kind: kind.to_owned(), id: Some(cut(id)), name: None })
}

/// The text, truncated with an ellipsis if necessary.
pub fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST - '…'.len_utf8()).last();
    let beginning = text.get(..end.unwrap_or_default()).unwrap_or_default();
    format!("{beginning}…")
}

/// A text that the host passes as a fact.
pub fn text_fact<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.facts.iter().find(|fact| fact.name == name).and_then(|fact| match &fact.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// Whether a text is `<resource>.<verb>`: words of lower-case letters, digits and `_` with dots between them.
pub fn is_action(text: &str) -> bool {
    text.len() <= LONGEST_ACTION && text.contains('.') && text.split('.').all(is_word)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

impl Event {
    /// Whether it is a call of a tool.
    pub fn is_tool_call(&self) -> bool {
        self.method.as_deref() == Some("tools/call")
    }

    /// Whether it is a call of this tool.
    pub fn calls(&self, tool: &str) -> bool {
        self.is_tool_call() && self.target.as_deref() == Some(tool)
    }
}

impl Viewer {
    /// Whether the group was assigned; what it implies is not followed.
    pub fn has(&self, group: &str) -> bool {
        self.groups.iter().any(|name| name == group)
    }
}

impl Grant {
    /// Leaves only the entries and figures that match. `domain` has whole terms.
    pub fn narrow(&mut self, domain: impl IntoIterator<Item = Token> + Clone) {
        // Consecutive terms are ANDed.
        self.rule.extend(domain.clone());
        self.usage_rule.extend(domain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_actions_pass() {
        for good in ["model.enabled", "user.role_changed", "mcp_oauth_client.created", "a.b.c2"] {
            assert!(is_action(good), "{good}");
        }
        for bad in ["", "GET", "model", "model.", ".enabled", "model..x", "Model.x", "model.x y", "model.ä", "2.x"] {
            assert!(!is_action(bad), "{bad}");
        }
        assert!(!is_action(&format!("a.{}", "b".repeat(63))));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"ä".repeat(LONGEST));
        assert!(cut.len() <= LONGEST && cut.ends_with("ä…"), "{}", cut.len());
    }
}
