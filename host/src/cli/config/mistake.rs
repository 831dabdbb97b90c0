//! A mistake in the configuration: where it is, and what to do about it.

use std::fmt;

use mcp_audit_log::domain::meant;

/// A mistake with its position.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Counted from 1.
    line: usize,
    /// With its table's name in front.
    key: String,
    what: String,
}

impl Mistake {
    /// What TOML's reader found wrong with `text`.
    pub(super) fn new(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.get(..at).unwrap_or_default().matches('\n').count();
        let message = error.message().trim();
        let what = unknown(message).unwrap_or_else(|| message.lines().collect::<Vec<_>>().join("; "));
        Self { line: line + 1, key: key(text, line), what }
    }

    /// What is wrong with what begins with the line `head`.
    pub(super) fn of(text: &str, head: &str, what: &str) -> Self {
        let line = text.lines().position(|line| line.trim() == head).unwrap_or(0);
        Self { line: line + 1, key: head.trim_matches(['[', ']']).to_owned(), what: what.to_owned() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, what } = self;
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        write!(f, "line {line}: {key}{what} (docs/mcp-audit-log.toml explains every option)")
    }
}

/// The advice on a name that is no option's.
fn unknown(message: &str) -> Option<String> {
    let (name, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<_> = rest.split('`').skip(1).step_by(2).collect();
    let advice = match meant(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known options: {}", known.join(", ")),
    };
    Some(format!("unknown option {name:?}; {advice}"))
}

/// The key on a line, with the name of its table.
fn key(text: &str, line: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).take(line + 1).collect();
    let is_head = |line: &&&str| line.starts_with('[') && line.ends_with(']') && !line.contains('=');
    let head = |line: &str| line.trim_matches(['[', ']', ' ']).to_owned();
    match lines.last() {
        Some(last) if is_head(&last) => return head(last),
        _ => {}
    }
    let table = lines.iter().rev().find(is_head).map(|line| format!("{}.", head(line))).unwrap_or_default();
    // A list may go on over several lines.
    let own = lines.iter().rev().find_map(|line| Some(line.split_once('=')?.0.trim()));
    own.map_or_else(String::new, |own| format!("{table}{own}"))
}
