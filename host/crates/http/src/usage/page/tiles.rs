//! The totals as tiles: each number, its value in the previous period, and the link to its entries.

use mcp_audit_log_index::{Totals, Usage, UsageStats};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{change, count, duration, money, percent, rough};
use serde_json::{Value as Json, json};

use super::view::View;
use crate::query::usage_query;

/// The largest number that fits in large letters.
const ROOM: u64 = 10_000_000;

/// A group of related numbers. The first one is large.
pub(crate) struct Tile {
    pub(crate) main: Number,
    pub(crate) change: Option<String>,
    pub(crate) others: Vec<Number>,
}

/// A number as text, and its link.
pub(crate) struct Number {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// The exact number, if the text is rounded.
    pub(crate) exact: Option<String>,
    pub(crate) href: Option<String>,
}

/// The tiles. Those about language models are left out if none was used.
pub(crate) fn tiles(view: &View, usage: &Usage) -> Vec<Tile> {
    let (now, before) = (&usage.totals, usage.previous.as_ref());
    let stats = &now.stats;
    let number = |label, text: String, term: Option<Json>| Number {
        label,
        text,
        exact: None,
        href: view.entries(&usage.covered, &[], term),
    };
    let large = |label, value: u64, href| match value {
        ROOM.. => Number { label, text: rough(value), exact: Some(count(value)), href },
        _ => Number { label, text: count(value), exact: None, href },
    };
    // It leads to what took about as long or longer: a quantile is a sixteenth too high at most.
    let quantile = |label, micros: Option<u64>| match micros {
        Some(micros) => number(label, duration(micros), Some(json!(["duration_us", ">=", micros - micros / 16]))),
        None => Number { label, text: "–".to_owned(), exact: None, href: None },
    };
    // It leads to its breakdown.
    let unique = |(label, field): (&'static str, Field)| {
        let text = values(now, field).map_or_else(|| "unknown".to_owned(), count);
        Number { label, text, exact: None, href: Some(view.with("by", Some(field.name()))) }
    };
    let compared = |of: fn(&UsageStats) -> Option<u64>| {
        let before = of(&before?.stats).unwrap_or(0);
        Some(change(of(stats)?, before))
    };
    let success = |stats: &UsageStats| percent(stats.requests.saturating_sub(stats.errors), stats.requests);
    let rate = if stats.requests > 0 { success(stats) } else { "–".to_owned() };
    let errors = format!("{} ({})", count(stats.errors), percent(stats.errors, stats.requests));
    let all_requests = view.entries(&usage.covered, &[], None);
    let mut tiles = vec![
        Tile {
            main: large("Requests", stats.requests, all_requests),
            change: compared(|stats| Some(stats.requests)),
            others: vec![unique(("Tools", Field::Tool))],
        },
        Tile {
            main: number("Success", rate, Some(json!(["outcome", "=", "success"]))),
            change: before.filter(|it| it.stats.requests > 0).map(|it| format!("{} before", success(&it.stats))),
            others: vec![number("Errors", errors, Some(usage_query::failed()))],
        },
        Tile {
            main: quantile("P95", stats.p95_us),
            change: compared(|stats| stats.p95_us),
            others: vec![quantile("P50", stats.p50_us), quantile("P99", stats.p99_us)],
        },
        Tile {
            main: unique(("Users", Field::User)),
            change: before.and_then(|it| Some(change(values(now, Field::User)?, values(it, Field::User)?))),
            others: [("Servers", Field::Server), ("Connections", Field::Connection)].map(unique).into(),
        },
    ];
    let spent = |totals: &Totals| totals.stats.tokens() > 0 || totals.stats.cost_micros > 0;
    if spent(now) || before.is_some_and(spent) || values(now, Field::LlmModel).is_none_or(|models| models > 0) {
        let tokens = |label, tokens, field| number(label, count(tokens), Some(json!([field, ">", 0])));
        tiles.extend([
            Tile {
                main: unique(("Language models", Field::LlmModel)),
                change: None,
                others: [("Providers", Field::Provider), ("Keys", Field::ApiKey)].map(unique).into(),
            },
            Tile {
                main: large("Tokens", stats.tokens(), None),
                change: compared(|stats| Some(stats.tokens())),
                others: vec![
                    tokens("in", stats.input_tokens, "input_tokens"),
                    tokens("out", stats.output_tokens, "output_tokens"),
                ],
            },
            Tile {
                main: number("Cost", money(stats.cost_micros), Some(json!(["cost_micros", ">", 0]))),
                change: compared(|stats| Some(stats.cost_micros)),
                others: Vec::new(),
            },
        ]);
    }
    tiles
}

/// The number of different values of a field, if it is known.
fn values(totals: &Totals, field: Field) -> Option<u64> {
    totals.unique.iter().find(|(other, _)| *other == field).and_then(|(_, count)| *count)
}
