//! The rows of a breakdown: ranked by their sums; durations and users are counted for those that are shown.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::answer::Answering;
use super::lot::Lot;
use super::question::Question;
use super::seen::Seen;
use super::tally::{By, Detail, Tally, ones};
use super::users::Users;
use crate::columns::Bitmap;
use crate::search::axis::Axis;
use crate::search::blocks::Block;
use crate::{Breakdown, Figures, GroupBy, StoreError, UsageRow, UsageSort};
use mcp_audit_log_model::field::Field;

impl Answering<'_> {
    /// The rows that come first; their durations and users are counted as well.
    pub(super) fn breakdown(&self, range: &Range<i64>, field: Field, tally: &Tally) -> Result<Breakdown, StoreError> {
        let mut keys = tally.keys.clone();
        keys.sort_by_cached_key(|key| (std::cmp::Reverse(weight(self.query.sort, &tally.figures(*key))), *key));
        keys.truncate(self.query.limit);
        let mut chosen = keys.clone();
        chosen.sort_unstable();
        let counted = match tally.has_durations() {
            true => None,
            false => {
                let chosen = Some((field, chosen.clone()));
                let question = Question { chosen, ..self.question(range, By::Field(field), Detail::Durations) };
                Some(self.source.count(&question)?)
            }
        };
        let durations = counted.as_ref().unwrap_or(tally);
        let users = self.users(range, field, chosen)?;
        let row = |key: u64| {
            let value = Axis::value(self.source.log, self.texts, GroupBy::Field(field), key)?;
            let users = users.as_ref().map(|users| users.get(&key).copied().unwrap_or(0));
            Ok(UsageRow { key: value, figures: tally.with(key, durations), users })
        };
        let rows = keys.into_iter().map(row).collect::<Result<_, StoreError>>()?;
        Ok(Breakdown { field, rows, found: tally.keys.len() })
    }

    /// How many users each of the chosen values has, which are in ascending order.
    fn users(&self, range: &Range<i64>, field: Field, chosen: Vec<u64>) -> Result<Option<UsersOf>, StoreError> {
        if field == Field::User {
            return Ok(Some(chosen.into_iter().map(|key| (key, key.min(1))).collect()));
        }
        let question = Question {
            chosen: Some((field, chosen.clone())),
            ..self.question(range, By::Field(Field::User), Detail::Presence)
        };
        if !self.is_exact(&question)? {
            return Ok(None);
        }
        let seen = RefCell::new(Seen::new(chosen.len()));
        let place = |raw: u64| chosen.binary_search(&raw).unwrap_or(chosen.len());
        let axis = |block: &Block, field| Axis::numbers(self.source.log, block, field);
        let of_rows = |lot: Lot<'_>| {
            let (of, user) = (axis(lot.block, field)?, axis(lot.block, Field::User)?);
            for (word, bits) in lot.found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
                let (keys, users) = (of.raws(word), user.raws(word));
                ones(*bits)
                    .filter(|bit| users[*bit] > 0)
                    .for_each(|bit| seen.borrow_mut().add(place(keys[bit]), users[bit]));
            }
            Ok(())
        };
        let of_cells = |block: &Block, found: Bitmap, users: &Users| {
            let of = axis(block, field)?;
            for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
                let keys = of.raws(word);
                ones(*bits).for_each(|bit| users.see(word * 64 + bit, &mut seen.borrow_mut(), place(keys[bit])));
            }
            Ok(())
        };
        match question.cut_of_users(field) {
            Some(cut) => self.source.visit_users(&question, cut, of_cells, of_rows)?,
            None => self.source.visit(&question, of_rows)?,
        }
        Ok(Some(chosen.iter().copied().zip(seen.into_inner().counts()).collect()))
    }
}

/// Values, and how many users they have.
type UsersOf = HashMap<u64, u64, RandomState>;

fn weight(sort: UsageSort, figures: &Figures) -> (u64, u64) {
    let first = match sort {
        UsageSort::Requests => figures.requests,
        UsageSort::Errors => figures.errors,
        UsageSort::Duration => figures.average_us.unwrap_or(0),
        UsageSort::Tokens => figures.input_tokens.saturating_add(figures.output_tokens),
        UsageSort::Cost => figures.cost_micros,
    };
    (first, figures.requests)
}
