//! The set of checkpoints and keys: it agrees with the entries about starts and cleanups, and the latest of these
//! entries always exists. So no checkpoint can be removed, and no key added, without a changed entry.

use std::collections::HashSet;

use super::state_entries::{StateEntry, state_entries};
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::Inventory;
use mcp_audit_log_index::check::{archive_chain, digest_up_to};
use mcp_audit_log_ledger::Hash;

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let entries = state_entries(subject, ["log.started", "retention.started", "signing_key.added"])?;
    let mut found = Inventory::of(&subject.log)?;
    let chain = archive_chain(&subject.log)?;
    let mut done = 0;
    let mut added = HashSet::new();
    for entry in entries.iter().rev() {
        // The entry about a key follows the start that the key came with, which counts it.
        if entry.method == "signing_key.added" {
            added.extend(entry.text("key"));
            continue;
        }
        keys(&found, entry)?;
        checkpoints(&chain, entry)?;
        found.keys.retain(|(vkey, _)| !added.contains(vkey.as_str()));
        done += 1;
    }
    if done == 0 && (found.newest > 0 || !found.keys.is_empty()) {
        return Err(wrong("checkpoint and verifier", None, "no entry reports a start or a cleanup"));
    }
    Ok(done)
}

/// Whether the stored keys are those that existed at this entry.
fn keys(found: &Inventory, entry: &StateEntry) -> Result<(), Fault> {
    match entry.text("key_digest") == Some(&found.key_digest()) {
        true => Ok(()),
        false => Err(wrong(
            "verifier",
            None,
            format!("the keys are not the ones that the entry at seq {} counted", entry.seq),
        )),
    }
}

/// Whether the archived checkpoints that existed at this entry are still stored.
fn checkpoints(chain: &[(u64, Hash)], entry: &StateEntry) -> Result<(), Fault> {
    let newest = entry.number("checkpoint").unwrap_or_default();
    let found = digest_up_to(chain, newest);
    match entry.text("checkpoint_digest") == Some(&found.to_string()) {
        true => Ok(()),
        false => {
            let what =
                format!("the first {newest} checkpoints are not the ones that the entry at seq {} counted", entry.seq);
            Err(wrong("checkpoint", None, what))
        }
    }
}
