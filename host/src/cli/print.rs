//! Entries as text for a terminal. Nothing that an entry holds may move the cursor or colour the screen.

use std::io;

use clap::ValueEnum;
use mcp_audit::entry::Entry;
use mcp_audit::field::Field;
use mcp_audit::store::{StoredPayload, Token};
use serde_json::Value as Json;

use super::common::{note, say};

/// The columns of the table and how wide they may get.
const COLUMNS: [(&str, usize); 9] = [
    ("TIME", 20),
    ("OUTCOME", 8),
    ("USER", 16),
    ("CONNECTION", 16),
    ("SERVER", 12),
    ("METHOD", 24),
    ("TARGET", 32),
    ("MS", 9),
    ("ID", 36),
];

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// Columns for people.
    Table,
    /// One JSON object a line.
    Json,
}

/// A table, as wide as its content needs within each column's limit.
pub(super) fn table(entries: &[Entry]) -> io::Result<()> {
    let mut table = Table::default();
    table.fit(entries);
    table.head()?;
    table.lines(entries)?;
    if entries.is_empty() {
        note("No entries match.");
    }
    Ok(())
}

/// A table that is printed piece by piece; its columns grow with what comes.
pub(super) struct Table([usize; COLUMNS.len()]);

impl Default for Table {
    fn default() -> Self {
        Self(COLUMNS.map(|(name, _)| name.len()))
    }
}

impl Table {
    /// Makes the columns wide enough for `entries`.
    pub(super) fn fit(&mut self, entries: &[Entry]) {
        for row in entries.iter().map(row) {
            for (at, width) in self.0.iter_mut().enumerate() {
                *width = row[at].chars().count().min(COLUMNS[at].1).max(*width);
            }
        }
    }

    pub(super) fn head(&self) -> io::Result<()> {
        self.line(COLUMNS.map(|(name, _)| name))
    }

    pub(super) fn lines(&self, entries: &[Entry]) -> io::Result<()> {
        entries.iter().map(row).try_for_each(|row| self.line(row.each_ref().map(String::as_str)))
    }

    fn line(&self, row: [&str; COLUMNS.len()]) -> io::Result<()> {
        let cells: Vec<_> =
            (0..COLUMNS.len()).map(|at| format!("{:1$}", cut(row[at], COLUMNS[at].1), self.0[at])).collect();
        say(cells.join("  ").trim_end())
    }
}

/// Tokens, one a line.
pub(super) fn tokens(tokens: &[Token]) -> io::Result<()> {
    for token in tokens {
        let Token { id, user, connection, groups, instance, created_at } = token;
        let instance = instance.as_deref().map_or(String::new(), |instance| format!("  {instance}"));
        let line = format!("{id}  {created_at}  {user}  {connection}  {}{instance}", groups.join(","));
        say(inert(&line))?;
    }
    if tokens.is_empty() {
        note("There are no tokens.");
    }
    Ok(())
}

fn row(entry: &Entry) -> [String; COLUMNS.len()] {
    let text = |field| inert(entry.text(field).unwrap_or_default());
    let target = [Field::Tool, Field::Prompt, Field::ResourceUri, Field::ResourceName, Field::ResourceId, Field::Path]
        .into_iter();
    let target = target.map(text).find(|text| !text.is_empty()).unwrap_or_default();
    let time: String = entry.occurred_at.to_string().chars().take(19).chain(['Z']).collect();
    let duration = entry.duration_us.map(|micros| format!("{:.1}", micros as f64 / 1_000.0));
    let method = text(Field::Method);
    [
        time,
        text(Field::Outcome),
        text(Field::User),
        text(Field::Connection),
        text(Field::Server),
        method,
        target,
        duration.unwrap_or_default(),
        entry.id.to_string(),
    ]
}

/// One JSON object a line. JSON escapes control characters by itself; bidi ones are escaped here.
pub(super) fn json_lines(entries: &[Entry]) -> io::Result<()> {
    entries.iter().try_for_each(|entry| say(inert(&serde_json::to_string(entry)?)))
}

/// One entry with details, and its payload where there is one, as indented JSON.
pub(super) fn entry(entry: &Entry, payload: Option<StoredPayload>) -> serde_json::Result<String> {
    let mut json = serde_json::to_value(entry)?;
    json["details"] = Json::Object(entry.details.clone());
    if let Some(payload) = payload {
        json["payload"] = serde_json::json!({ "request": payload.request, "response": payload.response });
    }
    Ok(serde_json::to_string_pretty(&json)?.lines().map(inert).collect::<Vec<_>>().join("\n"))
}

/// The text with control and bidirectional characters written out.
pub(super) fn inert(text: &str) -> String {
    let dangerous = |char: char| {
        char.is_control() || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().flat_map(|char| if dangerous(char) { char.escape_unicode().collect() } else { vec![char] }).collect()
}

fn cut(text: &str, longest: usize) -> String {
    match text.chars().count() > longest {
        true => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(inert("a\u{1b}[31mb\u{202e}c\r\n"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\\u{a}");
        assert_eq!(inert("grüße 🎉"), "grüße 🎉");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
