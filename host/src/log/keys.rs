//! The keys of a log that nobody has open: changed for new ones.

use std::path::Path;

use super::OpenError;
use crate::ledger::VerifierKey;
use crate::signer::{self, SignerOptions};
use crate::store::{self, StoreError, StoreReader};

/// Makes new signing keys for the log in `folder`; see [`signer::rotate`].
///
/// # Errors
/// A process has the log open, there is none, or the keys cannot be changed.
pub fn rotate_keys(folder: &Path, options: &SignerOptions) -> Result<Vec<VerifierKey>, OpenError> {
    let files = store::open_to_read(folder)?;
    let _lock = store::lock(folder)?;
    let last = signer::last(&options.last_path(folder))?;
    Ok(signer::rotate(&options.key_path(folder), last.as_ref(), &known(&files)?)?)
}

/// The keys that the log remembers.
pub(super) fn known(files: &StoreReader) -> Result<Vec<VerifierKey>, StoreError> {
    Ok(files.verifiers()?.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect())
}
