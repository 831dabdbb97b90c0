//! The stored form of an entry: one blob, with numbers of variable length. `docs/ledger.md` specifies it.

use std::ops::Range;

use super::layout::{COLUMNS, COMMON, Form, Numbers, ORDER, Part, WHOLE_ID, WHOLE_ID_BIT, form};
use mcp_audit_log_index::{ColumnValue, Row, VERSION};
use mcp_audit_log_ledger::VERSION as LEAF_VERSION;
use mcp_audit_log_model::field::Field;

/// Times are stored as distances from this one, 2026-01-01, so that they are short.
const BASE: i64 = 1_767_225_600_000_000;
/// The longest text that is stored as hexadecimal digits.
const LONGEST_HEX: usize = 64;
/// How many columns are texts.
const TEXTS: usize = 3;

/// Appends the stored form of a row. The columns of a part that has a number are left out. `None` if a column has a
/// value that it cannot have.
pub(super) fn pack(row: &dyn Row, numbers: Numbers, into: &mut Vec<u8>) -> Option<()> {
    let time = |field: Field| match row.column(field as usize) {
        ColumnValue::Integer(micros) => Some(micros),
        _ => None,
    };
    let (recorded_at, occurred_at) = (time(Field::RecordedAt)?, time(Field::OccurredAt)?);
    let ColumnValue::Bytes(id) = row.column(Field::Id as usize) else { return None };
    let id: &[u8; 16] = id.try_into().ok()?;
    let tail = id.strip_prefix(&beginning(occurred_at));
    let mut mask = mask(row, 0..COMMON);
    for (part, number) in Part::ALL.into_iter().zip(numbers) {
        put(number, into);
        if number == 0 {
            mask |= self::mask(row, part.bits());
        }
    }
    if tail.is_none() {
        mask |= WHOLE_ID_BIT;
    }
    put_signed(recorded_at.wrapping_sub(BASE), into);
    put(mask, into);
    put_signed(recorded_at.wrapping_sub(occurred_at), into);
    into.extend_from_slice(tail.unwrap_or(id));
    put_values(row, mask, into)
}

/// Appends the stored form of the common columns of a row; nothing if it has none of them.
pub(super) fn pack_common(row: &dyn Row, part: Part, into: &mut Vec<u8>) -> Option<()> {
    let mask = mask(row, part.bits());
    if mask == 0 {
        return Some(());
    }
    put(mask >> COMMON, into);
    put_values(row, mask, into)
}

/// The bits of the columns that are set.
fn mask(row: &dyn Row, bits: Range<usize>) -> u64 {
    let is_set = |bit: &usize| match row.column(ORDER[*bit]) {
        ColumnValue::Unset => false,
        ColumnValue::Integer(version) if ORDER[*bit] == VERSION => version != i64::from(LEAF_VERSION),
        _ => ORDER[*bit] != WHOLE_ID,
    };
    bits.filter(is_set).fold(0, |mask, bit| mask | 1 << bit)
}

/// The bits of a mask, from the lowest on.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(bit)
    })
}

fn put_values(row: &dyn Row, mask: u64, into: &mut Vec<u8>) -> Option<()> {
    for column in bits(mask).map(|bit| ORDER[bit]) {
        match (form(column), row.column(column)) {
            (Form::Mark, _) => {}
            (Form::Number, ColumnValue::Integer(number)) => put_signed(number, into),
            (Form::Term, ColumnValue::Integer(number)) => put(u64::try_from(number).ok()?, into),
            (Form::Text, ColumnValue::Text(text)) => put_text(text, into),
            (Form::Bytes(length), ColumnValue::Bytes(bytes)) if bytes.len() == length => into.extend_from_slice(bytes),
            _ => return None,
        }
    }
    Some(())
}

/// How an id of version 7 begins that was made at this time.
fn beginning(occurred_at: i64) -> [u8; 6] {
    let [_, _, millis @ ..] = occurred_at.div_euclid(1_000).to_be_bytes();
    millis
}

