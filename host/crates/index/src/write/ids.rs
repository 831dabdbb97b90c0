//! Checks whether the log has an id already, mostly without asking the database.

use std::borrow::Cow;
use std::collections::HashSet;

use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::row::{ColumnValue, DETAILS, Row, RowColumns};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::{Prepared, StoreError};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;

/// The number of ids in a generation.
const GENERATION: usize = 16_384;

/// The recently stored ids, and the greatest of all other ids of version 7. These ascend, except for the duration of a
/// call. So nearly every new one is above the greatest older one, and if it is not among the recent ones, it is not in
/// the log.
#[derive(Debug)]
pub(crate) struct Ids {
    young: HashSet<Uuid, RandomState>,
    younger: HashSet<Uuid, RandomState>,
    /// No id of version 7 outside of the two sets is greater than this.
    greatest: Option<Uuid>,
}

impl Ids {
    /// What `log` holds.
    pub(crate) fn of(log: &dyn Transaction) -> Result<Self, StoreError> {
        Ok(Self { young: HashSet::default(), younger: HashSet::default(), greatest: log.greatest_id()? })
    }

    /// Adds an id; `false` if the log has it already. The database is asked only about ids that are not above all older
    /// ones.
    pub(crate) fn insert(&mut self, id: Uuid, log: &dyn Snapshot) -> Result<bool, StoreError> {
        if self.young.contains(&id) || !self.younger.insert(id) {
            return Ok(false);
        }
        let is_above = is_timed(&id) && Some(id) > self.greatest;
        if !is_above && !log.seqs_of(id)?.is_empty() {
            return Ok(false);
        }
        if self.younger.len() == GENERATION {
            self.greatest = self.young.drain().filter(is_timed).max().max(self.greatest);
            std::mem::swap(&mut self.young, &mut self.younger);
        }
        Ok(true)
    }

    /// Whether an entry is new, and the entry as it is to be stored. If a sender has used the id of a captured call,
    /// the captured entry gets another id, since no captured entry may be lost.
    pub(crate) fn admit<'a>(
        &mut self,
        log: &dyn Snapshot,
        prepared: &'a Prepared,
    ) -> Result<(Cow<'a, Prepared>, IdMatch), StoreError> {
        let mut found = |entry: &Entry| match self.insert(entry.id, log)? {
            true => Ok(IdMatch::Nothing),
            false => there(log, entry),
        };
        match found(prepared.entry())? {
            IdMatch::Other if !prepared.entry().details.contains_key(SENT) => {
                let renamed = prepared.under_another_id();
                let found = found(renamed.entry())?;
                Ok((Cow::Owned(renamed), found))
            }
            found => Ok((Cow::Borrowed(prepared), found)),
        }
    }
}

/// Whether an id is of version 7, and so begins with a time.
fn is_timed(id: &Uuid) -> bool {
    id.get_version_num() == 7
}

/// The fields that an event must have in common with the entry of its first sending. The time is not among them,
/// because the log sets it if the sender does not.
const SAME: [Field; 3] = [Field::Channel, Field::Method, Field::User];

/// What there is under an entry's id among the entries of its instance: ids are an instance's own, so that no sender
/// learns of another's, or takes them away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdMatch {
    Nothing,
    /// The same entry: the event was sent again.
    Same,
    /// Another one.
    Other,
}

/// Compares `entry` with the entry that has its id.
fn there(log: &dyn Snapshot, entry: &Entry) -> Result<IdMatch, StoreError> {
    for seq in log.seqs_of(entry.id)? {
        let mut found = IdMatch::Nothing;
        log.rows(seq..seq.saturating_add(1), RowColumns::Hashed, &mut |_, row| {
            if has(log, row, entry, Field::Instance)? {
                let same = SAME.into_iter().map(|field| has(log, row, entry, field)).collect::<Result<Vec<_>, _>>()?;
                let is_same = same.into_iter().all(|same| same) && was_sent(row) == entry.details.contains_key(SENT);
                found = if is_same { IdMatch::Same } else { IdMatch::Other };
            }
            Ok(false)
        })?;
        if found != IdMatch::Nothing {
            return Ok(found);
        }
    }
    Ok(IdMatch::Nothing)
}

/// The detail that names the sender of an entry that came over the API.
const SENT: &str = "sent_by";

/// Whether the entry of a row came from a sender. A captured entry never counts as a repetition of a sent one.
/// Otherwise a sender could keep a call out of the log by using its id.
fn was_sent(row: &dyn Row) -> bool {
    let ColumnValue::Text(details) = row.column(DETAILS) else { return false };
    let details = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(details);
    details.is_ok_and(|details| details.contains_key(SENT))
}

/// Whether the entry of a row has the same text in this field.
fn has(log: &dyn Snapshot, row: &dyn Row, entry: &Entry, field: Field) -> Result<bool, StoreError> {
    let text = match row.column(field as usize) {
        ColumnValue::Integer(number) => log.text(field, number.cast_unsigned())?,
        _ => None,
    };
    Ok(text.as_deref() == entry.text(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::row::NewRow;
    use crate::write::Store;
    use mcp_audit_log_model::time::Timestamp;

    /// Ids of two versions in any order: each is new once.
    #[test]
    fn an_id_is_new_once() {
        let id = |number: usize| {
            let version = if number.is_multiple_of(3) { 4 } else { 7 };
            let drawn = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_003;
            Uuid::from_u128(drawn << 80 | version << 76)
        };
        let store = |log: &dyn Transaction, id: Uuid| {
            let next = log.snapshot().seqs().expect("the ends").end;
            let (entry, at) = (Entry::new(id, Timestamp::EPOCH, Timestamp::EPOCH), Timestamp::EPOCH);
            log.append(&NewRow::new(&entry, next, at, [0; Field::COUNT])).expect("stored");
        };
        let work = &mut |log: &dyn Transaction| {
            (0..100).for_each(|number| store(log, id(number)));
            let mut ids = Ids::of(log)?;
            for number in 0..3 * GENERATION {
                assert_eq!(ids.insert(id(number), log.snapshot())?, number >= 100, "{number}");
                if number >= 100 {
                    store(log, id(number));
                }
                assert!(!ids.insert(id(number), log.snapshot())?);
                assert!(!ids.insert(id(number / 2), log.snapshot())?);
            }
            Ok(false)
        };
        MemoryStore::new(64).transact(false, work).expect("looked");
    }
}
