//! Entries and groups as text for a terminal. Nothing that an entry holds may move the cursor or colour the screen.

use std::io;

use clap::ValueEnum;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::reader::{Group, GroupBy, StoredPayload};
use mcp_audit_log::time::{SECOND, Timestamp};
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::tokens::Token;
use mcp_audit_log::value::Value;
use mcp_audit_log_model::format::{cut, millis, minute};
use serde::Serialize;
use serde_json::Value as Json;

use super::common::{note, say};

/// The columns of a table of entries and how wide they may get.
const COLUMNS: [(&str, usize); 9] = [
    ("TIME", 25),
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
    /// A table with columns.
    Table,
    /// One JSON object per line.
    Json,
}

/// A table that may be printed piece by piece. Its columns grow with their content.
pub(super) struct Table(Vec<Column>);

struct Column {
    name: String,
    width: usize,
    most: usize,
}

impl Table {
    pub(super) fn new(columns: impl IntoIterator<Item = (String, usize)>) -> Self {
        let column = |(name, most): (String, usize)| Column { width: name.chars().count(), name, most };
        Self(columns.into_iter().map(column).collect())
    }

    pub(super) fn of_entries() -> Self {
        Self::new(COLUMNS.map(|(name, most)| (name.to_owned(), most)))
    }

    pub(super) fn head(&self) -> io::Result<()> {
        self.line(self.0.iter().map(|column| column.name.as_str()))
    }

    pub(super) fn entries(&mut self, entries: &[Entry], zone: TimeZone) -> io::Result<()> {
        let rows: Vec<_> = entries.iter().map(|entry| row(entry, zone)).collect();
        self.fit(&rows);
        self.lines(&rows)
    }

    /// The whole table, as wide as its content needs.
    pub(super) fn whole(mut self, rows: &[Vec<String>]) -> io::Result<()> {
        self.fit(rows);
        self.head()?;
        self.lines(rows)?;
        if rows.is_empty() {
            note("No entries match.");
        }
        Ok(())
    }

    fn fit(&mut self, rows: &[Vec<String>]) {
        for row in rows {
            for (column, cell) in self.0.iter_mut().zip(row) {
                column.width = cell.chars().count().min(column.most).max(column.width);
            }
        }
    }

    fn lines(&self, rows: &[Vec<String>]) -> io::Result<()> {
        rows.iter().try_for_each(|row| self.line(row.iter().map(String::as_str)))
    }

    fn line<'a>(&self, row: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let cell = |(cell, column): (&str, &Column)| format!("{:1$}", cut(cell, column.most), column.width);
        let cells: Vec<_> = row.zip(&self.0).map(cell).collect();
        say(cells.join("  ").trim_end())
    }
}

/// A table of entries, with times on a clock of this zone.
pub(super) fn table(entries: &[Entry], zone: TimeZone) -> io::Result<()> {
    Table::of_entries().whole(&entries.iter().map(|entry| row(entry, zone)).collect::<Vec<_>>())
}

/// A table of tokens.
pub(super) fn tokens(tokens: &[Token], now: Timestamp) -> io::Result<()> {
    if tokens.is_empty() {
        note("No tokens.");
        return Ok(());
    }
    let columns = ["ID", "USER", "CONNECTION", "GROUPS", "TENANT", "CREATED", "EXPIRES", "LAST USED"];
    let rows: Vec<_> = tokens.iter().map(|one| token(one, now)).collect();
    Table::new(columns.map(|name| (name.to_owned(), 40))).whole(&rows)
}

fn token(token: &Token, now: Timestamp) -> Vec<String> {
    let expires = match token.expires_at {
        Some(at) if token.is_expired(now) => format!("expired {}", minute(at)),
        Some(at) => minute(at),
        None => "never".to_owned(),
    };
    vec![
        token.id.clone(),
        inert(&token.user),
        inert(&token.connection),
        inert(&token.groups.join(",")),
        inert(token.instance.as_deref().unwrap_or("-")),
        minute(token.created_at),
        expires,
        token.last_used_at.map_or("-".to_owned(), minute),
    ]
}

/// A moment in RFC 3339 to the second, on a clock of this zone.
pub(super) fn clock(at: Timestamp, zone: TimeZone) -> String {
    zone.written(at.plus(-at.as_micros().rem_euclid(SECOND)))
}

