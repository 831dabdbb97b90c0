//! Checks the log's past at a start: missing entries must have been removed by a signed cleanup, and no archived
//! checkpoint may be missing. Otherwise an attacker who can write the file without having the keys could remove
//! entries, and the log would sign and publish the rest.

use crate::domain::Domain;
use crate::entry::Entry;
use crate::event::Channel;
use crate::field::Field;
use crate::ledger::SignedCheckpoint;
use crate::signer::Signer;
use crate::store::{PageQuery, Place, StoreError, StoreReader};

/// A difference from what the log signed, as a phrase that continues "the log does not match the last signed
/// checkpoint".
///
/// The cost does not depend on the length of the log: the index finds the entries about starts and cleanups, and a
/// forged index can only hide them.
pub(super) fn difference(files: &StoreReader, signer: &Signer) -> Result<Option<String>, StoreError> {
    let signed = match signer.last() {
        Some(last) => last.checkpoint().size,
        // `signing.last` was lost, and the operator asked to resume.
        None => match resumed(files, signer)? {
            Ok(size) => size,
            Err(what) => return Ok(Some(what)),
        },
    };
    Ok(removed(files, signed)?.or(archived(files, signed)?))
}

/// How many entries the newest checkpoint is about that the log itself has, when these keys signed it and it fits.
fn resumed(files: &StoreReader, signer: &Signer) -> Result<Result<u64, String>, StoreError> {
    let Some(newest) = files.newest_checkpoint()? else { return Ok(Ok(0)) };
    let keys: Vec<_> = signer.verifiers().collect();
    let note = SignedCheckpoint::parse(newest.checkpoint.note.as_bytes());
    let note = note.and_then(|note| note.verify(&keys).map(|_| note));
    let Ok(note) = note else { return Ok(Err("its newest checkpoint is not signed by its keys".to_owned())) };
    let (size, root) = (note.checkpoint().size, note.checkpoint().root);
    let found = files.tree(|_, nodes| nodes.root_at(size))?;
    Ok(if found == Some(root) { Ok(size) } else { Err(format!("its first {size} entries have another root")) })
}

/// Whether more is missing than the signed cleanups removed. Each signs what it will remove before it removes anything,
/// and never removes the entries about the latest ones.
fn removed(files: &StoreReader, signed: u64) -> Result<Option<String>, StoreError> {
    let (entries, payloads) = files.prune_points()?;
    if (entries, payloads) == (0, 0) {
        return Ok(None);
    }
    let mut below = signed;
    while let Some(said) =
        newest(files, &["retention.started", "retention.completed", "retention.failed"], below, signed)?
    {
        below = said.seq;
        let number = |name: &str| said.details.get(name).and_then(serde_json::Value::as_u64);
        // A run that failed because the file could not be read does not show where the log begins.
        let Some((first, first_payload)) = number("first_place").zip(number("payloads_first_place")) else { continue };
        let more = number("expected").filter(|_| said.text(Field::Method) == Some("retention.started"));
        let last = first.saturating_add(more.unwrap_or_default());
        let last_payload = first_payload.max(last).max(number("payloads_expected_below").unwrap_or_default());
        return Ok(unlike("entries", entries, first, last).or(unlike(
            "payloads",
            payloads,
            first_payload,
            last_payload,
        )));
    }
    Ok(Some(format!("entries below seq {entries} are gone, and no signed cleanup announced their removal")))
}

fn unlike(what: &str, gone: u64, first: u64, last: u64) -> Option<String> {
    let is_meant = (first..=last).contains(&gone);
    (!is_meant).then(|| {
        format!("{what} below seq {gone} are gone, but the last signed cleanup announced only those below {last}")
    })
}

/// Whether the archived checkpoints match the newest signed entry that counts them.
fn archived(files: &StoreReader, signed: u64) -> Result<Option<String>, StoreError> {
    let Some(counted) = newest(files, &["log.started", "retention.started"], signed, signed)? else { return Ok(None) };
    let number = counted.details.get("checkpoint").and_then(serde_json::Value::as_u64).unwrap_or_default();
    let found = files.archive_digest(number)?;
    let is_it =
        counted.details.get("checkpoint_digest").and_then(serde_json::Value::as_str) == Some(&found.to_string());
    Ok((!is_it).then(|| format!("its first {number} checkpoints are not the ones that an entry counted")))
}

/// The newest signed entry of the log itself below a `seq`, with one of these methods, that was not refused.
fn newest(files: &StoreReader, methods: &[&str], below: u64, signed: u64) -> Result<Option<Entry>, StoreError> {
    let domain = Domain::equals(Field::Channel, Channel::System.as_str())
        .and(Domain::any_of(methods.iter().map(|method| Domain::equals(Field::Method, *method))))
        .and(Domain::equals(Field::Outcome, "denied").not());
    let page = files.page(&PageQuery { domain, from: Place::Before(below), limit: 1 })?;
    let Some(entry) = page.entries.into_iter().next() else { return Ok(None) };
    // Fails where the row is not what the tree has.
    files.inclusion(entry.seq, Some(signed))?;
    Ok(Some(entry))
}
