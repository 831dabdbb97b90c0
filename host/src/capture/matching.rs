//! Checks whether a text is the body that an entry covers, by the entry's keyed digests of request and response.

use super::document::{Document, Keep};
use crate::secret::Secret;

/// The keyed digests of the messages in `bytes`, each from its first bracket to its last, or of all of `bytes` where there
/// is no message. An entry has the same in `request_digest` and `response_digest` if it is about these bytes.
pub fn body_digests(secret: &Secret, bytes: &[u8]) -> Vec<String> {
    let mut document = Document::new(Keep::digests(secret));
    document.push(bytes);
    let parts = document.into_parts();
    let messages = parts.messages.list.into_iter().filter_map(|message| message.digest);
    messages.chain(parts.digest).collect()
}
