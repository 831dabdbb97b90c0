//! The last thing that the cleanup does: texts that no entry has any more leave the dictionary. A user's name must not
//! outlive the last entry about that user.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::axis::Axis;
use super::tiles::unlike;
use super::walk::Walk;
use super::{Doing, terms, usage, values};
use crate::StoreError;
use crate::index::{Bitmap, Zone};
use mcp_audit_log_model::field::{Field, FieldType};

/// How many texts one step removes at most: it holds the writer no longer than the removal of a chunk of entries.
const STEP: usize = 500;
const DOING: &str = "removing unused texts from the dictionary";

/// How far a sweep is. It lives in memory only: after a start nobody knows, so that the next cleanup sweeps everything.
pub(super) struct Sweep {
    /// The fields that are still to be looked at.
    fields: Vec<Field>,
    /// What is left of one field.
    unused: Option<Unused>,
}

/// Texts of a field that no entry had when it was looked.
struct Unused {
    field: Field,
    numbers: Bitmap,
    /// The entries from here on were recorded since, and may have one of them again.
    since: u64,
}

impl Sweep {
    /// A sweep of everything.
    pub(super) fn new() -> Self {
        let fields = Field::ALL.iter().copied().filter(|field| field.kind() == FieldType::Text && field.repeats());
        Self { fields: fields.collect(), unused: None }
    }

    /// Whether nothing is left to do.
    pub(super) fn is_over(&self) -> bool {
        self.fields.is_empty() && self.unused.is_none()
    }

    /// Removes some texts of one field, and returns the field if there were any. `next` is the place of the next entry.
    /// What was known of that field's numbers is void then; after an error all of this is.
    pub(super) fn step(&mut self, connection: &Connection, next: u64) -> Result<Option<Field>, StoreError> {
        let Some(Unused { field, numbers, .. }) = self.look(connection)? else { return Ok(None) };
        let gone: Vec<_> = numbers.places().take(STEP).collect();
        let Some(last) = gone.last().copied() else { return Ok(None) };
        remove(connection, field, &gone).doing(DOING)?;
        tracing::debug!(field = field.name(), texts = gone.len(), "unused texts are removed from the dictionary");
        let left = Bitmap::range(numbers.length(), last + 1..u64::MAX).and(&numbers);
        self.unused = (!left.is_empty()).then_some(Unused { field, numbers: left, since: next });
        Ok(Some(field))
    }

    /// What may go now: the rest of a field, or the next field.
    fn look(&mut self, connection: &Connection) -> Result<Option<Unused>, StoreError> {
        if let Some(unused) = self.unused.take() {
            let used = used(connection, unused.field, unused.since, unused.numbers.length())?;
            return Ok(Some(Unused { numbers: unused.numbers.without(&used), ..unused }));
        }
        self.fields.pop().map(|field| Unused::of(connection, field)).transpose()
    }
}

impl Unused {
    fn of(connection: &Connection, field: Field) -> Result<Self, StoreError> {
        let there = numbers(connection, field).doing(DOING)?;
        let highest = there.last().copied().unwrap_or(0);
        // What is made below is as large as this number.
        if highest > terms::most(connection)? {
            let what = format!("the dictionary has id {highest} of {}, which was never assigned", field.name());
            return Err(unlike(0, what));
        }
        let mut numbers = Bitmap::none((highest / 64 + 1) * 64);
        there.into_iter().for_each(|number| numbers.insert(number));
        if highest > 0 {
            numbers = numbers.clone().without(&used(connection, field, 0, numbers.length())?);
        }
        let highest_goes = Bitmap::range(numbers.length(), highest..highest + 1).and(&numbers);
        if !highest_goes.is_empty() && !count_on(connection, field, highest).doing(DOING)? {
            numbers = numbers.without(&highest_goes);
        }
        Ok(Self { field, numbers, since: 0 })
    }
}

/// The numbers of a field's texts, ascending.
fn numbers(connection: &Connection, field: Field) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare_cached("SELECT id FROM term WHERE field = ?1 ORDER BY id")?;
    statement.query_map([field as i64], |row| row.get(0))?.collect()
}

/// Those of the numbers below `length` that entries from place `from` on have. Closed blocks say it without a look at
/// their rows, and but for the one that the cleanup cut in two even without a look at their planes.
fn used(connection: &Connection, field: Field, from: u64, length: u64) -> Result<Bitmap, StoreError> {
    let mut used = Bitmap::none(length);
    let walk = Walk::new(connection, from..u64::MAX, &BTreeSet::from([field]))?;
    for (block, within) in walk.blocks() {
        let Some(Zone::Values(values)) = block.zone(connection, field)? else { continue };
        if within.count() == block.length {
            values.into_iter().for_each(|number| used.insert(number));
        } else {
            let axis = Axis::numbers(connection, block, field)?;
            values::used(&axis, &within).into_iter().for_each(|number| used.insert(number));
        }
    }
    // What usage names is used as long as usage is kept.
    usage::used(connection, field)?.into_iter().for_each(|number| used.insert(number));
    Ok(used)
}

/// Lets an empty text have the number above `highest`, so that the highest can go and is still never given again.
/// `false` where there is an empty text already: no two texts of a field are the same.
fn count_on(connection: &Connection, field: Field, highest: u64) -> rusqlite::Result<bool> {
    let sql = "INSERT OR FAIL INTO term (field, id, text)
        SELECT ?1, ?2, '' WHERE NOT EXISTS (SELECT 1 FROM term WHERE field = ?1 AND text = '')";
    Ok(connection.execute(sql, params![field as i64, highest as i64 + 1])? > 0)
}

/// None of these statements is cached, for the reason given at [`super::writer`].
fn remove(connection: &Connection, field: Field, numbers: &[u64]) -> rusqlite::Result<()> {
    connection.execute("UPDATE head SET sweeping = 1", [])?;
    let mut delete = connection.prepare("DELETE FROM term WHERE field = ?1 AND id = ?2")?;
    for number in numbers {
        delete.execute(params![field as i64, *number as i64])?;
    }
    connection.execute("UPDATE head SET sweeping = 0, swept = swept + ?1", [numbers.len() as i64]).map(drop)
}