fn put(mut number: u64, into: &mut Vec<u8>) {
    while number > 0x7f {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn put_signed(number: i64, into: &mut Vec<u8>) {
    put(((number << 1) ^ (number >> 63)).cast_unsigned(), into);
}

/// A number for the length, with the kind of text in its two lowest bits, and what the kind needs.
fn put_text(text: &str, into: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let is_number = matches!(bytes, [b'0'] | [b'1'..=b'9', ..]) && bytes.len() <= 18;
    if let Some(number) = is_number.then(|| text.parse::<u64>().ok()).flatten() {
        put(number << 2 | 1, into);
    } else if bytes.len().is_multiple_of(2) && (8..=LONGEST_HEX).contains(&bytes.len()) && bytes.iter().all(is_hex) {
        put((bytes.len() as u64 / 2) << 2 | 2, into);
        into.extend(bytes.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])));
    } else {
        put((bytes.len() as u64) << 2, into);
        into.extend_from_slice(bytes);
    }
}

fn digit(hex: u8) -> u8 {
    if hex.is_ascii_digit() { hex - b'0' } else { hex - b'a' + 10 }
}

/// A value of an unpacked row.
#[derive(Clone, Copy)]
enum Slot<'a> {
    Unset,
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A text that the stored form does not contain as it is: a part of [`Unpacked::made`].
    Made(u16, u16),
}

/// The columns of a stored row.
pub(super) struct Unpacked<'a> {
    slots: [Slot<'a>; COLUMNS],
    id: [u8; 16],
    /// The texts that the stored form does not contain as they are. All may be such, and of the greatest length.
    made: [u8; TEXTS * LONGEST_HEX],
    end: u16,
    /// The numbers of its common columns.
    pub(super) numbers: Numbers,
}

/// The common columns of entries: each column, with its number.
pub(super) type Common = Box<[(u8, i64)]>;

/// Reads what [`pack_common`] wrote; `None` if it did not write this.
pub(super) fn unpack_common(bytes: &[u8]) -> Option<Common> {
    let mut bytes = Bytes(bytes);
    let mask = bytes.number()?;
    if mask == 0 || mask >> (ORDER.len() - COMMON) != 0 {
        return None;
    }
    let read = |bit: usize| {
        let column = ORDER[bit];
        let number = match form(column) {
            Form::Number => bytes.signed()?,
            _ => i64::try_from(bytes.number()?).ok()?,
        };
        Some((column as u8, number))
    };
    let common: Option<Vec<_>> = bits(mask << COMMON).map(read).collect();
    common.filter(|_| bytes.0.is_empty()).map(Vec::into_boxed_slice)
}

/// Common columns as a row that has nothing else.
pub(super) struct CommonRow<'a>(pub(super) &'a Common);

impl Row for CommonRow<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        let found = self.0.iter().find(|(column, _)| usize::from(*column) == at);
        found.map_or(ColumnValue::Unset, |(_, number)| ColumnValue::Integer(*number))
    }
}

impl<'a> Unpacked<'a> {
    /// Reads what [`pack`] wrote, without the columns that have a number; `None` if it did not write this.
    pub(super) fn read(seq: u64, bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let numbers = [bytes.number()?, bytes.number()?];
        let recorded_at = bytes.signed()?.wrapping_add(BASE);
        let mask = bytes.number()?;
        let occurred_at = recorded_at.wrapping_sub(bytes.signed()?);
        let mut row =
            Self { slots: [Slot::Unset; COLUMNS], id: [0; 16], made: [0; TEXTS * LONGEST_HEX], end: 0, numbers };
        if mask & WHOLE_ID_BIT == 0 {
            row.id[..6].copy_from_slice(&beginning(occurred_at));
            row.id[6..].copy_from_slice(bytes.take(10)?);
        } else {
            row.id.copy_from_slice(bytes.take(16)?);
        }
        row.slots[Field::Seq as usize] = Slot::Integer(seq.cast_signed());
        row.slots[Field::RecordedAt as usize] = Slot::Integer(recorded_at);
        row.slots[Field::OccurredAt as usize] = Slot::Integer(occurred_at);
        row.slots[VERSION] = Slot::Integer(LEAF_VERSION.into());
        let named = Part::ALL.into_iter().zip(numbers).filter(|(_, number)| *number > 0);
        let elsewhere = named.flat_map(|(part, _)| part.bits()).fold(0, |mask, bit| mask | 1 << bit);
        if mask & elsewhere != 0 || mask >> ORDER.len() != 0 {
            return None;
        }
        for column in bits(mask).map(|bit| ORDER[bit]) {
            let slot = match form(column) {
                Form::Mark => continue,
                Form::Number => Slot::Integer(bytes.signed()?),
                Form::Term => Slot::Integer(i64::try_from(bytes.number()?).ok()?),
                Form::Bytes(length) => Slot::Bytes(bytes.take(length)?),
                Form::Text => row.text(&mut bytes)?,
            };
            row.slots[column] = slot;
        }
        bytes.0.is_empty().then_some(row)
    }

