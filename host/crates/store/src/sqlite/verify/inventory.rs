//! Which checkpoints and keys there are: as the entries about starts and cleanups say; the latest of them is always still
//! there. So none can go, and no key can come, without an entry being another than it was.

use std::collections::HashSet;

use super::told::{Told, told};
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::Inventory;
use mcp_audit_log_index::check::{archive_chain, digest_up_to};
use mcp_audit_log_ledger::Hash;

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let told = told(subject, ["log.started", "retention.started", "signing_key.added"])?;
    let mut found = Inventory::of(&subject.log)?;
    let chain = archive_chain(&subject.log)?;
    let mut done = 0;
    let mut added = HashSet::new();
    for told in told.iter().rev() {
        // A key is told behind the start that it came with, which counts it.
        if told.method == "signing_key.added" {
            added.extend(told.text("key"));
            continue;
        }
        keys(&found, told)?;
        checkpoints(&chain, told)?;
        found.keys.retain(|(vkey, _)| !added.contains(vkey.as_str()));
        done += 1;
    }
    if done == 0 && (found.newest > 0 || !found.keys.is_empty()) {
        return Err(wrong("checkpoint and verifier", None, "no entry reports a start or a cleanup"));
    }
    Ok(done)
}

/// Whether the keys are those that there were at this entry.
fn keys(found: &Inventory, told: &Told) -> Result<(), Fault> {
    match told.text("key_digest") == Some(&found.key_digest()) {
        true => Ok(()),
        false => Err(wrong("verifier", None, format!("the keys are not the ones that entry {} counted", told.seq))),
    }
}

/// Whether the archived checkpoints that there were at this entry are those that there are.
fn checkpoints(chain: &[(u64, Hash)], told: &Told) -> Result<(), Fault> {
    let newest = told.number("checkpoint").unwrap_or_default();
    let found = digest_up_to(chain, newest);
    match told.text("checkpoint_digest") == Some(&found.to_string()) {
        true => Ok(()),
        false => {
            let what = format!("the first {newest} checkpoints are not the ones that entry {} counted", told.seq);
            Err(wrong("checkpoint", None, what))
        }
    }
}
