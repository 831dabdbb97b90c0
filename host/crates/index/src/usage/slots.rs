//! Numbers for combinations of values, in the order in which they first come.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::columns::ranked;

/// Combinations up to which they stand in a table.
const TABLE: usize = 1 << 20;
/// A combination that has no number yet.
const NEW: u32 = u32::MAX;

/// Values as small codes.
pub(super) struct Coded {
    codes: Vec<u64>,
    size: usize,
}

/// Of each chosen row the number of its combination, and of each combination the first row that has it.
pub(super) struct Slots<'r> {
    rows: &'r [u32],
    of_rows: Vec<u32>,
    pub(super) firsts: Vec<u32>,
}

impl Coded {
    pub(super) fn new(raw: &[u64]) -> Self {
        let (values, codes) = ranked(raw);
        Self { codes, size: values.len() }
    }
}

impl<'r> Slots<'r> {
    /// Each chosen row under the number of its combination.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (u32, usize)> {
        self.of_rows.iter().copied().zip(self.rows.iter().map(|row| *row as usize))
    }

    /// The combinations of these columns in the chosen rows.
    pub(super) fn new(rows: &'r [u32], columns: &[&Coded]) -> Self {
        let size = columns.iter().try_fold(1_usize, |size, column| size.checked_mul(column.size));
        let mut keys = vec![0_u64; rows.len()];
        // Beyond 64 bits combinations would collide; as a block has few rows, there cannot be as many of them.
        for column in columns {
            let codes = rows.iter().map(|row| column.codes[*row as usize]);
            keys.iter_mut().zip(codes).for_each(|(key, code)| *key = *key * column.size as u64 + code);
        }
        match size.filter(|size| *size <= TABLE) {
            Some(size) => {
                let mut table = vec![NEW; size];
                Self::number(rows, &keys, |key, next| {
                    let slot = &mut table[key as usize];
                    *slot = if *slot == NEW { next } else { *slot };
                    *slot
                })
            }
            None => {
                let mut map: HashMap<u64, u32, RandomState> = HashMap::default();
                Self::number(rows, &keys, |key, next| *map.entry(key).or_insert(next))
            }
        }
    }

    fn number(rows: &'r [u32], keys: &[u64], mut slot: impl FnMut(u64, u32) -> u32) -> Self {
        let mut firsts = Vec::new();
        let number = |(row, key): (&u32, &u64)| {
            let next = firsts.len() as u32;
            let slot = slot(*key, next);
            if slot == next {
                firsts.push(*row);
            }
            slot
        };
        let of_rows = rows.iter().zip(keys).map(number).collect();
        Self { rows, of_rows, firsts }
    }
}