fn row(entry: &Entry, zone: TimeZone) -> Vec<String> {
    let text = |field| inert(entry.text(field).unwrap_or_default());
    let target = [Field::Tool, Field::Prompt, Field::ResourceUri, Field::ResourceName, Field::ResourceId, Field::Path]
        .into_iter();
    let target = target.map(text).find(|text| !text.is_empty()).unwrap_or_default();
    let duration = entry.duration_us.map(millis);
    let method = text(Field::Method);
    vec![
        clock(entry.occurred_at, zone),
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

/// A table of groups.
pub(super) fn groups(by: &[GroupBy], groups: &[Group]) -> io::Result<()> {
    let levels = by.iter().map(|by| (by.to_string().to_uppercase(), 48));
    let measures = ["ENTRIES", "ERRORS", "AVERAGE MS", "P95 MS"].map(|name| (name.to_owned(), 12));
    Table::new(levels.chain(measures)).whole(&groups.iter().map(group).collect::<Vec<_>>())
}

fn group(group: &Group) -> Vec<String> {
    let keys = group.keys.iter().map(|key| if *key == Value::Unset { "-".to_owned() } else { inert(&key.to_string()) });
    let rest = [
        group.count.to_string(),
        group.errors.to_string(),
        group.average_us.map(millis).unwrap_or_default(),
        group.p95_us.map(millis).unwrap_or_default(),
    ];
    keys.chain(rest).collect()
}

/// Groups as one JSON object a line.
pub(super) fn groups_json(by: &[GroupBy], groups: &[Group]) -> io::Result<()> {
    groups.iter().try_for_each(|group| {
        let keys = by.iter().zip(&group.keys).map(|(by, key)| (by.to_string(), key.to_json()));
        let json = serde_json::json!({
            "keys": keys.collect::<serde_json::Map<_, _>>(),
            "count": group.count,
            "errors": group.errors,
            "average_us": group.average_us,
            "p95_us": group.p95_us,
        });
        say(inert_json(&json.to_string()))
    })
}

/// One JSON object per line. JSON escapes control characters itself; bidi characters are escaped here.
pub(super) fn json_lines(entries: &[Entry]) -> io::Result<()> {
    entries.iter().try_for_each(json_line)
}

/// A value as one line of JSON.
pub(super) fn json_line(value: &impl Serialize) -> io::Result<()> {
    say(inert_json(&serde_json::to_string(value)?))
}

/// One entry with details and payload, as indented JSON.
pub(super) fn entry(entry: &Entry, payload: Option<StoredPayload>) -> serde_json::Result<String> {
    let mut json = serde_json::to_value(entry)?;
    json["details"] = Json::Object(entry.details.clone());
    if let Some(payload) = payload {
        json["payload"] = serde_json::json!({ "request": payload.request, "response": payload.response });
    }
    Ok(serde_json::to_string_pretty(&json)?.lines().map(inert_json).collect::<Vec<_>>().join("\n"))
}

/// The text with control and bidirectional characters escaped.
pub(super) fn inert(text: &str) -> String {
    text.chars().flat_map(|char| if is_obeyed(char) { char.escape_unicode().collect() } else { vec![char] }).collect()
}

/// The same for a line of JSON, with JSON escapes. These characters are all below U+10000, and occur only in texts.
fn inert_json(line: &str) -> String {
    let escaped = |char: char| format!("\\u{:04x}", u32::from(char)).chars().collect();
    line.chars().flat_map(|char| if is_obeyed(char) { escaped(char) } else { vec![char] }).collect()
}

/// Whether a terminal interprets this character.
fn is_obeyed(char: char) -> bool {
    char.is_control() || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_sequence_reaches_the_terminal() {
        assert_eq!(inert("a\u{1b}[31mb\u{202e}c\r\n"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\\u{a}");
        assert_eq!(inert("grüße 🎉"), "grüße 🎉");
        for text in ["a\u{85}b", "\u{202e}\u{7f}", "\u{1b}[31m"] {
            let json = inert_json(&serde_json::json!({ "text": text }).to_string());
            assert!(json.is_ascii() && !json.chars().any(char::is_control), "{json}");
            assert_eq!(serde_json::from_str::<Json>(&json).expect("JSON")["text"], text);
        }
    }
}
