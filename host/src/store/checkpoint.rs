//! What is stored about checkpoints: the notes, the keys that check them, and where they arrived.

use crate::ledger::Hash;
use crate::time::Timestamp;

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

/// One that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Counted from 1, without a hole when it was stored.
    pub number: u64,
    /// What it is.
    pub checkpoint: NewCheckpoint,
}

/// Where the newest checkpoint arrived, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceChange {
    /// The kind of place.
    pub name: String,
    /// The newest that arrived there; 0 for none.
    pub number: u64,
    /// Whether the last one did not.
    pub failing: bool,
}

/// A change of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointChange {
    /// A checkpoint was signed.
    Signed(NewCheckpoint),
    /// A key checks signatures from now on: a `vkey`.
    Key(String, Timestamp),
    /// How publishing got on.
    Place(PlaceChange),
    /// Somebody said that the clock is right: no step of it before the newest checkpoint is in doubt.
    Clock,
}
