//! An entry as a message of RFC 5424, with its length in front (octet counting).

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;

use crate::json::EntryJson;

/// The facility "log audit".
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
/// Receivers should accept messages of this length (RFC 5425), and common ones cut longer ones.
const LONGEST: usize = 8_192;
/// Room for everything in front of the JSON: a priority, a time, names of 255, 13 and 32 bytes, the structured data.
const FRONT: usize = 512;

/// The message with its length in front.
pub(crate) fn frame(origin: &str, entry: &Entry) -> Vec<u8> {
    let message = message(origin, entry);
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(message.as_bytes());
    frame
}

/// The message. Its text is JSON without a byte order mark: RFC 5424 allows any text without one, and what parses JSON
/// does not expect it.
fn message(origin: &str, entry: &Entry) -> String {
    let severity = if Outcome::FAILED.contains(&entry.outcome()) { WARNING } else { INFORMATIONAL };
    let priority = FACILITY * 8 + severity;
    let time = entry.occurred_at;
    let host = name(origin, 255);
    let action = name(entry.text(Field::Action).unwrap_or_default(), 32);
    let version = env!("CARGO_PKG_VERSION");
    let json = json(origin, entry);
    let software = format!("[origin software=\"mcp-audit-log\" swVersion=\"{version}\"]");
    format!("<{priority}>1 {time} {host} mcp-audit-log - {action} {software} {json}")
}

/// The entry as JSON, without its details if it would be too long with them.
fn json(origin: &str, entry: &Entry) -> String {
    let whole = EntryJson::new(origin, entry).text();
    if whole.len() <= LONGEST - FRONT {
        return whole;
    }
    EntryJson::new(origin, entry).without_details().text()
}

/// A name as the header of a message allows it: visible ASCII of a limited length, `-` for none.
fn name(text: &str, longest: usize) -> String {
    let visible = |character: char| if character.is_ascii_graphic() { character } else { '_' };
    match text {
        "" => "-".to_owned(),
        text => text.chars().take(longest).map(visible).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::Timestamp;
    use serde_json::Value;
    use uuid::Uuid;

    fn entry() -> Entry {
        let at = Timestamp::parse("2026-11-30T21:05:06.000123Z").expect("a time");
        let mut entry = Entry::new(Uuid::nil(), at, at);
        entry.seq = 7;
        entry.set_text(Field::Action, Some("tool.called"));
        entry.set_text(Field::Outcome, Some("success"));
        entry
    }

    fn parts(message: &str) -> (Vec<&str>, Value) {
        let (head, rest) = message.split_once(" [").expect("structured data");
        let (_, json) = rest.split_once("] ").expect("a message");
        (head.split(' ').collect(), serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn a_message_has_the_parts_of_the_standard() {
        let text = message("gateway-1", &entry());
        let (head, json) = parts(&text);
        let time = "2026-11-30T21:05:06.000123Z";
        assert_eq!(head, ["<110>1", time, "gateway-1", "mcp-audit-log", "-", "tool.called"]);
        assert_eq!((&json["seq"], &json["origin"]), (&7.into(), &"gateway-1".into()));
        let frame = frame("gateway-1", &entry());
        let length = format!("{} ", text.len());
        assert!(frame.starts_with(length.as_bytes()) && frame.ends_with(text.as_bytes()));
    }

    #[test]
    fn a_failure_is_a_warning_and_names_cannot_break_out_of_the_header() {
        let mut entry = entry();
        entry.set_text(Field::Outcome, Some("denied"));
        entry.set_text(Field::Action, Some("a b\n<1>1 ü-and-so-on-and-so-on-and-so-on"));
        entry.set_text(Field::Tool, Some("line\nfeed"));
        let text = message("my gateway\u{7f}", &entry);
        let (head, _) = parts(&text);
        assert_eq!(head[..3], ["<108>1", "2026-11-30T21:05:06.000123Z", "my_gateway_"]);
        assert_eq!((head[5], head.len()), ("a_b_<1>1__-and-so-on-and-so-on-a", 6));
        assert!(!text.contains('\n'));
        entry.set_text(Field::Action, None);
        assert_eq!(parts(&message("", &entry)).0[2..], ["-", "mcp-audit-log", "-", "-"]);
    }

    #[test]
    fn details_that_make_a_message_too_long_are_left_out_with_a_mark() {
        let mut entry = entry();
        entry.details.insert("much".into(), "x".repeat(LONGEST).into());
        let text = message("gateway-1", &entry);
        assert!(text.len() < LONGEST, "{}", text.len());
        let (_, json) = parts(&text);
        assert_eq!((json.get("details"), &json["details_left_out"]), (None, &true.into()));
    }
}
