//! Tables on standard output, and statistics of measurements.

use std::time::Duration;

/// A Markdown table with columns as wide as their content, for pasting into a document.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|name| (*name).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it under a title.
    pub(crate) fn print(&self, title: &str) {
        let widths: Vec<_> = (0..self.rows[0].len()).map(|at| self.width(at)).collect();
        println!("\n{title}\n");
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let line: String = cells.map(|(at, (cell, width))| padded(at, cell, *width)).collect();
            println!("|{line}");
            if number == 0 {
                let rule = |(at, width): (usize, &usize)| {
                    format!("{}{}|", "-".repeat(width + 1), if at == 0 { "-" } else { ":" })
                };
                println!("|{}", widths.iter().enumerate().map(rule).collect::<String>());
            }
        }
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    }
}

/// Labels are aligned left, figures right.
fn padded(column: usize, cell: &str, width: usize) -> String {
    if column == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
}

/// Measured durations.
#[derive(Default)]
pub(crate) struct Sample(Vec<u64>);

impl Sample {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_nanos() as u64);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The duration, in microseconds, that `percent` percent of the measurements do not exceed.
    pub(crate) fn percentile(&mut self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return f64::NAN;
        }
        let at = ((self.0.len() as f64 * percent / 100.0) as usize).min(self.0.len() - 1);
        *self.0.select_nth_unstable(at).1 as f64 / 1_000.0
    }

    pub(crate) fn median(&mut self) -> f64 {
        self.percentile(50.0)
    }
}

/// The rate of `count` things per second.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// A figure with its significant digits.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        large if large >= 1_000.0 => thousands(value),
        middle if middle >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        middle if middle >= 0.1 || value == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
