//! One field of one block: its distinct values, and the planes of their codes.

use std::ops::Range;

use super::planes::Planes;
use super::{Bitmap, ColumnKind};

/// The most distinct numbers that a zone lists. With more, the zone is a span, and codes are counted from the least.
const LISTED: usize = 256;
/// The largest span of numbers for which marking them is faster than sorting them.
const MARKED: u64 = 1 << 21;
/// The largest number of code ranges for which comparing planes is faster than reading every code.
const COMPARED: usize = 24;

/// The values of a column, and the meaning of its codes. It is small, and often nothing else has to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The values, ascending; a code is the position in this list.
    Values(Vec<u64>),
    /// The values count from `least` to `most`; code 0 is a value that is not set, 1 is the least.
    Span {
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
}

/// The values of a column that a filter looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueSet {
    /// One of these, ascending; 0 is "not set".
    Among(Vec<u64>),
    /// Set, and in this range.
    Within(Range<u64>),
}

/// A column, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockColumn {
    /// Which values there are.
    pub zone: Zone,
    /// The code of each entry, as bit planes.
    pub planes: Vec<u8>,
}

impl BlockColumn {
    /// The column of `raw` values, whose number is a multiple of 64; `None` if none of them is set.
    pub(crate) fn encode(kind: ColumnKind, raw: &[u64]) -> Option<Self> {
        let zone = Zone::of(kind, raw)?;
        let bits = zone.bits();
        let codes: Vec<u64> = match &zone {
            _ if bits == 0 => return Some(Self { zone, planes: Vec::new() }),
            Zone::Values(values) => positions(values, raw),
            Zone::Span { least, .. } => raw.iter().map(|raw| if *raw == 0 { 0 } else { raw - least + 1 }).collect(),
        };
        Some(Self { planes: Planes::pack(&codes, bits), zone })
    }

    /// The raw values of the column.
    pub fn decode(&self, length: u64) -> Option<Vec<u64>> {
        let planes = Planes::new(&self.planes, self.zone.bits(), length)?;
        let words = usize::try_from(length / 64).ok()?;
        Some((0..words).flat_map(|word| planes.codes(word)).map(|code| self.zone.raw(code)).collect())
    }
}

impl Zone {
    fn of(kind: ColumnKind, raw: &[u64]) -> Option<Self> {
        let most = raw.iter().copied().max().filter(|most| *most > 0)?;
        let least = raw.iter().copied().filter(|raw| *raw > 0).min()?;
        let span = Self::Span { least, most };
        match kind {
            ColumnKind::Term => Some(Self::Values(distinct(raw, least, most))),
            ColumnKind::Number => {
                let values = distinct(raw, least, most);
                Some(if values.len() <= LISTED { Self::Values(values) } else { span })
            }
            ColumnKind::Time | ColumnKind::Hash => Some(span),
        }
    }

    /// Whether these planes hold codes of this zone only.
    pub(crate) fn holds(&self, planes: &[u8], length: u64) -> bool {
        let Some(planes) = Planes::new(planes, self.bits(), length) else { return false };
        let words = usize::try_from(length / 64).unwrap_or(0);
        (0..words).all(|word| planes.codes(word).into_iter().all(|code| code < self.size()))
    }

