//! The rows of a breakdown: ranked by their sums; durations and users are counted for those that are shown.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::super::axis::Axis;
use super::answer::Answering;
use super::ask::Question;
use super::seen::Seen;
use super::tally::{By, Detail, TABLE, Tally, ones};
use crate::field::Field;
use crate::store::{Breakdown, Figures, GroupBy, StoreError, UsageRow, UsageSort};

impl Answering<'_> {
    /// The rows that come first, of which durations and users are counted as well.
    pub(super) fn breakdown(&self, range: &Range<i64>, field: Field, tally: &Tally) -> Result<Breakdown, StoreError> {
        let mut keys = tally.keys.clone();
        keys.sort_by_cached_key(|key| (std::cmp::Reverse(weight(self.query.sort, &tally.figures(*key))), *key));
        keys.truncate(self.query.limit);
        let mut chosen = keys.clone();
        chosen.sort_unstable();
        let all = chosen.len() == tally.keys.len();
        let question = Question {
            chosen: (!all).then(|| (field, chosen.clone())),
            ..self.question(range, By::Field(field), Detail::Durations)
        };
        let durations = self.source.count(&question)?;
        let users = self.users(range, field, chosen)?;
        let row = |key: u64| {
            let value = Axis::value(self.source.connection, self.texts, GroupBy::Field(field), key)?;
            let users = users.as_ref().map(|users| users.get(&key).copied().unwrap_or(0));
            Ok(UsageRow { key: value, figures: tally.with(key, &durations), users })
        };
        let rows = keys.into_iter().map(row).collect::<Result<_, StoreError>>()?;
        Ok(Breakdown { field, rows, found: tally.keys.len() })
    }

    /// How many users each of the chosen values has, which are in ascending order.
    fn users(&self, range: &Range<i64>, field: Field, chosen: Vec<u64>) -> Result<Option<Users>, StoreError> {
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
        let mut seen = Seen::new(chosen.len());
        self.source.visit(&question, |lot| {
            let axis = |field| Axis::numbers(self.source.connection, lot.block, field);
            let (of, user) = (axis(field)?, axis(Field::User)?);
            // Where each code's value stands among the chosen ones; behind them all where it does not.
            let place = |code| chosen.binary_search(&of.raw(code)).unwrap_or(chosen.len());
            let table = (of.size() <= TABLE).then(|| (0..of.size() as u64).map(place).collect::<Vec<_>>());
            for (word, bits) in lot.found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
                let (keys, users) = (of.codes(word), user.raws(word));
                for bit in ones(*bits).filter(|bit| users[*bit] > 0) {
                    let key = keys[bit];
                    seen.add(table.as_ref().map_or_else(|| place(key), |table| table[key as usize]), users[bit]);
                }
            }
            Ok(())
        })?;
        Ok(Some(chosen.iter().copied().zip(seen.counts()).collect()))
    }
}

/// Values, and how many users they have.
type Users = HashMap<u64, u64, RandomState>;

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
