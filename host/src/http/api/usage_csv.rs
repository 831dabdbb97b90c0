//! Usage as a table in CSV (RFC 4180): a line for each point of the series, or for each row of the breakdown.
//!
//! Spreadsheets take a cell for a formula that begins like one, so such a text gets an apostrophe before it.

use std::borrow::Cow;

use crate::store::{Figures, Usage};
use crate::value::Value;

/// The columns of figures, in order.
const FIGURES: [&str; 10] = [
    "requests",
    "errors",
    "success_ratio",
    "average_us",
    "p50_us",
    "p95_us",
    "p99_us",
    "input_tokens",
    "output_tokens",
    "cost_micros",
];

/// The table with its header. Every line says which range it is about, and whether anything is missing in it.
pub(super) fn table(usage: &Usage) -> String {
    let complete = usage.lacks.is_empty().to_string();
    let mut table = String::new();
    match usage.breakdowns.first() {
        Some(breakdown) => {
            line(&mut table, ["from", "to", "complete", breakdown.field.name(), "users"].into_iter().chain(FIGURES));
            let (from, to) = (usage.covered.start.to_string(), usage.covered.end.to_string());
            for row in &breakdown.rows {
                let key = if row.key == Value::Unset { String::new() } else { row.key.to_string() };
                let cells = [from.clone(), to.clone(), complete.clone(), inert(&key).into_owned(), number(row.users)];
                line(&mut table, cells.into_iter().chain(figures(&row.figures)));
            }
        }
        None => {
            line(&mut table, ["from", "to", "complete"].into_iter().chain(FIGURES));
            for point in &usage.series {
                let cells = [point.from.to_string(), point.to.to_string(), complete.clone()];
                line(&mut table, cells.into_iter().chain(figures(&point.figures)));
            }
        }
    }
    table
}

fn figures(figures: &Figures) -> [String; 10] {
    [
        figures.requests.to_string(),
        figures.errors.to_string(),
        figures.success_ratio().map_or_else(String::new, |ratio| format!("{ratio:.6}")),
        number(figures.average_us),
        number(figures.p50_us),
        number(figures.p95_us),
        number(figures.p99_us),
        figures.input_tokens.to_string(),
        figures.output_tokens.to_string(),
        figures.cost_micros.to_string(),
    ]
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn line(table: &mut String, cells: impl Iterator<Item = impl AsRef<str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            table.push(',');
        }
        table.push_str(&quoted(cell.as_ref()));
    }
    table.push_str("\r\n");
}

fn quoted(cell: &str) -> Cow<'_, str> {
    match cell.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")).into(),
        false => cell.into(),
    }
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell() {
        let cell = |text| quoted(&inert(text)).into_owned();
        assert_eq!(cell("search"), "search");
        assert_eq!(cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
        assert_eq!(["+1", "-1", "@x", "\tx", "a-b"].map(cell), ["'+1", "'-1", "'@x", "'\tx", "a-b"]);
        assert_eq!(cell("a\nb"), "\"a\nb\"");
    }
}
