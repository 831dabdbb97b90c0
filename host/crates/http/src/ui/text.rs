//! Makes recorded values safe to show on a page: invisible characters, and those that reorder text, become visible.

use std::fmt::{self, Display};

use mcp_audit_log_model::format;
use mcp_audit_log_model::name::is_hidden;

/// A text that is safe to show. Templates take recorded values in no other form; HTML escaping is applied as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// A text on one line.
    pub(crate) fn line(text: &str) -> Self {
        Self(escape(text, false))
    }

    /// The text on one line, up to this many characters.
    pub(crate) fn cut(text: &str, longest: usize) -> Self {
        Self::line(&format::cut(text, longest))
    }

    /// The text with its own line breaks and tabs.
    pub(crate) fn lines(text: &str) -> Self {
        Self(escape(text, true))
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(text: &str, breaks: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' if breaks => shown.push(character),
            '\n' | '\t' | '\r' => shown.extend(character.escape_default()),
            _ if is_hidden(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_show() {
        assert_eq!(Shown::line("a\u{1b}[31m\r\nb\0").to_string(), r"a\u{1b}[31m\r\nb\u{0}");
        assert_eq!(
            Shown::line("\u{202e}gpj.exe\u{2066}\u{feff}\u{9b}").to_string(),
            r"\u{202e}gpj.exe\u{2066}\u{feff}\u{9b}"
        );
        assert_eq!(Shown::cut("\u{202e}abc", 3).to_string(), r"\u{202e}a…");
        assert_eq!(Shown::lines("{\n\t1\u{8}}").to_string(), "{\n\t1\\u{8}}");
        assert_eq!(Shown::line("Grüße, 世界 👩\u{200d}🚀").to_string(), "Grüße, 世界 👩\u{200d}🚀");
    }
}