    /// Adds the common columns of a part.
    pub(super) fn add(&mut self, part: Part, common: &Common) -> Option<()> {
        for (column, number) in common {
            let column = usize::from(*column);
            if !part.has(column) {
                return None;
            }
            self.slots[column] = Slot::Integer(*number);
        }
        Some(())
    }

    fn text(&mut self, bytes: &mut Bytes<'a>) -> Option<Slot<'a>> {
        let number = bytes.number()?;
        let (kind, number) = (number & 3, number >> 2);
        let length = usize::try_from(number).ok()?;
        Some(match kind {
            0 => Slot::Text(std::str::from_utf8(bytes.take(length)?).ok()?),
            1 => self.make(number.to_string().as_bytes())?,
            2 if length <= LONGEST_HEX / 2 => {
                let (mut digits, hex) = ([0; LONGEST_HEX], b"0123456789abcdef");
                for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes.take(length)?) {
                    pair.copy_from_slice(&[hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
                }
                self.make(&digits[..2 * length])?
            }
            _ => return None,
        })
    }

    fn make(&mut self, text: &[u8]) -> Option<Slot<'a>> {
        let (begin, end) = (self.end, usize::from(self.end) + text.len());
        self.made.get_mut(usize::from(begin)..end)?.copy_from_slice(text);
        self.end = u16::try_from(end).ok()?;
        Some(Slot::Made(begin, self.end))
    }
}

impl Row for Unpacked<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self.slots.get(at).copied().unwrap_or(Slot::Unset) {
            Slot::Unset if at == Field::Id as usize => ColumnValue::Bytes(&self.id),
            Slot::Unset => ColumnValue::Unset,
            Slot::Integer(number) => ColumnValue::Integer(number),
            Slot::Text(text) => ColumnValue::Text(text),
            Slot::Bytes(bytes) => ColumnValue::Bytes(bytes),
            Slot::Made(begin, end) => {
                let text = std::str::from_utf8(&self.made[usize::from(begin)..usize::from(end)]);
                text.map_or(ColumnValue::Unreadable, ColumnValue::Text)
            }
        }
    }
}

/// A row that is read from its beginning as far as it is wanted.
pub(super) struct Scan<'a> {
    bytes: Bytes<'a>,
    mask: u64,
    /// The numbers of its common columns.
    pub(super) numbers: Numbers,
}

impl<'a> Scan<'a> {
    /// The row with this stored form; `None` if it has none.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let numbers = [bytes.number()?, bytes.number()?];
        Some(Self { bytes, mask: 0, numbers })
    }

    /// Reads up to the values; the time of recording, and when it occurred.
    pub(super) fn begin(&mut self) -> Option<(i64, i64)> {
        let recorded_at = self.bytes.signed()?.wrapping_add(BASE);
        self.mask = self.bytes.number()?;
        let occurred_at = recorded_at.wrapping_sub(self.bytes.signed()?);
        self.bytes.take(if self.mask & WHOLE_ID_BIT == 0 { 10 } else { 16 })?;
        Some((recorded_at, occurred_at))
    }

    /// The next column that has a number, and its number; what is no number is skipped.
    pub(super) fn next_number(&mut self) -> Option<Option<(usize, i64)>> {
        while self.mask != 0 {
            let column = *ORDER.get(self.mask.trailing_zeros() as usize)?;
            self.mask &= self.mask - 1;
            match form(column) {
                Form::Mark => {}
                Form::Number => return Some(Some((column, self.bytes.signed()?))),
                Form::Term => return Some(Some((column, i64::try_from(self.bytes.number()?).ok()?))),
                Form::Bytes(length) => drop(self.bytes.take(length)?),
                Form::Text => {
                    let number = self.bytes.number()?;
                    let length = if number & 3 == 1 { 0 } else { usize::try_from(number >> 2).ok()? };
                    self.bytes.take(length)?;
                }
            }
        }
        Some(None)
    }
}

/// The bytes that are not read yet.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in its shortest form.
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let low = u64::from(byte & 0x7f);
            if shift > 63 || (shift == 63 && low > 1) || (shift > 0 && *byte == 0) {
                return None;
            }
            number |= low << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