    /// The number of possible codes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Values(values) => values.len() as u64,
            Self::Span { least, most } => most.saturating_sub(*least).saturating_add(2),
        }
    }

    /// The number of bits of a code.
    pub(crate) fn bits(&self) -> usize {
        let greatest = match self {
            Self::Values(values) => values.len().saturating_sub(1) as u64,
            Self::Span { least, most } => most.saturating_sub(*least).saturating_add(1),
        };
        (u64::BITS - greatest.leading_zeros()) as usize
    }

    /// The value of `code`.
    pub(crate) fn raw(&self, code: u64) -> u64 {
        match self {
            Self::Values(values) => usize::try_from(code).ok().and_then(|at| values.get(at)).copied().unwrap_or(0),
            Self::Span { .. } if code == 0 => 0,
            Self::Span { least, .. } => least.saturating_add(code - 1),
        }
    }

    /// The values of 64 codes. A code that no value has gives any number.
    pub(crate) fn raws(&self, codes: [u64; 64]) -> [u64; 64] {
        match self {
            Self::Values(values) => codes.map(|code| values.get(code as usize).copied().unwrap_or(0)),
            Self::Span { least, .. } => codes.map(|code| least.saturating_add(code).saturating_sub(1) * code.min(1)),
        }
    }

    /// The least and the greatest value.
    pub(crate) fn ends(&self) -> (u64, u64) {
        match self {
            Self::Values(values) => {
                (values.first().copied().unwrap_or_default(), values.last().copied().unwrap_or_default())
            }
            Self::Span { least, most } => (*least, *most),
        }
    }

    /// The codes of the wanted values, as ascending ranges.
    pub(crate) fn codes(&self, wanted: &ValueSet) -> Vec<Range<u64>> {
        let codes: Vec<_> = match (self, wanted) {
            (Self::Values(values), ValueSet::Among(wanted)) => common(values, wanted),
            (Self::Values(values), ValueSet::Within(range)) => {
                let from = values.partition_point(|value| *value < range.start.max(1)) as u64;
                return some(from..values.partition_point(|value| *value < range.end) as u64);
            }
            (Self::Span { least, most }, ValueSet::Among(wanted)) => {
                let code = |raw: &u64| match *raw {
                    0 => Some(0),
                    raw => (*least..=*most).contains(&raw).then(|| raw - least + 1),
                };
                wanted.iter().filter_map(code).collect()
            }
            (Self::Span { least, most }, ValueSet::Within(range)) => {
                let code = |raw: u64| raw.clamp(*least, most.saturating_add(1)) - least + 1;
                return some(code(range.start)..code(range.end));
            }
        };
        codes.chunk_by(|left, right| left + 1 == *right).map(|run| run[0]..run[run.len() - 1] + 1).collect()
    }

    /// Whether these ranges contain all possible codes.
    pub(crate) fn is_all(&self, codes: &[Range<u64>]) -> bool {
        match self {
            Self::Values(values) => matches!(codes, [Range { start: 0, end }] if *end == values.len() as u64),
            Self::Span { .. } => false,
        }
    }

    /// The entries whose code is in one of the ranges.
    pub(crate) fn select(&self, codes: &[Range<u64>], bytes: &[u8], length: u64) -> Option<Bitmap> {
        let planes = Planes::new(bytes, self.bits(), length)?;
        if codes.len() > COMPARED {
            return Some(self.look_up(codes, &planes, length));
        }
        let one = |range: &Range<u64>| match range.end - range.start {
            1 => planes.equal(range.start),
            _ => planes.less(range.end).without(&planes.less(range.start)),
        };
        Some(codes.iter().map(one).fold(Bitmap::none(length), |all, found| all.or(&found)))
    }

    /// How many of the entries in `found` have each code.
    pub(crate) fn count(&self, found: &Bitmap, bytes: &[u8]) -> Option<Vec<u64>> {
        let planes = Planes::new(bytes, self.bits(), found.length())?;
        Some(planes.count(found, usize::try_from(self.size()).ok()?))
    }

    fn look_up(&self, codes: &[Range<u64>], planes: &Planes<'_>, length: u64) -> Bitmap {
        let is_in = |code: u64| {
            let at = codes.partition_point(|range| range.end <= code);
            codes.get(at).is_some_and(|range| range.contains(&code))
        };
        let table: Vec<bool> = match self {
            Self::Values(values) => (0..values.len() as u64).map(is_in).collect(),
            Self::Span { .. } => Vec::new(),
        };
        let has = |code: u64| table.get(code as usize).copied().unwrap_or_else(|| is_in(code));
        let word = |at: usize| {
            let codes = planes.codes(at);
            codes.iter().rev().fold(0, |word, code| word << 1 | u64::from(has(*code)))
        };
        Bitmap::from_words((0..(length / 64) as usize).map(word).collect())
    }

    /// The zone as stored: a byte for its kind, then numbers of seven bits per byte, each as the difference from the
    /// previous one.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Values(values) => {
                bytes.push(0);
                let mut last = 0;
                for value in values {
                    write(&mut bytes, value - last);
                    last = *value;
                }
            }
            Self::Span { least, most } => {
                bytes.push(1);
                write(&mut bytes, *least);
                write(&mut bytes, most - least);
            }
        }
        bytes
    }

    /// The zone in stored bytes; `None` if they are invalid.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let mut last: u64 = 0;
        let mut values = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            last = last.checked_add(read(&mut rest)?)?;
            values.push(last);
        }
        match (kind, values.as_slice()) {
            (0, [_, ..]) => Some(Self::Values(values)),
            (1, [least, most]) => Some(Self::Span { least: *least, most: *most }),
            _ => None,
        }
    }
}

