//! Which policies may run: those that trusted keys signed.

use mcp_audit_log_core::policy_signature::{PolicySignatureError, PolicyStatement, signers};
use mcp_audit_log_ledger::VerifierKey;
use mcp_audit_log_sandbox::{EXTENSION_CONTRACT, Policy};

use crate::Options;

/// The keys of the vendors whose policies may run, and the notes that they signed.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyTrust {
    /// None: every policy may run.
    keys: Vec<VerifierKey>,
    notes: Vec<Vec<u8>>,
}

impl Options {
    /// Only policies and extensions that one of these keys signed may judge; without this, any may. The default policy is
    /// part of the program and needs no signature. Only a log that records demands signatures.
    pub fn policy_signers(mut self, trusted: Vec<VerifierKey>) -> Self {
        self.trust.keys = trusted;
        self
    }

    /// Adds the note that signs the policy or an extension (repeatable): the bytes of a file that `mcp-audit-log policy sign`
    /// wrote.
    pub fn policy_note(mut self, note: Vec<u8>) -> Self {
        self.trust.notes.push(note);
        self
    }
}

impl PolicyTrust {
    /// The same with more notes.
    pub(super) fn with(&self, notes: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut with = self.clone();
        with.notes.extend(notes);
        with
    }

    /// The notes that were looked at; none where no signature is needed.
    pub(super) fn notes(&self) -> &[Vec<u8>] {
        if self.keys.is_empty() { &[] } else { &self.notes }
    }

    /// The keys that signed the components of `policy`; none if no signature is needed. The default policy is part of the
    /// program.
    pub(super) fn signers(&self, policy: &Policy) -> Result<Option<String>, PolicySignatureError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let own = PolicyStatement {
            name: policy.manifest().name.clone(),
            version: policy.manifest().version.clone(),
            contract: policy.contract().to_owned(),
            digest: policy.digest().to_owned(),
        };
        let extensions = policy.extensions().into_iter().map(|extension| PolicyStatement {
            name: extension.name,
            version: extension.version,
            contract: EXTENSION_CONTRACT.to_owned(),
            digest: extension.digest,
        });
        let needing = (!policy.is_builtin()).then_some(own).into_iter().chain(extensions);
        let signed = signers(&needing.collect::<Vec<_>>(), &self.notes, &self.keys)?;
        Ok((!signed.is_empty()).then(|| signed.join("; ")))
    }
}
