//! An entry that is ready to be stored. All slow work that needs no `seq` is done before the storing thread gets it.

use uuid::Uuid;

use super::payload::{PackedPayload, StoredPayload};
use mcp_audit_log_ledger::{Content, Hash};
use mcp_audit_log_model::entry::Entry;

/// An entry with the hash of its content, and its payload as it is stored in the file.
#[derive(Clone, Debug)]
pub struct Prepared {
    entry: Entry,
    content: Hash,
    payload: Option<PackedPayload>,
}

impl Prepared {
    /// Commits the entry to its payload, compresses the payload, and hashes the entry's content. After this, neither
    /// may change.
    pub fn new(mut entry: Entry, payload: Option<StoredPayload>) -> Self {
        entry.payload_commitment = payload.as_ref().map(|payload| payload.commitment().0);
        entry.has_payload = payload.is_some();
        let content = Content::of(&entry).hash();
        Self { entry, content, payload: payload.map(StoredPayload::pack) }
    }

    /// The same entry with another id; its details name the first id. Each call returns the same new id, so that an
    /// entry that is sent again is found.
    pub(crate) fn under_another_id(&self) -> Self {
        let mut entry = self.entry.clone();
        entry.details.insert("id_taken".to_owned(), entry.id.to_string().into());
        let mut id = entry.id.into_bytes();
        // What is random in it: behind the time, the version and the variant.
        id[9..].iter_mut().zip(self.content.0).for_each(|(byte, other)| *byte ^= other);
        entry.id = Uuid::from_bytes(id);
        Self { content: Content::of(&entry).hash(), payload: self.payload.clone(), entry }
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The hash of its [`Content`].
    pub(crate) fn content(&self) -> Hash {
        self.content
    }

    /// Its payload.
    #[doc(hidden)]
    pub fn payload(&self) -> Option<&PackedPayload> {
        self.payload.as_ref()
    }
}
