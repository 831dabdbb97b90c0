//! Checks at a start: missing entries must have been removed by a signed cleanup, archived checkpoints must be
//! complete, and intents without an end get one.

use mcp_audit_log_core::reader::{MAX_LIMIT, ReadError};
use mcp_audit_log_core::signer::Signer;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{PageQuery, Place, StoreError, StoreReader};
use mcp_audit_log_ledger::SignedCheckpoint;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Channel, Detail, Event, Failure, INTENT_CALL, Kind, Target};
use mcp_audit_log_model::field::Field;
use uuid::Uuid;

use super::AuditLog;
use super::open::own_access;

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

/// The number of entries that the newest checkpoint covers, if these keys signed it and the log matches it.
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

/// Whether more entries are missing than the signed cleanups removed. Each cleanup signs its intent before it removes
/// anything, and never removes the entries about the latest ones.
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

/// The newest signed entry of the log itself below a `seq`, with one of these methods, that is not a refusal.
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

/// The work that one start does for the calls that the last run left open.
#[derive(Clone, Copy)]
struct Bounds {
    /// The most intents of the last run that are checked, newest first, in whole pages. A call that is older and was
    /// still open keeps only its intent.
    checked: usize,
    /// The most ends that are recorded, because they are stored in one transaction: many times the open calls of a
    /// proxy.
    ends: usize,
}

const BOUNDS: Bounds = Bounds { checked: 100_000, ends: 10_000 };

/// OpenTelemetry's `error.type` of such an end.
const PROCESS_ENDED: &str = "proxy_killed";

impl AuditLog {
    /// The ends of the calls that the last run left open, oldest first. They must be recorded together with the first
    /// entry of this start, so that a crash leaves all of them to the next start.
    pub(super) fn unfinished_calls(&self) -> Result<Vec<Event>, StoreError> {
        match self.open_intents(BOUNDS) {
            Ok(ends) => Ok(ends),
            Err(ReadError::Store(error)) => Err(error),
            // The log's own access may read, and asks for no figures.
            Err(_) => Ok(Vec::new()),
        }
    }

    fn open_intents(&self, bounds: Bounds) -> Result<Vec<Event>, ReadError> {
        let access = own_access();
        let reader = self.view().reader(&access);
        let started =
            Domain::equals(Field::Channel, Channel::System.as_str()).and(Domain::equals(Field::Method, "log.started"));
        let last_start = reader.page(started, Place::Newest, 1)?.entries.first().map_or(0, |entry| entry.seq);
        let of_kind = Domain::equals(Field::Kind, Kind::Intent.as_str());
        let (mut from, mut checked, mut ends) = (Place::Newest, 0, Vec::new());
        while checked < bounds.checked {
            let intents = reader.page(of_kind.clone(), from, MAX_LIMIT)?.entries;
            let Some(oldest) = intents.last().map(|intent| intent.seq) else { break };
            (from, checked) = (Place::Before(oldest), checked + intents.len());
            for intent in intents.iter().take_while(|intent| intent.seq > last_start).filter(|intent| is_ours(intent)) {
                let Some(call) = call_of(intent) else { continue };
                // An id belongs to a tenant, and an entry that was sent is no end of a call that was captured.
                let tenant = intent.text(Field::Instance);
                let tenant =
                    tenant.map_or_else(|| Domain::unset(Field::Instance), |own| Domain::equals(Field::Instance, own));
                let under_id = Domain::equals(Field::Id, call.to_string()).and(tenant);
                if !reader.page(under_id, Place::Oldest, MAX_LIMIT)?.entries.iter().any(is_ours)
                    && ends.len() < bounds.ends
                {
                    ends.push(end_of(intent, call));
                }
            }
            if oldest < last_start {
                break;
            }
        }
        ends.reverse();
        Ok(ends)
    }
}

/// Whether the log itself recorded the entry. Senders can choose any name for their events.
fn is_ours(entry: &Entry) -> bool {
    !entry.details.contains_key("sent_by")
}

/// The id of the entry about the call's end.
fn call_of(intent: &Entry) -> Option<Uuid> {
    Uuid::parse_str(intent.details.get(INTENT_CALL)?.as_str()?).ok()
}

/// The end of the call that `intent` announced, with the id that the intent named.
fn end_of(intent: &Entry, id: Uuid) -> Event {
    let text = |field| intent.text(field).map(str::to_owned);
    let channel = intent.text(Field::Channel).and_then(Channel::parse).unwrap_or(Channel::Mcp);
    let kind = match (intent.text(Field::RequestId), intent.text(Field::Method)) {
        (Some(_), _) => Kind::Request,
        (None, Some(method)) if method.starts_with("notifications/") => Kind::Notification,
        _ => Kind::Http,
    };
    let targets = [
        (Field::Tool, Target::Tool as fn(String) -> Target),
        (Field::Prompt, Target::Prompt),
        (Field::ResourceUri, Target::Resource),
    ];
    let message = "The log's process ended before the call did: the server may or may not have executed it";
    let mut end = Event {
        id,
        target: targets.into_iter().find_map(|(field, target)| text(field).map(target)),
        parent: Some(intent.id),
        failure: Some(Failure::new(PROCESS_ENDED, message)),
        ..Event::new(intent.occurred_at, channel, kind, Detail::Incomplete)
    };
    for field in Field::ALL {
        if let Some(own) = end.text_mut(*field) {
            *own = text(*field);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    /// The intent of the call number `at`, and the id of its end.
    fn intent(log: &AuditLog, at: usize) -> (Event, Uuid) {
        let call = Uuid::from_u128(at as u128 + 1);
        let mut intent = Event::new(log.view().now(), Channel::Mcp, Kind::Intent, Detail::Intended);
        intent.request_id = Some(at.to_string());
        (intent.fact(INTENT_CALL, call.to_string()), call)
    }

    async fn record(log: &AuditLog, count: usize) -> Vec<Uuid> {
        let (events, calls): (Vec<_>, Vec<_>) = (0..count).map(|at| intent(log, at)).unzip();
        let stored = log.recorder().record_all(events, 0).await.expect("there is room");
        assert!(stored.iter().all(Result::is_ok));
        calls
    }

    fn ends(log: &AuditLog, bounds: Bounds) -> Vec<Uuid> {
        log.open_intents(bounds).expect("read").iter().map(|end| end.id).collect()
    }

    #[tokio::test]
    async fn a_start_records_the_end_of_interrupted_calls_up_to_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).own_schedule().open().expect("a log");
        let calls = record(&log, MAX_LIMIT + 2).await;
        assert_eq!(ends(&log, BOUNDS), calls, "all of them, the oldest first");
        assert_eq!(ends(&log, Bounds { ends: 3, ..BOUNDS }), calls[calls.len() - 3..]);
        assert_eq!(ends(&log, Bounds { checked: 1, ..BOUNDS }), calls[2..], "a page");
        assert!(ends(&log, Bounds { checked: 0, ..BOUNDS }).is_empty());
        assert_eq!((BOUNDS.checked, BOUNDS.ends), (100_000, 10_000), "as docs/limits.md has it");
        // What has its end is not open.
        let end = Event { id: calls[0], ..Event::new(log.view().now(), Channel::Mcp, Kind::Request, Detail::Ok) };
        log.record_durably(end).await.expect("recorded");
        assert_eq!(ends(&log, BOUNDS), calls[1..]);
    }
}
