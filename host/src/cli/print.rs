//! Entries and groups as text for a terminal. Nothing that an entry holds may move the cursor or colour the screen.

use std::io;

use mcp_audit::entry::Entry;
use mcp_audit::field::Field;
use mcp_audit::store::{Group, GroupBy, StoredPayload};
use mcp_audit::value::Value;
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

/// A table of entries.
pub(super) fn table(entries: &[Entry]) -> io::Result<()> {
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry).into()).collect();
    columns(&COLUMNS, &rows)?;
    if rows.is_empty() {
        note("No entries match.");
    }
    Ok(())
}

/// A table, as wide as its content needs within each column's limit.
fn columns(columns: &[(&str, usize)], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |at: usize| {
        let longest = rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        longest.clamp(columns[at].0.len(), columns[at].1)
    };
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(columns).zip(&widths);
        let cells: Vec<_> =
            cells.map(|((cell, (_, most)), width)| format!("{:1$}", cut(cell, *most), *width)).collect();
        say(cells.join("  ").trim_end())
    };
    line(&columns.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| line(row))
}

fn row(entry: &Entry) -> [String; COLUMNS.len()] {
    let text = |field| inert(entry.text(field).unwrap_or_default());
    let target = [Field::Tool, Field::Prompt, Field::ResourceUri, Field::ResourceName, Field::ResourceId, Field::Path]
        .into_iter();
    let target = target.map(text).find(|text| !text.is_empty()).unwrap_or_default();
    let time: String = entry.occurred_at.to_string().chars().take(19).chain(['Z']).collect();
    let duration = entry.duration_us.map(millis);
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

/// A table of groups.
pub(super) fn groups(by: &[GroupBy], groups: &[Group]) -> io::Result<()> {
    let names: Vec<_> = by.iter().map(|by| by.to_string().to_uppercase()).collect();
    let levels = names.iter().map(|name| (name.as_str(), 48.max(name.len())));
    let heads: Vec<_> = levels.chain([("ENTRIES", 12), ("ERRORS", 12), ("AVERAGE MS", 12), ("P95 MS", 12)]).collect();
    let rows: Vec<Vec<String>> = groups.iter().map(group).collect();
    columns(&heads, &rows)?;
    if rows.is_empty() {
        note("No entries match.");
    }
    Ok(())
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
        say(inert(&json.to_string()))
    })
}

fn millis(micros: u64) -> String {
    format!("{:.1}", micros as f64 / 1_000.0)
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
fn inert(text: &str) -> String {
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
