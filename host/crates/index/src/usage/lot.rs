//! What was found in a block, and what is counted of it.

use std::rc::Rc;

use super::durations::Durations;
use super::measures::{Measure, OfEntries};
use super::sums::OfCells;
use crate::columns::Bitmap;
use crate::search::blocks::Block;

/// What was found in a block of entries or of cells.
pub(super) struct Lot<'a> {
    pub(super) block: &'a Block,
    pub(super) found: Bitmap,
    pub(super) amounts: Amounts,
}

/// What is counted of a block's rows, as far as the question needs it.
pub(super) enum Amounts {
    Entries(Rc<OfEntries>),
    Cells(Option<OfCells>, Option<Durations>),
}

impl Amounts {
    /// One measure of the 64 rows of a word; `None` where none of them has any.
    pub(super) fn values(&self, measure: Measure, word: usize) -> Option<[u64; 64]> {
        match self {
            Self::Entries(entries) => entries.values(measure, word),
            Self::Cells(sums, _) => sums.as_ref()?.values(measure, word),
        }
    }
}
