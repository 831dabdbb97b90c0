//! A bundle: consecutive entries in a file, with everything that a verifier needs to check them against a signed
//! checkpoint.
//!
//! JSON Lines. The first line is the [`Bundle`]: the frontier before the entries, and the subtrees after them up to the
//! checkpoint's size. Then one line per entry, in canonical spelling, and then what makes their judgements again, if it is
//! there.

mod check;
mod entry;
mod judgement;
mod page;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::hash::{hex, unhex, unhex_bytes};

pub use check::{BundleCheck, BundleError, CheckedBundle};
pub use entry::{BundleEntry, BundlePayload};
pub use judgement::{JudgementLine, JudgementPart, JudgementRecord};
pub use page::verifier_page;

/// The format in the first line.
const FORMAT: &str = "mcp-audit-log-bundle-v1";
/// The same under the product's first name: bundles of then are still checked.
const FIRST_FORMAT: &str = "mcp-audit-bundle-v1";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`Bundle::FORMAT`].
    format: String,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` after the last entry.
    pub end: u64,
    /// The frontier at `first`, in hexadecimal digits.
    pub left: Vec<String>,
    /// The hashes of [`crate::completion`] from `end` to the checkpoint's size.
    pub right: Vec<String>,
    /// The signed note.
    pub checkpoint: String,
    /// The log's keys, for comparison with keys that the verifier already has: anyone can write keys here.
    pub keys: Vec<String>,
}

impl Bundle {
    /// The first line of a bundle of the entries from `first` to below `end`.
    pub fn new(first: u64, end: u64, left: &[Hash], right: &[Hash], checkpoint: String, keys: Vec<String>) -> Self {
        let hex = |hashes: &[Hash]| hashes.iter().map(Hash::to_string).collect();
        Self { format: FORMAT.to_owned(), first, end, left: hex(left), right: hex(right), checkpoint, keys }
    }

    /// The line in the file, without its newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
