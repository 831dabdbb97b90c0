//! Compares a whole log with its ledger, by a list of small checks. Each check reads everything of one kind.
//!
//! A check is a function that returns the number of checked things, or what is wrong. To add a check, write the
//! function and add it to [`CHECKS`]. The checks run in order, in one transaction, and the first failure ends the run.
//! So a later check may rely on the results of earlier ones.

mod checkpoints;
mod dictionary;
mod entries;
mod external_checkpoints;
mod file;
mod holds;
mod index;
mod inventory;
mod payloads;
mod removals;
mod runs;
mod settings;
mod state_entries;
mod stored_form;
mod tree;

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use rusqlite::Connection;

use super::commons::CommonCache;
use super::snapshot::SqliteSnapshot;
use super::{SqlContext, connection};
use crate::sqlite;
use crate::verified::{ExternalCheckpoint, Verified, VerifyError, VerifyFinding};
use dictionary::Used;
use mcp_audit_log_index::check::Texts;
use mcp_audit_log_index::{Snapshot, StoreError, StoreFailure};

/// A check: its name, and its function.
struct Check {
    name: &'static str,
    run: fn(&Subject<'_>) -> Result<u64, Fault>,
}

/// All checks, in order.
const CHECKS: &[Check] = &[
    Check { name: "file", run: file::pages },
    Check { name: "safeguards", run: file::safeguards },
    Check { name: "head", run: file::head },
    Check { name: "tree", run: tree::check },
    Check { name: "checkpoints", run: checkpoints::check },
    Check { name: "entries", run: entries::check },
    Check { name: "dictionary", run: dictionary::check },
    Check { name: "rows", run: stored_form::check },
    Check { name: "ids", run: entries::ids },
    Check { name: "payloads", run: payloads::check },
    Check { name: "index", run: index::check },
    Check { name: "settings", run: settings::check },
    Check { name: "holds", run: holds::check },
    Check { name: "inventory", run: inventory::check },
    Check { name: "removals", run: removals::check },
    Check { name: "runs", run: runs::check },
    Check { name: "kept", run: external_checkpoints::check },
];

/// The number of checks.
pub const COUNT: usize = CHECKS.len();

/// Called with the progress of a check: its name, the number of checked things, and the number of all.
pub type VerifyProgress<'a> = &'a dyn Fn(&str, u64, u64);

/// The log that is being verified.
struct Subject<'a> {
    connection: &'a Connection,
    /// The same log as searches read it.
    log: SqliteSnapshot<'a>,
    /// A cache for this run alone: it does not follow later changes.
    texts: Texts,
    /// The seqs of the existing entries.
    seqs: Range<u64>,
    /// The numbers of the dictionary that entries use.
    used: RefCell<Used>,
    /// Checkpoints that were kept elsewhere.
    external: &'a [ExternalCheckpoint],
    /// The kept checkpoints that can no longer be compared.
    uncompared: RefCell<Vec<String>>,
    check: &'static str,
    progress: VerifyProgress<'a>,
}

/// The result of a check that fails.
enum Fault {
    Wrong { at: String, seq: Option<u64>, what: String },
    Store(StoreError),
}

/// Verifies the database in `folder`. It only reads, and a server may be running. `external` are checkpoints that were
/// kept elsewhere; read them before this call, since the log may grow.
///
/// # Errors
/// The first thing that is wrong, or the reason why the log cannot be read.
pub fn verify(
    folder: &Path,
    external: &[ExternalCheckpoint],
    progress: VerifyProgress<'_>,
) -> Result<Verified, VerifyError> {
    run(&sqlite::files::existing(folder)?, external, progress, CHECKS.iter())
}

/// Runs only the checks with these names, on a log in any file.
pub(super) fn passes(path: &Path, names: &[&str]) -> Result<(), VerifyError> {
    run(path, &[], &|_, _, _| {}, CHECKS.iter().filter(|check| names.contains(&check.name))).map(drop)
}

/// The same for a log of a store test, which was never signed and whose cleanups have no entries.
#[cfg(test)]
pub(super) fn verify_unsigned(folder: &Path) -> Result<Verified, VerifyError> {
    let unsigned = ["checkpoints", "inventory", "removals"];
    let path = sqlite::files::existing(folder)?;
    run(&path, &[], &|_, _, _| {}, CHECKS.iter().filter(|check| !unsigned.contains(&check.name)))
}

fn run<'a>(
    path: &Path,
    external: &[ExternalCheckpoint],
    progress: VerifyProgress<'_>,
    list: impl Iterator<Item = &'a Check>,
) -> Result<Verified, VerifyError> {
    let mut connection = connection::verifier(path)?;
    let transaction = connection.transaction().context("reading the log")?;
    let commons = CommonCache::default();
    let mut subject = Subject {
        connection: &transaction,
        log: SqliteSnapshot::new(&transaction, &commons),
        texts: Texts::default(),
        seqs: 0..0,
        used: RefCell::default(),
        external,
        uncompared: RefCell::default(),
        check: "file",
        progress,
    };
    let mut checks = Vec::new();
    for check in list {
        subject.check = check.name;
        (subject.progress)(check.name, 0, 0);
        let looked = (check.run)(&subject).map_err(|fault| fault.found_by(check.name))?;
        checks.push((check.name, looked));
        if check.name == "head" {
            subject.seqs = subject.log.seqs()?;
        }
    }
    let head = subject.log.head()?.tree;
    Ok(Verified { head, first: subject.seqs.start, checks, uncompared: subject.uncompared.take(), signed: None })
}

impl Subject<'_> {
    /// Reports the progress of the check from time to time.
    fn report(&self, done: u64, all: u64) {
        if done.is_multiple_of(4_096) {
            (self.progress)(self.check, done, all);
        }
    }
}

/// A fault in a table or a column of it.
fn wrong(at: impl Into<String>, seq: Option<u64>, what: impl Into<String>) -> Fault {
    Fault::Wrong { at: at.into(), seq, what: what.into() }
}

impl Fault {
    fn found_by(self, check: &'static str) -> VerifyError {
        let wrong = |at: &str, seq, what| VerifyError::Wrong(VerifyFinding { check, at: at.to_owned(), seq, what });
        match self {
            Self::Wrong { at, seq, what } => wrong(&at, seq, what),
            Self::Store(StoreError::Ledger { seq, what }) => wrong("tile", Some(seq), what),
            Self::Store(StoreError::Corrupt { seq, reason }) => wrong("entry", Some(seq), reason),
            Self::Store(StoreError::Index { first, field }) => {
                wrong("block and chunk", Some(first), format!("the index of {field} is damaged"))
            }
            Self::Store(error @ StoreError::Database { failure: StoreFailure::Damaged, .. }) => {
                wrong("the file", None, error.to_string())
            }
            Self::Store(error) => VerifyError::Unread(error),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests;
