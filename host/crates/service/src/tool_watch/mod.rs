//! The definitions of tools in the listings that pass: what is new, changed or gone becomes an entry. A thread of its own
//! compares, so that neither the traffic nor the recorder waits.

mod compare;
mod definition;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use mcp_audit_log_contract::access::{Denied, Grant, Right};
use mcp_audit_log_contract::tool_definition::{DefinitionPart, KnownTool};
use mcp_audit_log_core::reader::{InternalReads, ReadError, Reader};
use mcp_audit_log_core::recorder::{RecordError, RecorderControl, StateChange};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::event::{Body, Event, OutcomeDetail, Payload, Target, new_id};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use uuid::Uuid;

use self::compare::{Finding, FindingKind, Findings, KnownServers, ListedPage, differences};
use super::open::own_payload_access;
use super::{AuditLog, Background, Inner, LogView};

/// The action of the entry about definitions that have no entry of their own.
const LEFT_OUT: &str = "tool.definitions_left_out";

/// A page of a server's listing of tools.
#[derive(Clone, Debug)]
pub struct ToolListing {
    /// The name of the server in the log.
    pub server: String,
    /// The caller, as a keyed digest: servers show different tools to different callers.
    pub viewer: String,
    /// The caller's name.
    pub user: Option<String>,
    /// The entry about the listing.
    pub entry: Uuid,
    /// When it was asked for.
    pub at: Timestamp,
    /// The tools: a JSON array.
    pub tools: Bytes,
    /// The cursor of the request, hashed.
    pub cursor: Option<u64>,
    /// The cursor of the next page, hashed.
    pub next: Option<u64>,
    /// Whether it is made up, for a demonstration; its entries say so.
    pub is_seeded: bool,
}

/// Compares listings with what is known. It does not keep the log open.
pub struct ToolWatch {
    log: OnceLock<Weak<Inner>>,
    /// Whether there is a capture source that may offer listings.
    is_used: AtomicBool,
    known: Mutex<Option<KnownServers>>,
    background: Background,
}

impl AuditLog {
    /// What compares the listings of tools, for a capture source.
    #[doc(hidden)]
    pub fn tool_watch(&self) -> Arc<ToolWatch> {
        let watch = Arc::clone(&self.0.tool_watch);
        watch.log.get_or_init(|| Arc::downgrade(&self.0));
        watch.is_used.store(true, Ordering::Relaxed);
        watch
    }

    /// Whether this viewer may see [`Self::known_tools`].
    pub fn may_see_tools(access: &Grant) -> bool {
        access.may(Right::Read) && access.may_oversee() && access.viewer().instance.is_none()
    }

    /// The known tools of all servers, by server and name. For viewers without a tenant, because servers are shared.
    ///
    /// # Errors
    /// The viewer may not read entries, may neither configure nor verify, or has a tenant; or the store fails.
    pub fn known_tools(&self, access: &Grant) -> Result<Vec<KnownTool>, ReadError> {
        self.view().known_tools(access)
    }
}

impl LogView {
    /// The same of a log that another process may be writing.
    ///
    /// # Errors
    /// The viewer may not read entries, may neither configure nor verify, or has a tenant; or the store fails.
    pub fn known_tools(&self, access: &Grant) -> Result<Vec<KnownTool>, ReadError> {
        access.require(Right::Read)?;
        if !AuditLog::may_see_tools(access) {
            return Err(Denied(Right::Configure).into());
        }
        Ok(self.files.tools()?)
    }
}

impl Default for ToolWatch {
    fn default() -> Self {
        Self {
            log: OnceLock::new(),
            is_used: AtomicBool::new(false),
            known: Mutex::default(),
            background: Background::new("audit-tools"),
        }
    }
}

impl std::fmt::Debug for ToolWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ToolWatch")
    }
}

impl ToolWatch {
    /// Compares a listing, soon. If many wait, it is dropped: the next listing shows the same.
    pub fn offer(self: &Arc<Self>, listing: ToolListing) {
        let watch = Arc::clone(self);
        if self.background.offer(move || watch.compare(&listing)).is_err() {
            tracing::debug!("a listing of tools is not compared: too many wait");
        }
    }

    /// Compares a listing now, and returns when the entries are stored. Blocks.
    pub fn compare(&self, listing: &ToolListing) {
        let Some(log) = self.log.get().and_then(Weak::upgrade) else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // After a failure, only what is stored counts.
        match log.compared(known.take(), listing) {
            Ok(now) => *known = Some(now),
            Err(error) => tracing::warn!(%error, "a listing of tools could not be compared; the next one will be"),
        }
    }

