//! Checks a bundle line by line; it keeps only a few hashes however large the bundle is.

use super::super::hash::Hash;
use super::super::key::{KeyError, VerifierKey};
use super::super::{CheckpointError, Frontier, ProofFileError, SignedCheckpoint};
use super::entry::BundleEntry;
use super::judgement::{JudgementLine, JudgementPart};
use super::{Bundle, FIRST_FORMAT, FORMAT, unhex};

/// A bundle that is being checked.
#[derive(Debug)]
pub struct BundleCheck {
    bundle: Bundle,
    checkpoint: SignedCheckpoint,
    time: Option<u64>,
    own_keys: bool,
    /// Those that were trusted.
    keys: Vec<VerifierKey>,
    frontier: Frontier,
    shown: u64,
}

/// A bundle that was checked, and what it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedBundle {
    /// The log that signed.
    pub origin: String,
    /// The time of signing in seconds since 1970, if a trusted key gives it.
    pub time: Option<u64>,
    /// The number of entries of the log at that time.
    pub size: u64,
    /// The `seq` of the first entry in the bundle.
    pub first: u64,
    /// The `seq` after the last entry.
    pub end: u64,
    /// The number of entries that are shown with their content.
    pub shown: u64,
    /// Whether the keys come from the bundle itself, so that their owner is not proved.
    pub own_keys: bool,
}

/// The first fault of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The first line.
    #[error("the first line is not the header of a bundle")]
    Header,
    /// A key in the first line.
    #[error("a key in the first line is not valid: {0}")]
    Key(#[from] KeyError),
    /// The checkpoint in the first line.
    #[error("the checkpoint in the first line is not valid: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A line.
    #[error("the line of entry {0} is not in the format of a bundle")]
    Line(u64),
    /// An entry other than the expected one.
    #[error("entry {0} is missing or out of order")]
    Missing(u64),
    /// The payload.
    #[error("the payload of entry {0} is not the recorded one")]
    Payload(u64),
    /// The file has data after the last entry.
    #[error("the file has more entries than its first line names")]
    More,
    /// A line behind the entries.
    #[error("a line behind the entries is not in the format of a judgement, or is of another bundle")]
    JudgementLine,
    /// An entry that says what judges.
    #[error("an entry that says what judged is not proved: {0}")]
    Sealed(ProofFileError),
    /// A component.
    #[error("the component {0} was changed: its bytes have another digest")]
    Component(String),
    /// The entries are not the signed ones.
    #[error("the entries do not match the signed root: an entry, or a hash in the first line, was changed")]
    Root,
}

impl BundleCheck {
    /// Reads the first line. Without `trusted` keys, the keys in the bundle are used. If a timestamp key is among them,
    /// the time must be signed.
    ///
    /// # Errors
    /// It is not the first line of a bundle, or its checkpoint is not signed by these keys.
    pub fn begin(line: &str, trusted: &[VerifierKey]) -> Result<Self, BundleError> {
        let bundle: Bundle = serde_json::from_str(line).map_err(|_| BundleError::Header)?;
        let own = bundle.keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
        let checkpoint = SignedCheckpoint::parse(bundle.checkpoint.as_bytes())?;
        let own_keys = trusted.is_empty();
        let keys = if own_keys { own.clone() } else { trusted.to_vec() };
        let time = checkpoint.verify_timed(&keys)?;
        // The timestamp key is among the keys of the log, whichever keys the verifier trusts.
        checkpoint.verify_timed(&own)?;
        let fits = [FORMAT, FIRST_FORMAT].contains(&bundle.format.as_str())
            && bundle.line() == line
            && bundle.first < bundle.end
            && bundle.end <= checkpoint.checkpoint().size;
        let left = hashes(&bundle.left).filter(|_| fits).ok_or(BundleError::Header)?;
        let frontier = Frontier::from_hashes(bundle.first, left).ok_or(BundleError::Header)?;
        Ok(Self { bundle, checkpoint, time, own_keys, keys, frontier, shown: 0 })
    }

    /// Reads the line of the next entry.
    ///
    /// # Errors
    /// It is not the line of the next entry.
    pub fn entry(&mut self, line: &str) -> Result<BundleEntry, BundleError> {
        let next = self.frontier.size();
        if next == self.bundle.end {
            return Err(BundleError::More);
        }
        let entry: BundleEntry = serde_json::from_str(line).map_err(|_| BundleError::Line(next))?;
        // Only the canonical spelling is accepted: no duplicate members, and nothing that other parsers could read
        // differently.
        let leaf = entry.leaf().filter(|_| entry.line() == line).ok_or(BundleError::Line(next))?;
        if entry.seq != next {
            return Err(BundleError::Missing(next));
        }
        if !entry.payload_fits() {
            return Err(BundleError::Payload(next));
        }
        self.frontier.push(leaf, |_, _| {});
        self.shown += u64::from(entry.content.is_some());
        Ok(entry)
    }

    /// Whether all entries were read, so that a further line is for [`BundleCheck::judgement`].
    pub fn has_all_entries(&self) -> bool {
        self.frontier.size() == self.bundle.end
    }

    /// The `seq` of the first entry.
    pub fn first(&self) -> u64 {
        self.bundle.first
    }

    /// Reads a line behind the entries. What it has counts only if [`BundleCheck::end`] finds nothing wrong.
    ///
    /// # Errors
    /// It is no such line, an entry in it is not proved, or a component does not have its digest.
    pub fn judgement(&self, line: &str) -> Result<JudgementPart, BundleError> {
        JudgementLine::read(line, &self.bundle.checkpoint, &self.keys)
    }

    /// Returns what the bundle proves, after all lines were read.
    ///
    /// # Errors
    /// Entries are missing, or do not match the signed ones.
    pub fn end(self) -> Result<CheckedBundle, BundleError> {
        let Self { bundle, checkpoint, time, own_keys, frontier, shown, .. } = self;
        let signed = checkpoint.checkpoint();
        if frontier.size() != bundle.end {
            return Err(BundleError::Missing(frontier.size()));
        }
        let right = hashes(&bundle.right).ok_or(BundleError::Header)?;
        let mut whole = frontier;
        if !whole.append_all(&right, signed.size) || whole.root() != signed.root {
            return Err(BundleError::Root);
        }
        let Bundle { first, end, .. } = bundle;
        Ok(CheckedBundle { origin: signed.origin.clone(), time, size: signed.size, first, end, shown, own_keys })
    }
}

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| unhex(text)).collect()
}
