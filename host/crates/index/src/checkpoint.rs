//! What is stored about checkpoints: the notes, the keys that check them, and where they arrived.

use std::fmt::Write;

use crate::StoreError;
use crate::states::{CheckpointQuery, States};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::time::Timestamp;

/// A checkpoint that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckpoint {
    /// How many entries it is about.
    pub size: u64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The signed note.
    pub note: String,
    /// Whether it stays for ever, and then how the archived one before it leads to it; empty for the first.
    pub link: Option<Vec<Hash>>,
}

/// A checkpoint as evidence about the clock: when how many entries were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointTime {
    /// Its number, counted from 1.
    pub number: u64,
    /// How many entries it signs.
    pub size: u64,
    /// When it was signed, by the signer's clock.
    pub signed_at: Timestamp,
}

/// A stored checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Counted from 1, without a hole when it was stored.
    pub number: u64,
    /// What it is.
    pub checkpoint: NewCheckpoint,
}

/// How far a destination of checkpoints or a sink of entries is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationState {
    /// The kind of destination, or the name of a sink.
    pub name: String,
    /// The newest that arrived there; 0 for none.
    pub number: u64,
    /// Whether the last one did not.
    pub failing: bool,
}

/// What names of sinks of entries begin with, as no kind of destination does.
const SINK: &str = "entries:";

impl DestinationState {
    /// A sink of entries has everything below the `seq` `watermark`.
    pub fn of_sink(name: &str, watermark: u64) -> Self {
        Self { name: format!("{SINK}{name}"), number: watermark, failing: false }
    }

    /// Whether it is about a sink of entries, and not about checkpoints.
    pub(crate) fn is_of_sink(&self) -> bool {
        self.name.starts_with(SINK)
    }
}

/// A change of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointChange {
    /// A checkpoint was signed.
    Signed(NewCheckpoint),
    /// A key checks signatures from now on: a `vkey`.
    Key(String, Timestamp),
    /// How publishing got on.
    Destination(DestinationState),
    /// An operator confirmed the clock: no step of it before the newest checkpoint is in doubt.
    Clock,
}

/// A summary of all checkpoints and keys. Entries record it at each start and cleanup. Since entries cannot be changed,
/// no checkpoint or key can be added or removed unnoticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The newest checkpoint; 0 for none.
    pub newest: u64,
    /// The digest of all archived checkpoints; see [`chained`].
    pub archived: Hash,
    /// The keys that check signatures, and since when they do, in microseconds.
    pub keys: Vec<(String, i64)>,
}

/// The digest of the archived checkpoints with one more: SHA-256(digest before ‖ number ‖ SHA-256(note)). The first
/// digest is the hash of nothing.
pub(crate) fn chained(before: &Hash, number: u64, note: &str) -> Hash {
    let note = Hash::of(note.as_bytes());
    let bytes = [&before.as_bytes()[..], &number.to_be_bytes(), &note.as_bytes()[..]];
    Hash::of(&bytes.concat())
}

impl Inventory {
    /// What `log` has.
    ///
    /// # Errors
    /// The store fails.
    pub fn of(log: &(impl States + ?Sized)) -> Result<Self, StoreError> {
        let newest = log.checkpoints(&CheckpointQuery::NEWEST)?.first().map_or(0, |newest| newest.number);
        let archived = archive_chain(log)?.last().map_or_else(Hash::of_nothing, |(_, hash)| *hash);
        Ok(Self { newest, archived, keys: log.keys()? })
    }

    /// What there will be after these changes.
    pub fn after(mut self, changes: &[CheckpointChange]) -> Self {
        for change in changes {
            match change {
                CheckpointChange::Signed(checkpoint) => {
                    self.newest += 1;
                    if checkpoint.link.is_some() {
                        self.archived = chained(&self.archived, self.newest, &checkpoint.note);
                    }
                }
                CheckpointChange::Key(vkey, since) => self.keys.push((vkey.clone(), since.as_micros())),
                CheckpointChange::Destination(_) | CheckpointChange::Clock => {}
            }
        }
        self
    }

    /// A hash of the keys, in the order of their spelling.
    pub fn key_digest(&self) -> String {
        let mut keys = self.keys.clone();
        keys.sort();
        let mut text = String::new();
        for (vkey, since) in keys {
            let _ = writeln!(text, "{vkey} {since}");
        }
        Hash::of(text.as_bytes()).to_string()
    }
}

/// The archived checkpoints by their numbers, each with the digest of all checkpoints up to it.
///
/// # Errors
/// The store fails.
pub fn archive_chain(log: &(impl States + ?Sized)) -> Result<Vec<(u64, Hash)>, StoreError> {
    let archived = CheckpointQuery { archived: true, oldest_first: true, ..CheckpointQuery::ALL };
    let mut hash = Hash::of_nothing();
    let next = |stored: StoredCheckpoint| {
        hash = chained(&hash, stored.number, &stored.checkpoint.note);
        (stored.number, hash)
    };
    Ok(log.checkpoints(&archived)?.into_iter().map(next).collect())
}

/// The digest of those checkpoints in `chain` whose number is at most `number`.
pub fn digest_up_to(chain: &[(u64, Hash)], number: u64) -> Hash {
    let up_to = chain.partition_point(|(of, _)| *of <= number);
    up_to.checked_sub(1).and_then(|last| chain.get(last)).map_or_else(Hash::of_nothing, |(_, hash)| *hash)
}
