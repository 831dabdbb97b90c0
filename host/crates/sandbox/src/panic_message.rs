//! The message that a component leaves in its memory before it traps.
//!
//! A component can print nowhere. So a panic hook, or whatever a language has for it, writes the mark, the length of the
//! message in decimal digits, a colon and the message somewhere into linear memory: `mcp-audit-log-panic:4:boom`.
//! It is read for an author who tries a policy, and for a manifest, which is not about an event. It is never recorded: it
//! may quote an event's arguments.

use wasmtime::{AsContext, Memory};

/// The beginning of a message.
const MARK: &[u8] = b"mcp-audit-log-panic:";

/// The longest message that is read, in bytes.
const LONGEST: usize = 400;

/// The first message in the memories.
pub(super) fn find(memories: &[Memory], store: impl AsContext) -> Option<String> {
    memories.iter().find_map(|memory| read(memory.data(&store)))
}

fn read(memory: &[u8]) -> Option<String> {
    let mut rest = memory;
    while let Some(at) = rest.windows(MARK.len()).position(|bytes| bytes == MARK) {
        rest = rest.get(at + MARK.len()..)?;
        if let Some(message) = message(rest) {
            return Some(message);
        }
    }
    None
}

/// The mark alone is a constant of the code, so a length must follow it.
fn message(rest: &[u8]) -> Option<String> {
    let digits = rest.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let length: usize = str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
    let text = rest.get(digits..)?.strip_prefix(b":")?.get(..length)?;
    let text = String::from_utf8_lossy(text.get(..LONGEST).unwrap_or(text));
    Some(text.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_behind_its_mark_and_length() {
        let memory = b"\0\0mcp-audit-log-panic:\0mcp-audit-log-panic:x:y\0mcp-audit-log-panic:9:src\nboom!more";
        assert_eq!(read(memory).as_deref(), Some("src boom!"));
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        for memory in [
            &b""[..],
            b"mcp-audit-log-panic:",
            b"mcp-audit-log-panic:5",
            b"mcp-audit-log-panic:5:four",
            b"mcp-audit-log-panic::boom",
            b"mcp-audit-log-panic:0:boom",
            b"mcp-audit-log-panic:99999999999:boom",
        ] {
            assert_eq!(read(memory), None, "{}", String::from_utf8_lossy(memory));
        }
        let long = [&b"mcp-audit-log-panic:1000:"[..], &[b'x'; 1_000]].concat();
        assert_eq!(read(&long).map(|text| text.len()), Some(LONGEST));
    }
}
