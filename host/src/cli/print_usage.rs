//! Usage as text for a terminal.

use std::io;

use mcp_audit_log::price::money;
use mcp_audit_log::store::{Breakdown, Point, Usage, UsageStats};
use mcp_audit_log::time::Timestamp;
use mcp_audit_log::value::Value;
use serde_json::{Value as Json, json};

use super::common::say;
use super::print::{Table, inert, millis};

/// The columns of figures.
const FIGURES: [&str; 9] =
    ["REQUESTS", "ERRORS", "SUCCESS", "AVERAGE MS", "P50 MS", "P95 MS", "P99 MS", "TOKENS", "COST"];

/// The totals, then each breakdown; the series where there is none.
pub(super) fn tables(usage: &Usage) -> io::Result<()> {
    let mut rows = vec![row(vec!["all".to_owned()], &usage.totals.stats)];
    let before = usage.previous.as_ref().map(|(_, totals)| row(vec!["previous period".to_owned()], &totals.stats));
    rows.extend(before);
    say(format_args!("{} to {}", moment(usage.covered.start), moment(usage.covered.end)))?;
    table(&["TOTAL"], &rows)?;
    let unique =
        usage.totals.unique.iter().map(|(field, count)| {
            format!("{} {}", count.map_or("?".to_owned(), |count| count.to_string()), field.name())
        });
    say(format_args!("distinct values: {}", unique.collect::<Vec<_>>().join(", ")))?;
    for breakdown in &usage.breakdowns {
        say("")?;
        table(&[&breakdown.field.name().to_uppercase(), "USERS"], &rows_of(breakdown))?;
        if breakdown.found > breakdown.rows.len() {
            say(format_args!("{} of {}; raise --limit for more", breakdown.rows.len(), breakdown.found))?;
        }
    }
    if usage.breakdowns.is_empty() {
        say("")?;
        let point = |point: &Point| row(vec![moment(point.from)], &point.stats);
        table(&["FROM"], &usage.series.iter().map(point).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn rows_of(breakdown: &Breakdown) -> Vec<Vec<String>> {
    let key = |key: &Value| if *key == Value::Unset { "-".to_owned() } else { inert(&key.to_string()) };
    let users = |users: Option<u64>| users.map_or("?".to_owned(), |users| users.to_string());
    breakdown.rows.iter().map(|one| row(vec![key(&one.key), users(one.users)], &one.stats)).collect()
}

fn table(first: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let columns = first.iter().map(|name| ((*name).to_owned(), 48));
    Table::new(columns.chain(FIGURES.map(|name| (name.to_owned(), 20)))).whole(rows)
}

fn row(mut cells: Vec<String>, figures: &UsageStats) -> Vec<String> {
    let time = |micros: Option<u64>| micros.map(millis).unwrap_or_default();
    let ratio = figures.success_ratio().map(|ratio| format!("{:.1} %", ratio * 100.0));
    let tokens = figures.input_tokens.saturating_add(figures.output_tokens);
    cells.extend([
        figures.requests.to_string(),
        figures.errors.to_string(),
        ratio.unwrap_or_default(),
        time(figures.average_us),
        time(figures.p50_us),
        time(figures.p95_us),
        time(figures.p99_us),
        tokens.to_string(),
        money(figures.cost_micros),
    ]);
    cells
}

fn moment(at: Timestamp) -> String {
    at.to_string().chars().take(16).chain(['Z']).collect()
}

/// All of it as one JSON object.
pub(super) fn json(usage: &Usage) -> io::Result<()> {
    let span = |range: &std::ops::Range<Timestamp>| json!({ "from": range.start, "to": range.end });
    let point = |point: &Point| with(span(&(point.from..point.to)), &point.stats);
    let breakdown = |one: &Breakdown| {
        let rows = one.rows.iter().map(|row| with(json!({ "key": row.key.to_json(), "users": row.users }), &row.stats));
        json!({ "by": one.field.name(), "found": one.found, "rows": rows.collect::<Vec<_>>() })
    };
    let unique = usage.totals.unique.iter().map(|(field, count)| (field.name().to_owned(), json!(count)));
    let json = json!({
        "asked": span(&usage.asked),
        "covered": span(&usage.covered),
        "complete": usage.missing.is_empty(),
        "notes": usage.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "totals": with(json!({ "unique": unique.collect::<serde_json::Map<_, _>>() }), &usage.totals.stats),
        "previous": usage.previous.as_ref().map(|(range, totals)| with(span(range), &totals.stats)),
        "step": usage.step.as_str(),
        "series": usage.series.iter().map(point).collect::<Vec<_>>(),
        "breakdowns": usage.breakdowns.iter().map(breakdown).collect::<Vec<_>>(),
    });
    say(inert(&json.to_string()))
}

/// The figures beside what they are about.
fn with(mut about: Json, figures: &UsageStats) -> Json {
    if let (Json::Object(about), Ok(Json::Object(figures))) = (&mut about, serde_json::to_value(figures)) {
        about.extend(figures);
    }
    about
}
