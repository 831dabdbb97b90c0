//! The newest checkpoint as text: its content, its signatures, and where it was delivered.

use mcp_audit_log_core::sink::SinkStatus;
use mcp_audit_log_ledger::SignatureKind;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::Integrity;

use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// The newest checkpoint.
pub(crate) struct Checkpoint {
    pub(crate) number: u64,
    pub(crate) about: String,
    pub(crate) ago: String,
    pub(crate) exact: String,
    /// The log's name, the root, and the keys that signed; or the reason why the checkpoint is not valid.
    pub(crate) said: Result<Said, Shown>,
}

/// Its content.
pub(crate) struct Said {
    pub(crate) origin: Shown,
    pub(crate) root: String,
    pub(crate) keys: Vec<Key>,
}

/// A key that signed it.
pub(crate) struct Key {
    pub(crate) purpose: &'static str,
    pub(crate) text: Shown,
}

/// A destination of checkpoints.
pub(crate) struct DestinationLine {
    pub(crate) name: &'static str,
    pub(crate) well: bool,
    pub(crate) text: Shown,
}

impl Checkpoint {
    pub(crate) fn new(integrity: &Integrity, clock: PageClock) -> Option<Self> {
        let signed = integrity.checkpoint.as_ref()?;
        let (number, size) = (signed.stored.number, signed.stored.checkpoint.size);
        let since = integrity.places.end.saturating_sub(size);
        let key = |key: &mcp_audit_log_ledger::VerifierKey| Key {
            purpose: if key.kind() == SignatureKind::Log { "the log" } else { "its time" },
            text: Shown::line(&key.to_string()),
        };
        let said = signed.said.as_ref().map(|(checkpoint, keys)| Said {
            origin: Shown::line(&checkpoint.origin),
            root: checkpoint.root.to_string(),
            keys: keys.iter().map(key).collect(),
        });
        Some(Self {
            number,
            about: match since {
                0 => format!("all {} entries", count(size)),
                since => format!("the first {} entries; {} are newer", count(size), count(since)),
            },
            ago: clock.ago(signed.stored.checkpoint.signed_at),
            exact: clock.both(signed.stored.checkpoint.signed_at),
            said: said.map_err(|error| Shown::line(error)),
        })
    }
}

impl DestinationLine {
    /// The destination as this viewer may see it. Only operators of the whole log see the reason of a failure.
    pub(crate) fn new(status: &SinkStatus, newest: Option<u64>, tells_why: bool) -> Self {
        let name = match &*status.name {
            "folder" => "a folder",
            "http" => "an address",
            _ => "standard output",
        };
        let (well, text) = match (&status.failing, status.arrived) {
            (Some(why), _) if tells_why => (false, format!("the last one failed: {why}")),
            (Some(_), _) => (false, "the last one failed".to_owned()),
            (None, None) => (true, "none sent since the start".to_owned()),
            (None, Some(number)) if newest.is_some_and(|newest| number < newest) => {
                (true, format!("number {number} published; the latest is being sent"))
            }
            (None, Some(number)) => (true, format!("number {number} published")),
        };
        Self { name, well, text: Shown::line(&text) }
    }
}
