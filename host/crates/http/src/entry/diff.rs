//! Changes, old and new side by side, with the differing part marked.

use mcp_audit_log_model::entry::Entry;
use serde_json::Value as Json;

use crate::ui::text::Shown;

/// A value shorter than this, in bytes, is marked as a whole: the common digit of 60 and 30 has no meaning of its own.
const SHORT: usize = 12;

/// One field.
pub(crate) struct Change {
    pub(crate) field: Shown,
    pub(crate) old: Side,
    pub(crate) new: Side,
}

/// A value in three parts: the common beginning, the part that differs, and the common end.
pub(crate) struct Side {
    pub(crate) is_set: bool,
    pub(crate) before: Shown,
    pub(crate) own: Shown,
    pub(crate) after: Shown,
}

/// The changes in an entry.
pub(crate) fn all(entry: &Entry) -> Vec<Change> {
    let list = entry.details.get("changes").and_then(Json::as_array);
    list.into_iter().flatten().map(Change::new).collect()
}

impl Change {
    fn new(change: &Json) -> Self {
        Self::of(change["field"].as_str().unwrap_or_default(), told(&change["old"]), told(&change["new"]))
    }

    /// The difference between two values of something.
    pub(super) fn of(field: &str, old: Option<String>, new: Option<String>) -> Self {
        let (begin, end) = match (&old, &new) {
            (Some(old), Some(new)) => common(old, new),
            _ => (0, 0),
        };
        Self { field: Shown::line(field), old: Side::new(old, begin, end), new: Side::new(new, begin, end) }
    }
}

impl Side {
    fn new(value: Option<String>, begin: usize, end: usize) -> Self {
        let text = value.as_deref().unwrap_or("not set");
        let (before, rest) = text.split_at(begin);
        let (own, after) = rest.split_at(rest.len() - end);
        Self { is_set: value.is_some(), before: Shown::line(before), own: Shown::line(own), after: Shown::line(after) }
    }
}

/// A value as a text; `None` for null.
pub(super) fn told(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The lengths of the common beginning and the common end, in bytes. Both are 0 if little is common: single equal
/// letters would only distract.
fn common(old: &str, new: &str) -> (usize, usize) {
    let same = |(old, new): &(char, char)| old == new;
    let length = |pairs: usize, text: &str| text.chars().take(pairs).map(char::len_utf8).sum::<usize>();
    let begin = length(old.chars().zip(new.chars()).take_while(same).count(), old);
    let (old_rest, new_rest) = (&old[begin..], &new[begin..]);
    let pairs = old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(same).count();
    let end = old_rest.chars().rev().take(pairs).map(char::len_utf8).sum::<usize>();
    let longer = old.len().max(new.len());
    if longer < SHORT || (begin + end) * 3 < longer { (0, 0) } else { (begin, end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(old: &str, new: &str) -> String {
        let change = Change::new(&serde_json::json!({ "field": "x", "old": old, "new": new }));
        let side = |side: &Side| format!("{}<{}>{}", side.before, side.own, side.after);
        format!("{} {}", side(&change.old), side(&change.new))
    }

    #[test]
    fn the_different_part_is_marked() {
        assert_eq!(parts("https://a/v1/x", "https://a/v2/x"), "https://a/v<1>/x https://a/v<2>/x");
        assert_eq!(parts("OpenAI EU", "OpenAI EU (x)"), "OpenAI EU<> OpenAI EU< (x)>");
        assert_eq!(parts("viele Grüße", "viele Größe"), "viele Gr<ü>ße viele Gr<ö>ße");
        assert_eq!(parts("60", "30"), "<60> <30>");
        assert_eq!(parts("yes", "entirely else"), "<yes> <entirely else>");
    }

    #[test]
    fn missing_values_are_not_set() {
        let change = Change::new(&serde_json::json!({ "field": "x", "old": null, "new": [1, 2] }));
        assert_eq!((change.old.is_set, change.new.own.to_string().as_str()), (false, "[1,2]"));
    }
}
