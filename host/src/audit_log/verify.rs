//! A whole log held against its ledger, and against what was kept of it elsewhere.

use std::path::Path;

use crate::ledger::VerifierKey;
use crate::signer::{self, SignerError, SignerOptions};
use crate::store::{self, Kept, Tell, Verified, VerifyError, Wrong};

/// The check of checkpoints that were kept elsewhere.
const CHECK: &str = "kept";

/// Verifies the log in `folder` without writing; a server may be using it. It must contain the last checkpoint of its
/// signer, and each of `kept`: checkpoints of this log that a verifier has. If there is one of these, the signer's may
/// be missing, as in an outsider's copy.
///
/// # Errors
/// The first fault, or why the log cannot be read.
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
    let given = kept.len();
    kept.extend(last.map(|note| Kept { name: name.clone(), note }));
    let named = signer::verifiers(folder, signer).map_err(|error| match error {
        SignerError::File { path, reason } => VerifyError::Beside { path, reason },
        error => VerifyError::Keys(error.to_string()),
    })?;
    let verified = match store::verify(folder, &kept, tell) {
        Ok(verified) => Verified { signed, ..verified },
        // Only a log that is whole but for that can say whose checkpoints are its own.
        Err(VerifyError::Wrong(wrong)) if wrong.check == CHECK => {
            let known = store::open_to_read(folder)?.verifiers()?;
            let named = &kept[..given];
            return Err(foreign(named, &wrong, &known).unwrap_or(VerifyError::Wrong(wrong)));
        }
        Err(error) => return Err(error),
    };
    if let Some(what) = unlike(&named, &store::open_to_read(folder)?.verifiers()?) {
        let at = signer.key_path(folder).display().to_string();
        let at = if signer.keys.is_some() { "the given signing keys".to_owned() } else { at };
        return Err(VerifyError::Wrong(Wrong { check: CHECK, at, seq: None, what }));
    }
    if is_missing && verified.head.size > 0 {
        return Err(wrong(
            "the last signed checkpoint is missing; name its file with --last-signed, or name a checkpoint kept \
             elsewhere with --checkpoint"
                .to_owned(),
        ));
    }
    Ok(verified)
}

/// The error when the checkpoint that is wrong is one of a log of another name. What the log's own signer has signed last
/// must be the log's.
fn foreign(kept: &[Kept], wrong: &Wrong, known: &[String]) -> Option<VerifyError> {
    let Kept { name, note } = kept.iter().find(|kept| kept.name == wrong.at)?;
    let names: Vec<_> = known.iter().filter_map(|key| Some(VerifierKey::parse(key).ok()?.name().to_owned())).collect();
    let (origin, log) = (note.checkpoint().origin.clone(), names.first()?.clone());
    (!names.contains(&origin)).then(|| VerifyError::Foreign { name: name.clone(), origin, log })
}

/// The fault if these keys are not the log's. After a rotation the file also has the newest old key, so the log knows
/// one of them.
fn unlike(named: &[VerifierKey], known: &[String]) -> Option<String> {
    if named.is_empty() || known.is_empty() || named.iter().any(|key| known.contains(&key.to_string())) {
        return None;
    }
    let name = |key: &VerifierKey| key.name().to_owned();
    let known = known.iter().find_map(|key| VerifierKey::parse(key).ok());
    let (found, log) = (named.first().map(name).unwrap_or_default(), known.as_ref().map(name).unwrap_or_default());
    Some(format!("the keys of {found} never signed this log, {log}"))
}
