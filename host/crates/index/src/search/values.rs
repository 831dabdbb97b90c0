//! The values of a field, for the menus of filters. Zones list the values of a block without reading its entries.

use std::collections::BTreeSet;
use std::ops::Range;

use super::axis::Axis;
use super::block_scan::BlockScan;
use super::plan::Plan;
use crate::columns::{Bitmap, Zone};
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{GroupBy, StoreError, Values};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;

/// How many of the newest entries are searched for a menu if a rule restricts the viewer.
const LATELY: u64 = 1 << 20;

/// The values of `field` among the entries that match `domain`, in order. If there are more than `limit`, the most
/// recently used ones are chosen. If the domain does not match all entries, only the newest entries are searched.
pub(crate) fn values(
    log: &dyn Snapshot,
    texts: &Texts,
    domain: &Domain,
    field: Field,
    limit: usize,
) -> Result<Values, StoreError> {
    let plan = Plan::new(log, texts, domain)?;
    let mut fields = BTreeSet::from([field]);
    plan.fields(&mut fields);
    let mut found = BTreeSet::new();
    let end = log.seqs()?.end;
    let scan = BlockScan::new(log, looked_at(domain, end), &fields)?;
    for (block, within) in scan.blocks().rev() {
        let Some(Zone::Values(values)) = block.zone(log, field)? else { continue };
        // Most blocks can add no value, and are skipped.
        if found.len() <= limit && values.iter().any(|value| *value > 0 && !found.contains(value)) {
            let matching = plan.find(log, block, within)?;
            found.extend(used(&Axis::numbers(log, block, field)?, &matching));
        }
    }
    let more = found.len() > limit;
    let value = |raw: u64| Axis::value(log, texts, GroupBy::Field(field), raw);
    let mut values = found.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
    values.sort();
    values.truncate(limit);
    Ok(Values { values, more })
}

/// The range of `seq` to search. For the whole log, zones give the answer. With a rule, blocks must be searched one by
/// one, and searching all of them would be too slow for a menu of a large log.
fn looked_at(domain: &Domain, end: u64) -> Range<u64> {
    match *domain == Domain::TRUE {
        true => 0..end,
        false => end.saturating_sub(LATELY)..end,
    }
}

/// The numbers of the values of these entries.
pub(crate) fn used(axis: &Axis, entries: &Bitmap) -> BTreeSet<u64> {
    let mut codes = vec![false; axis.size()];
    for (at, word) in entries.words().iter().enumerate().filter(|(_, word)| **word != 0) {
        let all = axis.codes(at);
        (0..64).filter(|bit| word >> bit & 1 == 1).for_each(|bit| codes[all[bit] as usize] = true);
    }
    let used = codes.into_iter().enumerate().filter(|(_, used)| *used);
    used.map(|(code, _)| axis.raw(code as u64)).filter(|raw| *raw > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_large_log_is_searched_near_its_end_only() {
        let part = Domain::equals(Field::User, "ada");
        assert_eq!(looked_at(&part, 7), 0..7);
        assert_eq!(looked_at(&part, 5 * LATELY), 4 * LATELY..5 * LATELY);
        assert_eq!(looked_at(&Domain::TRUE, 5 * LATELY), 0..5 * LATELY);
    }
}
