//! CSV as RFC 4180 has it, in UTF-8, so that a spreadsheet takes it for data and nothing in it for a formula.

use std::borrow::Cow;
use std::io;

use csv::{Terminator, Writer, WriterBuilder};

use super::cell::{Cell, Row};
use super::column::{Column, Columns};
use super::encoder::Encoder;
use crate::entry::Entry;
use crate::store::StoredPayload;

/// Without it, Excel takes UTF-8 for the code page of its country; everybody else passes over it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes rows of cells.
pub(super) struct Csv {
    columns: Vec<Column>,
    writer: Writer<Vec<u8>>,
}

impl Csv {
    pub(super) fn new(columns: &Columns) -> io::Result<Self> {
        let columns: Vec<_> = columns.iter().collect();
        let mut writer = writer(BYTE_ORDER_MARK.to_vec());
        writer.write_record(columns.iter().map(|column| column.name()))?;
        Ok(Self { columns, writer })
    }
}

fn writer(bytes: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(bytes)
}

impl Encoder for Csv {
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()> {
        let row = Row { entry, payload };
        for column in &self.columns {
            match row.cell(*column) {
                Cell::Unset => self.writer.write_field(""),
                Cell::Boolean(value) => self.writer.write_field(if value { "true" } else { "false" }),
                Cell::Integer(number) => self.writer.write_field(number.to_string()),
                Cell::Time(time) => self.writer.write_field(time.to_string()),
                Cell::Text(text) => self.writer.write_field(inert(&text).as_bytes()),
            }?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn pending(&self) -> usize {
        self.writer.get_ref().len()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        let full = std::mem::replace(&mut self.writer, writer(Vec::new()));
        full.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.take()
    }
}

/// The text so that no spreadsheet computes it: an apostrophe before what would begin a formula. One goes before what
/// begins with an apostrophe too, so that whoever takes one away everywhere has the texts as they were. NUL, which ends
/// a text for many readers, is the one character that is replaced.
fn inert(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() };
    if is_formula(&text) { format!("'{text}").into() } else { text }
}

fn is_formula(text: &str) -> bool {
    // With their wide forms, which some spreadsheets read alike.
    const FIRST: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];
    text.starts_with(FIRST) && !is_negative_number(text)
}

/// A number that is negative is no formula, and stays one.
fn is_negative_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('-').is_some_and(|number| match number.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_a_formula_and_everything_can_be_had_back() {
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
