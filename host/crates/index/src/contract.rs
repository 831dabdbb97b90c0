//! The contract of a store, as tests: what each implementation of the store seam must do, and the searches on it.
//!
//! A crate with a store calls [`check`] in a test of its own, with a way to make an empty log and to open it again.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod entries;
mod pieces;
mod searches;
mod states;

use std::sync::Arc;

use crate::row::NewRow;
use crate::{Source, Store, StoreError, StoreFailure, Transaction};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use uuid::Uuid;

/// A log that can be opened, closed and opened again. It is empty at first.
pub trait Subject {
    /// Opens the log. An earlier opening was dropped before.
    fn open(&self) -> Opened;
}

/// A log that is open.
pub struct Opened {
    /// For writing.
    pub store: Box<dyn Store>,
    /// For reading.
    pub source: Arc<dyn Source>,
}

/// One rule of the contract: its name and its test.
type Promise = (&'static str, fn(&dyn Subject));

const CONTRACT: &[Promise] = &[
    ("seq ascends without holes", entries::seq_ascends_without_holes),
    ("rows come back as they went in", entries::rows_come_back),
    ("what is not kept is not there", entries::what_is_not_kept_is_not_there),
    ("what is committed stays", entries::what_is_committed_stays),
    ("a snapshot is of one moment", entries::a_snapshot_is_of_one_moment),
    ("only a prefix is removed, and only by a cleanup", entries::only_a_prefix_is_removed),
    ("ids are found", entries::ids_are_found),
    ("payloads are appended, erased and removed", entries::payloads_come_and_go),
    ("a text's number is given once", pieces::numbers_are_given_once),
    ("blocks are written once", pieces::blocks_are_written_once),
    ("runs are written once", pieces::runs_are_written_once),
    ("tiles only grow", pieces::tiles_only_grow),
    ("the head is kept", pieces::the_head_is_kept),
    ("states come back", states::states_come_back),
    ("what judged is known for each seq", states::what_judged_is_known_for_each_seq),
    ("checkpoints are thinned", states::checkpoints_are_thinned),
    ("what is found is what a filter means", searches::what_is_found_is_what_a_filter_means),
    ("what is left is found as before", searches::what_is_left_is_found_as_before),
    ("usage outlives entries", searches::usage_outlives_entries),
];

/// Runs every test of the contract on a store. `new` makes an empty log.
pub fn check(new: &dyn Fn() -> Box<dyn Subject>) {
    for (promise, test) in CONTRACT {
        tracing::debug!(promise, "checking");
        test(&*new());
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(second as i64 * SECOND)
}

/// An entry with an id of its own.
fn entry(number: u64) -> Entry {
    Entry::new(Uuid::from_u128(number.into()), at(number), at(number))
}

/// Appends an entry at `seq`, without texts.
fn append(log: &dyn Transaction, seq: u64) -> Result<(), StoreError> {
    log.append(&NewRow::new(&entry(seq), seq, at(seq), numbers()))
}

/// The dictionary numbers for a row whose texts do not matter: each required text has the number 1.
fn numbers() -> [u64; Field::COUNT] {
    let mut numbers = [0; Field::COUNT];
    for field in [Field::Channel, Field::Kind, Field::Action, Field::Outcome, Field::OutcomeDetail] {
        numbers[field as usize] = 1;
    }
    numbers
}

/// Runs `work` in a transaction that is kept and may remove.
fn keep(opened: &mut Opened, mut work: impl FnMut(&dyn Transaction) -> Result<(), StoreError>) {
    opened.store.transact(true, &mut |log| work(log).map(|()| true)).expect("stored");
}

/// Checks that the store refuses `work` and keeps none of its changes.
fn assert_refused(
    opened: &mut Opened,
    may_remove: bool,
    what: &str,
    mut work: impl FnMut(&dyn Transaction) -> Result<(), StoreError>,
) {
    let done = opened.store.transact(may_remove, &mut |log| work(log).map(|()| true));
    let refused =
        matches!(done, Err(StoreError::Database { failure: StoreFailure::Refused | StoreFailure::Unavailable, .. }));
    assert!(refused, "{what}: {done:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    impl Subject for MemoryStore {
        fn open(&self) -> Opened {
            Opened { store: Box::new(self.clone()), source: Arc::new(self.clone()) }
        }
    }

    #[test]
    fn the_store_in_memory_keeps_the_contract() {
        check(&|| Box::new(MemoryStore::new(64)));
    }
}
