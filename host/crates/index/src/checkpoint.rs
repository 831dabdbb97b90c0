//! Stored data about checkpoints: the notes, the keys that check them, and the progress of destinations.

use std::fmt::Write;

use crate::StoreError;
use crate::states::{CheckpointQuery, States};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::time::Timestamp;

/// A checkpoint that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckpoint {
    /// How many entries it covers.
    pub size: u64,
    /// The time of signing.
    pub signed_at: Timestamp,
    /// The signed note.
    pub note: String,
    /// For an archived checkpoint, which is kept for ever: the proof that links the previous archived one to it. It is
    /// empty for the first.
    pub link: Option<Vec<Hash>>,
}

/// A checkpoint as evidence about the clock: the time at which a number of entries was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointTime {
    /// Its number, counted from 1.
    pub number: u64,
    /// How many entries it signs.
    pub size: u64,
    /// The time of signing, by the signer's clock.
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

/// The progress of a destination of checkpoints, or of a sink of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationState {
    /// The kind of destination, or the name of a sink.
    pub name: String,
    /// The newest checkpoint that arrived there, 0 for none; of a sink of entries, the `seq` after the last one.
    pub number: u64,
    /// Whether the last delivery failed.
    pub failing: bool,
}

/// The prefix of the names of sinks of entries. No kind of destination has this prefix.
const SINK: &str = "entries:";

impl DestinationState {
    /// The progress of a sink of entries: it has all entries below the `seq` `watermark`.
    pub fn of_sink(name: &str, watermark: u64, failing: bool) -> Self {
        Self { name: format!("{SINK}{name}"), number: watermark, failing }
    }

    /// Whether it is the progress of a sink of entries, and not of a destination of checkpoints.
    pub(crate) fn is_of_sink(&self) -> bool {
        self.name.starts_with(SINK)
    }
}

/// A change of checkpoints, keys or destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointChange {
    /// A checkpoint was signed.
    Signed(NewCheckpoint),
    /// A new key that checks signatures from now on: a `vkey`.
    Key(String, Timestamp),
    /// The progress of publishing.
    Destination(DestinationState),
    /// An operator confirmed the clock: no earlier jump before the newest checkpoint is doubted.
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
    /// The keys that check signatures, each with the time of its first use, in microseconds.
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

    /// The inventory after these changes.
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

    /// A digest of the keys, in the order of their texts.
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