fn some(range: Range<u64>) -> Vec<Range<u64>> {
    if range.is_empty() { Vec::new() } else { vec![range] }
}

/// The distinct values, ascending; 0 is among them if some value is not set.
fn distinct(raw: &[u64], least: u64, most: u64) -> Vec<u64> {
    let zero = raw.contains(&0).then_some(0);
    if most - least >= MARKED {
        let mut values = raw.to_vec();
        values.sort_unstable();
        values.dedup();
        return values;
    }
    let mut marks = vec![false; (most - least + 1) as usize];
    raw.iter().filter(|raw| **raw > 0).for_each(|raw| marks[(raw - least) as usize] = true);
    let marked = marks.iter().enumerate().filter(|(_, mark)| **mark).map(|(at, _)| least + at as u64);
    zero.into_iter().chain(marked).collect()
}

/// The position of each raw value in the list of values.
fn positions(values: &[u64], raw: &[u64]) -> Vec<u64> {
    let (least, most) = (values.iter().copied().find(|value| *value > 0).unwrap_or(1), values[values.len() - 1]);
    if most - least >= MARKED {
        return raw.iter().map(|raw| values.partition_point(|value| value < raw) as u64).collect();
    }
    let mut table = vec![0; (most - least + 1) as usize];
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        table[(value - least) as usize] = at as u64;
    }
    raw.iter().map(|raw| if *raw == 0 { 0 } else { table[(raw - least) as usize] }).collect()
}

/// The positions in `values` of the values that are in `wanted` too; both are in ascending order.
fn common(values: &[u64], wanted: &[u64]) -> Vec<u64> {
    let position = |value: &u64, list: &[u64]| list.binary_search(value).ok().map(|at| at as u64);
    if wanted.len() < values.len() {
        return wanted.iter().filter_map(|value| position(value, values)).collect();
    }
    let is_wanted = |(_, value): &(usize, &u64)| wanted.binary_search(value).is_ok();
    values.iter().enumerate().filter(is_wanted).map(|(at, _)| at as u64).collect()
}

/// Appends a number, seven bits per byte.
pub(crate) fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Removes such a number from the beginning.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    // Most numbers are small.
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    let mut number: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(most: u64) -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![1 => Just(0), 6 => 0..=most, 1 => most.saturating_sub(3)..=most];
        prop::collection::vec(value, 128..=128)
    }

    fn wanted() -> impl Strategy<Value = ValueSet> {
        let numbers = prop_oneof![0..40_u64, 0..70_000_u64];
        prop_oneof![
            prop::collection::btree_set(numbers.clone(), 0..60)
                .prop_map(|set| ValueSet::Among(set.into_iter().collect())),
            (numbers.clone(), numbers).prop_map(|(from, to)| ValueSet::Within(from..to)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_column_gives_back_what_went_in_and_finds_it(
            raw in prop_oneof![raw(3), raw(30), raw(60_000), raw(u64::MAX - 1)],
            wanted in wanted(),
            kind in prop_oneof![Just(ColumnKind::Term), Just(ColumnKind::Number), Just(ColumnKind::Hash)],
        ) {
            let Some(column) = BlockColumn::encode(kind, &raw) else {
                prop_assert!(raw.iter().all(|raw| *raw == 0));
                return Ok(());
            };
            let zone = Zone::from_bytes(&column.zone.to_bytes()).expect("a zone");
            prop_assert_eq!(&zone, &column.zone);
            prop_assert_eq!(column.decode(128).expect("planes"), raw.clone());
            let found = zone.select(&zone.codes(&wanted), &column.planes, 128).expect("planes");
            let matches = |raw: u64| match &wanted {
                ValueSet::Among(values) => values.contains(&raw),
                ValueSet::Within(range) => raw > 0 && range.contains(&raw),
            };
            let expected: Vec<_> = (0..128).filter(|at| matches(raw[*at as usize])).collect();
            prop_assert_eq!(found.rows().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_zone_are_refused() {
        for bytes in [&[][..], &[0], &[2, 1], &[1, 1], &[0, 0x80], &[1, 1, 1, 1]] {
            assert_eq!(Zone::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
