//! Usage as a table in CSV: a line for each point of the series, or for each row of the breakdown.

use std::io;

use super::Table;
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

/// The table in CSV with its header: of the first breakdown, or of the series if there is none. Every line has its
/// range, and whether data is missing in it.
///
/// # Errors
/// There is no memory for it.
pub fn usage_table(usage: &Usage) -> io::Result<Vec<u8>> {
    let complete = usage.lacks.is_empty().to_string();
    match usage.breakdowns.first() {
        Some(breakdown) => {
            let names = ["from", "to", "complete", breakdown.field.name(), "users"];
            let mut table = Table::new(names.into_iter().chain(FIGURES))?;
            let (from, to) = (usage.covered.start.to_string(), usage.covered.end.to_string());
            for row in &breakdown.rows {
                [&from, &to, &complete].into_iter().try_for_each(|cell| table.cell(cell))?;
                table.text(&if row.key == Value::Unset { String::new() } else { row.key.to_string() })?;
                table.cell(number(row.users))?;
                end(&mut table, &row.figures)?;
            }
            table.take()
        }
        None => {
            let mut table = Table::new(["from", "to", "complete"].into_iter().chain(FIGURES))?;
            for point in &usage.series {
                let cells = [point.from.to_string(), point.to.to_string(), complete.clone()];
                cells.iter().try_for_each(|cell| table.cell(cell))?;
                end(&mut table, &point.figures)?;
            }
            table.take()
        }
    }
}

/// The line's figures, and its end.
fn end(table: &mut Table, figures: &Figures) -> io::Result<()> {
    let cells = [
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
    ];
    cells.iter().try_for_each(|cell| table.cell(cell))?;
    table.end()
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}
