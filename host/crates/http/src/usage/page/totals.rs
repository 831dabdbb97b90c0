//! The totals as tiles: each figure, its value in the previous period, and the link to its entries.

use std::ops::Range;

use mcp_audit_log_index::{UsageStats, Totals, Usage};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::price;
use mcp_audit_log_model::time::Timestamp;
use serde_json::{Value as Json, json};

use super::view::View;
use crate::query::usage_query;
use crate::ui::text::{count, duration, percent};

/// What has room in large letters.
const ROOM: u64 = 10_000_000;

/// Some figures that belong together, the first of them large.
pub(crate) struct Tile {
    pub(crate) label: &'static str,
    pub(crate) main: Figure,
    pub(crate) change: Option<String>,
    pub(crate) others: Vec<Figure>,
}

/// A figure as text, and its link.
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// The same exactly, where there was no room for that.
    pub(crate) exact: Option<String>,
    pub(crate) href: Option<String>,
}

/// What the tiles are made of.
struct Maker<'a> {
    view: &'a View,
    range: &'a Range<Timestamp>,
    now: &'a Totals,
    before: Option<&'a Totals>,
}

/// The tiles; those about language models only where one was used.
pub(crate) fn tiles(view: &View, usage: &Usage) -> Vec<Tile> {
    let before = usage.previous.as_ref().map(|(_, totals)| totals);
    let maker = Maker { view, range: &usage.covered, now: &usage.totals, before };
    let models = maker.any(|figures| tokens(figures) + figures.cost_micros) || maker.has(Field::LlmModel);
    let mut tiles = vec![maker.requests(), maker.success(), maker.duration(), maker.who()];
    if models {
        tiles.extend([maker.models(), maker.tokens(), maker.cost()]);
    }
    tiles
}

impl Maker<'_> {
    fn requests(&self) -> Tile {
        let main = large(self.figure("Requests", String::new(), None), self.now.stats.requests);
        let change = self.change(|figures| Some(figures.requests));
        Tile { label: "Requests", main, change, others: vec![self.unique("Tools", Field::Tool)] }
    }

    fn success(&self) -> Tile {
        let told =
            |figures: &UsageStats| percent(figures.requests - figures.errors.min(figures.requests), figures.requests);
        let figures = &self.now.stats;
        let text = if figures.requests > 0 { told(figures) } else { "–".to_owned() };
        let before = self.before.map(|totals| totals.stats).filter(|before| before.requests > 0);
        let href = self.view.entries(self.range, None, Some(json!(["outcome", "=", "success"])));
        let share = format!("{} ({})", count(figures.errors), percent(figures.errors, figures.requests));
        Tile {
            label: "Success",
            main: Figure { label: "Success", text, exact: None, href },
            change: before.map(|before| format!("{} before", told(&before))),
            others: vec![self.figure("Errors", share, Some(usage_query::failed()))],
        }
    }

    fn duration(&self) -> Tile {
        let figures = &self.now.stats;
        Tile {
            label: "P95",
            main: self.within("P95", figures.p95_us),
            change: self.change(|figures| figures.p95_us),
            others: vec![self.within("P50", figures.p50_us), self.within("P99", figures.p99_us)],
        }
    }

    fn who(&self) -> Tile {
        let others = [("Servers", Field::Server), ("Connections", Field::Connection)];
        Tile {
            label: "Users",
            main: self.unique("Users", Field::User),
            change: self.before.and_then(|before| {
                Some(change(self.counted(self.now, Field::User)?, self.counted(before, Field::User)?))
            }),
            others: others.map(|(label, field)| self.unique(label, field)).into(),
        }
    }

    fn models(&self) -> Tile {
        let others = [("Providers", Field::Provider), ("Keys", Field::ApiKey)];
        Tile {
            label: "Models",
            main: self.unique("Models", Field::LlmModel),
            change: None,
            others: others.map(|(label, field)| self.unique(label, field)).into(),
        }
    }

    fn tokens(&self) -> Tile {
        let figures = &self.now.stats;
        let part = |label, number, field: Field| self.figure(label, count(number), Some(json!([field.name(), ">", 0])));
        Tile {
            label: "Tokens",
            main: large(Figure { label: "Tokens", text: String::new(), exact: None, href: None }, tokens(figures)),
            change: self.change(|figures| Some(tokens(figures))),
            others: vec![
                part("in", figures.input_tokens, Field::InputTokens),
                part("out", figures.output_tokens, Field::OutputTokens),
            ],
        }
    }

    fn cost(&self) -> Tile {
        let term = json!([Field::CostMicros.name(), ">", 0]);
        Tile {
            label: "Cost",
            main: self.figure("Cost", money(self.now.stats.cost_micros), Some(term)),
            change: self.change(|figures| Some(figures.cost_micros)),
            others: Vec::new(),
        }
    }

    /// A figure that leads to its entries.
    fn figure(&self, label: &'static str, text: String, term: Option<Json>) -> Figure {
        Figure { label, text, exact: None, href: self.view.entries(self.range, None, term) }
    }

    /// A quantile, which leads to what took about as long or longer: it is a sixteenth too high at most.
    fn within(&self, label: &'static str, micros: Option<u64>) -> Figure {
        let Some(micros) = micros else { return Figure { label, text: "–".to_owned(), exact: None, href: None } };
        self.figure(label, duration(micros), Some(json!([Field::DurationUs.name(), ">=", micros - micros / 16])))
    }

    /// How many values a field has, which leads to its breakdown.
    fn unique(&self, label: &'static str, field: Field) -> Figure {
        let text = self.counted(self.now, field).map_or_else(|| "unknown".to_owned(), count);
        Figure { label, text, exact: None, href: Some(self.view.with("by", Some(field.name()))) }
    }

    fn counted(&self, totals: &Totals, field: Field) -> Option<u64> {
        totals.unique.iter().find(|(other, _)| *other == field).and_then(|(_, count)| *count)
    }

    fn has(&self, field: Field) -> bool {
        self.counted(self.now, field).is_none_or(|count| count > 0)
    }

    fn any(&self, figure: impl Fn(&UsageStats) -> u64) -> bool {
        self.before.into_iter().chain([self.now]).any(|totals| figure(&totals.stats) > 0)
    }

    fn change(&self, figure: impl Fn(&UsageStats) -> Option<u64>) -> Option<String> {
        let before = figure(&self.before?.stats);
        Some(change(figure(&self.now.stats)?, before.unwrap_or(0)))
    }
}

