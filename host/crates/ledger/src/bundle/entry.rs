//! One entry of a bundle: with its content, or only with its hash.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::super::{Content, Hash, Leaf, VERSION, is_committed};
use super::{hex, unhex, unhex_bytes};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::FieldType;
use mcp_audit_log_model::value::Value;

/// The name of the commitment among the fields.
const COMMITMENT: &str = "payload_commitment";
/// The name of the details, stored as a text.
const DETAILS: &str = "details";

/// A line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    version: u16,
    /// Its `seq`.
    pub seq: u64,
    /// When it was recorded, in microseconds since 1970.
    pub recorded_at: i64,
    /// Its set fields: texts, numbers, times in microseconds, UUIDs as texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Json>>,
    /// The hash of the content, for an entry that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// The payload that the commitment covers, if it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<BundlePayload>,
}

/// The bodies of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundlePayload {
    salt: String,
    /// The request's body.
    pub request: Option<String>,
    /// The answer's body.
    pub response: Option<String>,
    /// The notes as the stored text.
    pub notes: String,
}

impl BundleEntry {
    /// An entry with its content.
    pub fn shown(entry: &Entry, payload: Option<BundlePayload>) -> Self {
        let mut content = Map::new();
        for field in Content::fields() {
            match entry.value(field) {
                Value::Unset => {}
                value => drop(content.insert(field.name().to_owned(), value.to_json())),
            }
        }
        let rest = [(COMMITMENT, entry.payload_commitment.map(|hash| hex(&hash))), (DETAILS, entry.details_text())];
        rest.into_iter().for_each(|(name, text)| drop(text.map(|text| content.insert(name.to_owned(), text.into()))));
        Self { content: Some(content), payload, ..Self::bare(entry) }
    }

    /// An entry with only `seq` and time.
    pub fn hidden(entry: &Entry) -> Self {
        Self { hash: Some(Content::of(entry).hash().to_string()), ..Self::bare(entry) }
    }

    fn bare(entry: &Entry) -> Self {
        let recorded_at = entry.recorded_at.as_micros();
        Self { version: VERSION, seq: entry.seq, recorded_at, content: None, hash: None, payload: None }
    }

    /// The line in the file, without its newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Its leaf hash in the tree; `None` if the line is not a bundle entry.
    pub(super) fn leaf(&self) -> Option<Hash> {
        let content = match (&self.content, &self.hash) {
            (Some(content), None) => encoded(content)?.hash(),
            (None, Some(hash)) => unhex(hash)?,
            _ => return None,
        };
        let known = self.version == VERSION;
        known.then(|| Leaf::new(self.seq, self.recorded_at, content).hash())
    }

    /// The entry, if it is shown; with its payload's presence, as far as that is shown.
    pub fn entry(&self) -> Option<Entry> {
        let mut entry = encoded(self.content.as_ref()?)?.entry(self.seq, self.recorded_at)?;
        entry.has_payload = self.payload.is_some();
        Some(entry)
    }

    /// Whether the payload, if shown, matches the entry's commitment.
    pub(super) fn payload_fits(&self) -> bool {
        let Some(payload) = &self.payload else { return true };
        let said = self.content.as_ref().and_then(|content| unhex(content.get(COMMITMENT)?.as_str()?));
        said.is_some_and(|said| payload.is_committed(&said))
    }
}

impl BundlePayload {
    /// The parts of a payload as they are stored.
    pub fn new(salt: &[u8; 32], request: Option<String>, response: Option<String>, notes: &Details) -> Self {
        Self { salt: hex(salt), request, response, notes: serde_json::to_string(notes).unwrap_or_default() }
    }

    fn is_committed(&self, said: &Hash) -> bool {
        let salt = unhex_bytes(&self.salt).and_then(|salt| salt.try_into().ok());
        let (request, response) = (self.request.as_deref(), self.response.as_deref());
        salt.is_some_and(|salt| is_committed(&said.0, &salt, request, response, &self.notes))
    }
}

/// The id, if it is spelled canonically; the parser also accepts braces, capitals and more.
fn as_written(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// The content with these fields. Each must have its field's type, in the order of the field table, and no others are
/// allowed, so that nothing is shown that is not hashed.
fn encoded(fields: &Map<String, Json>) -> Option<Content> {
    let mut content = Content::default();
    let mut given = fields.iter().peekable();
    for field in Content::fields() {
        let Some((_, value)) = given.next_if(|(name, _)| *name == field.name()) else { continue };
        match field.kind() {
            FieldType::Text => content.text(field, value.as_str().filter(|text| !text.is_empty())?),
            FieldType::Integer | FieldType::Time => content.integer(field, value.as_i64()?),
            FieldType::Id => content.id(field, as_written(value.as_str()?)?.as_bytes()),
        }
    }
    let commitment = given.next_if(|(name, _)| *name == COMMITMENT);
    let commitment = commitment.map(|(_, hash)| hash.as_str().and_then(unhex).ok_or(())).transpose().ok()?;
    let details = given.next_if(|(name, _)| *name == DETAILS);
    let details = details.map(|(_, text)| text.as_str().ok_or(())).transpose().ok()?;
    content.end(commitment.as_ref().map(|hash| hash.as_bytes().as_slice()), details);
    given.next().is_none().then_some(content)
}
