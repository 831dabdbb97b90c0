//! CSV tables as in RFC 4180, which a spreadsheet reads as data, never as a formula; and usage as such a table.

use std::borrow::Cow;
use std::io;

use csv::{Terminator, Writer, WriterBuilder};
use mcp_audit_log_index::{Usage, UsageStats};
use mcp_audit_log_model::value::Value;

/// Without it, Excel reads UTF-8 as a local code page; other programs ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines of cells, written into memory.
pub struct Table(Writer<Vec<u8>>);

impl Table {
    /// A table with these column names.
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> io::Result<Self> {
        let mut writer = writer(BYTE_ORDER_MARK.to_vec());
        writer.write_record(names)?;
        Ok(Self(writer))
    }

    /// Adds a cell from the log itself: a number or a time.
    pub fn cell(&mut self, cell: impl AsRef<[u8]>) -> io::Result<()> {
        Ok(self.0.write_field(cell)?)
    }

    /// Adds a cell with a text from outside.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.cell(inert(text).as_bytes())
    }

    /// Ends the line.
    pub fn end(&mut self) -> io::Result<()> {
        Ok(self.0.write_record(None::<&[u8]>)?)
    }

    /// The number of bytes that are ready.
    pub(super) fn pending(&self) -> usize {
        self.0.get_ref().len()
    }

    /// The bytes written since the last call.
    pub fn take(&mut self) -> io::Result<Vec<u8>> {
        let full = std::mem::replace(&mut self.0, writer(Vec::new()));
        full.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

fn writer(bytes: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(bytes)
}

/// The text in a form that no spreadsheet computes: an apostrophe before anything that would begin a formula. Texts
/// that begin with an apostrophe get one too, so that removing one everywhere restores the texts. NUL, which ends a
/// text for many readers, is the one character that is replaced.
fn inert(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() };
    if is_formula(&text) { format!("'{text}").into() } else { text }
}

fn is_formula(text: &str) -> bool {
    // With their wide forms, which some spreadsheets read alike.
    const FIRST: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];
    text.starts_with(FIRST) && !is_negative_number(text)
}

/// A negative number is not a formula, and stays unchanged.
fn is_negative_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('-').is_some_and(|number| match number.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(number),
    })
}

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
/// There is not enough memory.
pub fn usage_table(usage: &Usage) -> io::Result<Vec<u8>> {
    let complete = usage.missing.is_empty().to_string();
    match usage.breakdowns.first() {
        Some(breakdown) => {
            let fields = breakdown.by.fields().map(|field| -> &str { field.name() });
            let mut table =
                Table::new(["from", "to", "complete"].into_iter().chain(fields).chain(["users"]).chain(FIGURES))?;
            let (from, to) = (usage.covered.start.to_string(), usage.covered.end.to_string());
            for row in &breakdown.rows {
                [&from, &to, &complete].into_iter().try_for_each(|cell| table.cell(cell))?;
                for key in std::iter::once(&row.key).chain(&row.second_key) {
                    table.text(&if *key == Value::Unset { String::new() } else { key.to_string() })?;
                }
                table.cell(number(row.users))?;
                end(&mut table, &row.stats)?;
            }
            table.take()
        }
        None => {
            let mut table = Table::new(["from", "to", "complete"].into_iter().chain(FIGURES))?;
            for point in &usage.series {
                let cells = [point.from.to_string(), point.to.to_string(), complete.clone()];
                cells.iter().try_for_each(|cell| table.cell(cell))?;
                end(&mut table, &point.stats)?;
            }
            table.take()
        }
    }
}

/// The line's figures, and its end.
fn end(table: &mut Table, figures: &UsageStats) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_never_become_formulas_and_can_be_restored() {
        for text in ["=1+1", "+1", "-1+1", "-", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "＝1", "-1.", "-.5", "--1"]
        {
            let cell = inert(text);
            assert_eq!(cell.strip_prefix('\''), Some(text), "{text:?}");
        }
        for text in ["", "-5", "-1.25", "1=1", " =1", "a'b", "grüße", "\"=1\"", "2026-11-21"] {
            assert_eq!(inert(text), text);
        }
        assert_eq!(inert("=a\0b"), "'=a\u{fffd}b");
    }
}