    /// Accepts no more listings, and waits for those that were accepted.
    pub(super) fn close(&self) {
        self.background.close();
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }
}

/// Why a listing was not compared.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Inner {
    fn compared(&self, known: Option<KnownServers>, listing: &ToolListing) -> Result<KnownServers, WatchError> {
        let mut known = match known {
            Some(known) => known,
            None => KnownServers::of(self.view.files.tools()?),
        };
        let ToolListing { server, viewer, at, tools, cursor, next, .. } = listing;
        let Some((tools, is_whole)) = definition::listed(tools) else { return Ok(known) };
        let page = ListedPage { server, viewer, at: *at, cursor: *cursor, next: *next, tools, is_whole };
        let Findings { list, left_out, seen } = known.compare(&page);
        let (mut events, mut tools) = (Vec::new(), seen);
        for finding in list {
            let event = self.definition_event(listing, &finding);
            let tool = KnownTool { entry: event.id, ..finding.tool };
            known.keep(tool.clone());
            tools.push(tool);
            events.push(event);
        }
        events.extend(left_out.map(|left_out| self.left_out_event(listing, left_out)));
        if !events.is_empty() || !tools.is_empty() {
            self.recorder.change(StateChange { tools, ..StateChange::default() }, events)?;
        }
        Ok(known)
    }

    fn listing_event(&self, listing: &ToolListing, action: &str) -> Event {
        let event = self.event(action);
        let event = Event { id: new_id(listing.at), occurred_at: listing.at, ..event };
        let event = Event { server: Some(listing.server.clone()), parent: Some(listing.entry), ..event };
        let event = if listing.is_seeded { event.fact("seeded", true) } else { event };
        match &listing.user {
            Some(user) => event.fact("listed_by", user.clone()),
            None => event,
        }
    }

    fn definition_event(&self, listing: &ToolListing, finding: &Finding) -> Event {
        let event = self.listing_event(listing, finding.kind.action());
        let mut event = Event { target: Some(Target::Tool(finding.tool.tool.clone())), ..event };
        for (name, definition) in [("hash_before", &finding.before), ("hash", &finding.after)] {
            event.facts.extend(definition.iter().map(|known| (name.to_owned(), Value::from(known.hash.clone()))));
        }
        let of_before = finding.entry_before.filter(|entry| !entry.is_nil());
        event.facts.extend(of_before.map(|entry| ("entry_before".to_owned(), Value::from(entry.to_string()))));
        if let (FindingKind::Changed, Some(before), Some(after)) = (finding.kind, &finding.before, &finding.after) {
            for (part, old, new) in differences(&before.parts, &after.parts) {
                let [old, new] = [old, new].map(|part| part.map_or(Value::Unset, described));
                event = event.fact("field", part).fact("old", old).fact("new", new);
            }
        }
        if self.view.settings().log_payloads() {
            let response = finding.text.clone().map(body);
            let request =
                of_before.filter(|_| finding.kind != FindingKind::Learned).and_then(|entry| self.text_of(entry));
            event.payload = Some(Payload { request: request.map(body), response });
        }
        event
    }

    fn left_out_event(&self, listing: &ToolListing, left_out: u64) -> Event {
        let why = "This server listed more new and changed definitions in an hour than get an entry each; the others \
                   follow as soon as a listing shows them an hour later.";
        let event = self.listing_event(listing, LEFT_OUT);
        let event = event.fact("left_out", i64::try_from(left_out).unwrap_or(i64::MAX));
        event.failed(OutcomeDetail::Incomplete, "too_many_definitions", why)
    }

    /// The definition that an entry was about, if it was kept and still is.
    fn text_of(&self, entry: Uuid) -> Option<String> {
        let access = own_payload_access();
        let reader = Reader::new(&self.view.files, &access, self.view.now());
        let (_, payload) = reader.payload(entry).ok().flatten()?;
        payload.response
    }
}

/// A part without its text, which is payload.
fn described(part: &DefinitionPart) -> Value {
    format!("{} bytes, {}", part.bytes, part.hash).into()
}

fn body(text: String) -> Body {
    let length = text.len() as u64;
    Body { bytes: Bytes::from(text), length, truncated: false }
}

#[cfg(test)]
mod tests;