/// A number in large letters: roughly, where there is no room for all of it.
fn large(figure: Figure, number: u64) -> Figure {
    match number {
        ROOM.. => Figure { text: rough(number), exact: Some(count(number)), ..figure },
        _ => Figure { text: count(number), ..figure },
    }
}

fn tokens(figures: &UsageStats) -> u64 {
    figures.input_tokens.saturating_add(figures.output_tokens)
}

/// Money in the platform's currency; small amounts have more decimals.
pub(crate) fn money(micros: u64) -> String {
    let plain = price::money(micros);
    let grouped =
        plain.split_once('.').and_then(|(whole, rest)| Some(format!("{}.{rest}", count(whole.parse().ok()?))));
    grouped.unwrap_or(plain)
}

/// A number for an axis, where there is no room.
pub(crate) fn rough(number: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) if (number % size) * 10 / size > 0 => {
            format!("{}.{}\u{a0}{unit}", number / size, number % size * 10 / size)
        }
        Some((unit, size)) => format!("{}\u{a0}{unit}", number / size),
        None => number.to_string(),
    }
}

/// The change of a figure in percent.
pub(crate) fn change(now: u64, before: u64) -> String {
    if now == before {
        return "as before".to_owned();
    }
    if before == 0 {
        return "none before".to_owned();
    }
    let by = u128::from(now.abs_diff(before)) * 100;
    let by = (by + u128::from(before) / 2) / u128::from(before);
    let sign = if now > before { '+' } else { '−' };
    match by {
        0 if now > before => "up by less than 1 %".to_owned(),
        0 => "down by less than 1 %".to_owned(),
        by if by > 999 => format!("{} × before", count(now / before)),
        by => format!("{sign}{by} %"),
    }
}

/// A range, to the minute.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let minute = |at: Timestamp| at.to_utc().format("%Y-%m-%d %H:%M").to_string();
    format!("{} – {} UTC", minute(from), minute(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped() {
        assert_eq!(money(12_300), "0.0123");
        assert_eq!(money(1_234_567_890_000), "1\u{202f}234\u{202f}567.89");
    }

    #[test]
    fn changes_are_relative_to_the_previous_period() {
        let told = [(0, 0), (5, 0), (0, 5), (112, 100), (90, 100), (10_001, 10_000), (50, 1)];
        let told = told.map(|(now, before)| change(now, before));
        let words = ["as before", "none before", "−100 %", "+12 %", "−10 %", "up by less than 1 %", "50 × before"];
        assert_eq!(told, words);
        assert_eq!([999, 1_000, 1_500, 2_000_000].map(rough), ["999", "1\u{a0}k", "1.5\u{a0}k", "2\u{a0}M"]);
    }
}
