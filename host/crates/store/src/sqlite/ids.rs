//! Whether an id is in the log already, mostly without asking the database.

use std::borrow::Cow;
use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Statement};
use uuid::Uuid;

use crate::Prepared;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;

/// How many ids a generation has.
const GENERATION: usize = 16_384;

/// Ids that were stored lately, and the greatest of all others. Ids of version 7 ascend but for the time that a call
/// takes, so that nearly every one is above that and its absence from the young is its absence from the log.
#[derive(Debug)]
pub(super) struct Ids {
    young: HashSet<Uuid, RandomState>,
    younger: HashSet<Uuid, RandomState>,
    /// No id outside of the two sets is greater.
    greatest: Option<Uuid>,
}

impl Ids {
    /// What the log of `connection` holds.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT id FROM entry ORDER BY id DESC LIMIT 1";
        let greatest = connection.query_row(sql, [], |row| row.get(0)).optional()?.map(Uuid::from_bytes);
        Ok(Self { young: HashSet::default(), younger: HashSet::default(), greatest })
    }

    /// Adds an id; `false` when it is there already. `look` is asked about those that are older than the young ones.
    pub(super) fn insert(&mut self, id: Uuid, look: &mut Statement<'_>) -> rusqlite::Result<bool> {
        if self.young.contains(&id) || !self.younger.insert(id) {
            return Ok(false);
        }
        if Some(id) <= self.greatest && look.exists([id.as_bytes()])? {
            return Ok(false);
        }
        if self.younger.len() == GENERATION {
            self.greatest = self.young.drain().max().max(self.greatest);
            std::mem::swap(&mut self.young, &mut self.younger);
        }
        Ok(true)
    }
}

impl Ids {
    /// Whether an entry is new, and the entry as it is to be stored. Where a sender has taken the id of what was captured,
    /// that is under another id, since nothing that was captured may be lost.
    pub(super) fn admit<'a>(
        &mut self,
        connection: &Connection,
        look: &mut Statement<'_>,
        prepared: &'a Prepared,
    ) -> rusqlite::Result<(Cow<'a, Prepared>, There)> {
        let mut found = |entry: &Entry, look: &mut Statement<'_>| match self.insert(entry.id, look)? {
            true => Ok(There::Nothing),
            false => there(connection, entry),
        };
        match found(prepared.entry(), look)? {
            There::Other if !prepared.entry().details.contains_key(SENT) => {
                let renamed = prepared.under_another_id();
                let found = found(renamed.entry(), look)?;
                Ok((Cow::Owned(renamed), found))
            }
            found => Ok((Cow::Borrowed(prepared), found)),
        }
    }
}

/// What an event that is sent again has in common with the entry that was made of it. Its time is not among it, as the
/// log's own is taken where a sender gives none.
const SAME: [Field; 3] = [Field::Channel, Field::Method, Field::User];

/// What there is under an entry's id among the entries of its instance: ids are an instance's own, so that nobody learns
/// of another's, or takes them away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// The same entry: it is sent again.
    Same,
    /// Another one.
    Other,
}

/// What there is under the id of `entry`.
fn there(connection: &Connection, entry: &Entry) -> rusqlite::Result<There> {
    let mut places = connection.prepare_cached("SELECT seq FROM entry WHERE id = ?1 ORDER BY seq")?;
    let places: Vec<i64> = places.query_map([entry.id.as_bytes()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for seq in places {
        if has(connection, seq, entry, Field::Instance)? {
            let mut all =
                SAME.into_iter().map(|field| has(connection, seq, entry, field)).collect::<Result<Vec<_>, _>>()?;
            all.push(was_sent(connection, seq)? == entry.details.contains_key(SENT));
            return Ok(if all.into_iter().all(|same| same) { There::Same } else { There::Other });
        }
    }
    Ok(There::Nothing)
}

/// The detail that names the sender of an entry that came over the API.
const SENT: &str = "sent_by";

/// Whether the entry at a place came from a sender. What was captured is no repetition of what was sent, or a sender
/// could keep a call out of the log by taking its id.
fn was_sent(connection: &Connection, seq: i64) -> rusqlite::Result<bool> {
    let details = connection.prepare_cached("SELECT details FROM entry WHERE seq = ?1")?;
    let details: Option<String> = { details }.query_row([seq], |row| row.get(0))?;
    let details =
        details.and_then(|text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).ok());
    Ok(details.is_some_and(|details| details.contains_key(SENT)))
}

/// Whether the entry at a place has the same text in this field.
fn has(connection: &Connection, seq: i64, entry: &Entry, field: Field) -> rusqlite::Result<bool> {
    let (column, number) = (field.name(), field as i64);
    let sql = format!(
        "SELECT text FROM entry LEFT JOIN term ON term.field = {number} AND term.id = entry.{column} WHERE entry.seq = ?1"
    );
    let text: Option<String> = connection.prepare_cached(&sql)?.query_row([seq], |row| row.get(0))?;
    Ok(text.as_deref() == entry.text(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In whatever order ids come, each is new once.
    #[test]
    fn an_id_is_new_once() {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch("CREATE TABLE entry (id BLOB); CREATE INDEX entry_id ON entry (id)").expect("a table");
        let store = |id: Uuid| connection.execute("INSERT INTO entry VALUES (?1)", [id.as_bytes()]).expect("stored");
        let id = |number: usize| Uuid::from_u128((number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_003);
        (0..100).for_each(|number| assert_eq!(store(id(number)), 1));
        let mut ids = Ids::of(&connection).expect("ids");
        let mut look = connection.prepare("SELECT 1 FROM entry WHERE id = ?1").expect("a statement");
        for number in 0..3 * GENERATION {
            assert_eq!(ids.insert(id(number), &mut look).expect("looked"), number >= 100, "{number}");
            if number >= 100 {
                store(id(number));
            }
            assert!(!ids.insert(id(number), &mut look).expect("looked"));
            assert!(!ids.insert(id(number / 2), &mut look).expect("looked"));
        }
    }
}
