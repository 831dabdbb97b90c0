//! The values that a field has, for the menus of filters: zones say what a block has without a look at its entries.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::axis::Axis;
use super::find::Plan;
use super::texts::Texts;
use super::walk::Walk;
use crate::domain::Domain;
use crate::field::Field;
use crate::store::index::{Bitmap, Zone};
use crate::store::{GroupBy, StoreError, Values};

/// The values of `field` among the entries that match `domain`, in order. With more than `limit` of them, those that
/// were used last are chosen.
pub(super) fn values(
    connection: &Connection,
    texts: &Texts,
    domain: &Domain,
    field: Field,
    limit: usize,
) -> Result<Values, StoreError> {
    let plan = Plan::new(connection, texts.lexicon(), domain)?;
    let mut fields = BTreeSet::from([field]);
    plan.fields(&mut fields);
    let mut found = BTreeSet::new();
    let walk = Walk::new(connection, 0..u64::MAX, &fields)?;
    for (block, within) in walk.blocks().rev() {
        let Some(Zone::Values(values)) = block.zone(connection, field)? else { continue };
        // A block that can add nothing is not looked at, which is most of them.
        if found.len() <= limit && values.iter().any(|value| *value > 0 && !found.contains(value)) {
            let matching = plan.find(connection, block, within)?;
            found.extend(used(&Axis::numbers(connection, block, field)?, &matching));
        }
    }
    let more = found.len() > limit;
    let value = |raw: u64| Axis::value(connection, texts, GroupBy::Field(field), raw);
    let mut values = found.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
    values.sort();
    values.truncate(limit);
    Ok(Values { values, more })
}

/// The values of these entries.
pub(super) fn used(axis: &Axis, entries: &Bitmap) -> BTreeSet<u64> {
    let mut codes = vec![false; axis.size()];
    for (at, word) in entries.words().iter().enumerate().filter(|(_, word)| **word != 0) {
        let all = axis.codes(at);
        (0..64).filter(|bit| word >> bit & 1 == 1).for_each(|bit| codes[all[bit] as usize] = true);
    }
    let used = codes.into_iter().enumerate().filter(|(_, used)| *used);
    used.map(|(code, _)| axis.raw(code as u64)).filter(|raw| *raw > 0).collect()
}
