//! A whole log held against its ledger, and against what was kept of it elsewhere.

use std::path::Path;

use crate::signer::{self, SignerError, SignerOptions};
use crate::store::{self, Kept, Tell, Verified, VerifyError, Wrong};

/// The check that looks at what was kept elsewhere.
const CHECK: &str = "kept";

/// Verifies the log in `folder`, which is only read; a server may be at work on it. It must contain what its signer signed
/// last, and each of `kept`: checkpoints that somebody has from this log. Where there is one of these, the signer's may be
/// missing, as for a copy that an outsider has.
///
/// # Errors
/// What is wrong first, or why the log cannot be read.
pub fn verify_log(
    folder: &Path,
    signer: &SignerOptions,
    mut kept: Vec<Kept>,
    tell: Tell<'_>,
) -> Result<Verified, VerifyError> {
    let path = signer.last_path(folder);
    let name = path.display().to_string();
    let wrong = |what: String| VerifyError::Wrong(Wrong { check: CHECK, at: name.clone(), seq: None, what });
    let last = signer::last(&path).map_err(|error| match error {
        SignerError::File { path, reason } => VerifyError::Beside { path, reason },
        error => wrong(error.to_string()),
    })?;
    let is_missing = last.is_none() && kept.is_empty();
    let signed = last.as_ref().map(|note| note.checkpoint().size);
    kept.extend(last.map(|note| Kept { name: name.clone(), note }));
    let verified = Verified { signed, ..store::verify(folder, &kept, tell)? };
    if is_missing && verified.head.size > 0 {
        return Err(wrong(
            "it says what was signed last, and is missing; name it with --last-signed, or a checkpoint that somebody kept \
             with --checkpoint"
                .to_owned(),
        ));
    }
    Ok(verified)
}
