//! Builds the entry of an event: texts truncated, payload masked, committed to and compressed, content hashed, cost
//! computed.

use std::borrow::Cow;
use std::sync::Arc;

use mcp_audit_log_index::{Prepared, StoredPayload};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::event::{Body, Event, Payload, Target};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format;
use mcp_audit_log_model::mask::Masks;
use mcp_audit_log_model::price::Prices;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::{Fault, Keep, LayerFault, Policy, Verdict};

use super::facts;
use super::facts::HostChanges;

/// Longest name of a detail or of a change, in characters.
pub(super) const NAME: usize = 256;
/// Longest text of a detail, in characters.
pub(super) const DETAIL: usize = 1_024;
/// The initial buffer for the texts of an ordinary entry, in bytes.
const ROOM: usize = 512;
/// The longest kept body, in bytes, whatever the policy asks for.
const BODY: usize = 64 << 10;
/// The action of an event that the policy could not judge.
const UNJUDGED: &str = "event.unjudged";

/// The inputs for building entries.
pub(super) struct EntryBuilder<'a> {
    pub(super) policy: &'a Policy,
    pub(super) prices: &'a Prices,
    /// The payload switch; a verdict can only narrow it.
    pub(super) keep_payloads: bool,
    pub(super) now: Timestamp,
    /// Makes the salt of a payload.
    pub(super) salt: fn() -> Option<[u8; 32]>,
}

/// The detail of an entry whose payload was dropped because no random salt was available.
const UNSALTED: (&str, &str) = ("payload_dropped", "no random salt");

/// A salt, if the operating system returns random numbers.
pub(super) fn random_salt() -> Option<[u8; 32]> {
    let mut salt = [0; 32];
    let filled = getrandom::fill(&mut salt);
    filled.inspect_err(|error| tracing::error!(%error, "a payload is not kept: no random salt is available")).ok()?;
    Some(salt)
}

impl EntryBuilder<'_> {
    /// The entry for `event`.
    pub(super) fn entry(&self, mut event: Event, verdict: &Result<Arc<Verdict>, Fault>) -> Prepared {
        let mut entry = Entry::new(event.id, event.occurred_at, self.now);
        entry.reserve(ROOM);
        entry.status_code = event.status_code;
        entry.duration_us = event.duration_us;
        entry.parent = event.parent;
        fields(&mut entry, &mut event);
        let told = facts::host(&mut entry, &mut event);
        let masks = self.policy.masks();
        let keep = match verdict {
            Ok(verdict) => judged(&mut entry, verdict, told, masks),
            Err(fault) => {
                faulted(&mut entry, fault, told, self.policy);
                None
            }
        };
        settle(&mut entry, self.prices);
        hide_key(&mut entry, masks);
        let payload = match (keep, event.payload) {
            (Some(keep), Some(payload)) if self.keep_payloads => {
                // Without a salt, a reader of the entry could guess the body and check the guess against the
                // commitment.
                let kept = (self.salt)().map(|salt| masked(salt, keep, payload, masks));
                if kept.is_none() {
                    entry.details.insert(UNSALTED.0.to_owned(), UNSALTED.1.into());
                }
                kept
            }
            _ => None,
        };
        Prepared::new(entry, payload)
    }
}

/// Sets the fields that are known without the policy.
fn fields(entry: &mut Entry, event: &mut Event) {
    for field in Field::ALL {
        if let Some(text) = event.text_mut(*field) {
            set(entry, *field, text.as_deref());
        }
    }
    let failure = event.failure.as_ref();
    let target = event.target.as_ref().and_then(|target| match target {
        Target::Tool(name) => Some((Field::Tool, name)),
        Target::Prompt(name) => Some((Field::Prompt, name)),
        Target::Resource(uri) => Some((Field::ResourceUri, uri)),
        Target::Other(_) => None,
    });
    for (field, text) in [
        (Field::Channel, Some(event.channel.as_str())),
        (Field::Kind, Some(event.kind.as_str())),
        (Field::Outcome, Some(event.detail.outcome().as_str())),
        (Field::OutcomeDetail, Some(event.detail.as_str())),
        (Field::ErrorType, failure.map(|failure| failure.kind.as_str())),
        (Field::ErrorMessage, failure.map(|failure| failure.message.as_str())),
    ] {
        set(entry, field, text);
    }
    if let Some((field, text)) = target {
        set(entry, field, Some(text));
    }
}

/// The field holds the name of a key. If a sender puts the key itself there, it must not be stored.
fn hide_key(entry: &mut Entry, masks: &Masks) {
    let hidden = entry.text(Field::ApiKey).map(|key| masks.text(key)).filter(|(_, hidden)| *hidden);
    if let Some((masked, _)) = hidden {
        entry.set_text(Field::ApiKey, Some(&masked));
    }
}

/// Applies the verdict; returns how the policy wants the payload kept.
fn judged<'a>(entry: &mut Entry, verdict: &'a Verdict, told: HostChanges, masks: &Masks) -> Option<&'a Keep> {
    let Verdict { action, affected, model, record_id, facts, changes, keep, faults } = verdict;
    set(entry, Field::Action, Some(action));
    set(entry, Field::Model, model.as_deref());
    set(entry, Field::RecordId, record_id.as_deref());
    if let Some(affected) = affected {
        set(entry, Field::ResourceType, Some(&affected.kind));
        set(entry, Field::ResourceId, affected.id.as_deref());
        set(entry, Field::ResourceName, affected.name.as_deref());
    }
    told.judged(entry, facts, changes, masks);
    extensions_failed(entry, faults);
    keep.as_ref()
}

/// Extensions failed: the verdict is that of the other layers, and the entry names the failed ones.
fn extensions_failed(entry: &mut Entry, faults: &[LayerFault]) {
    let Some(first) = faults.first() else { return };
    set(entry, Field::Fault, Some(first.fault.kind.as_str()));
    let text: Vec<_> = faults.iter().map(|one| format!("{}: {}", one.layer, one.fault.message)).collect();
    let digests: Vec<_> = faults.iter().map(|one| one.digest.as_str()).collect();
    for (name, text) in [("fault", text.join("; ")), ("policy_digest", digests.join(", "))] {
        entry.details.insert(name.to_owned(), cut(&text, DETAIL).into());
    }
}

/// The policy failed: the event is recorded as metadata, with the details that help to find the cause.
fn faulted(entry: &mut Entry, fault: &Fault, told: HostChanges, policy: &Policy) {
    set(entry, Field::Action, Some(UNJUDGED));
    set(entry, Field::Fault, Some(fault.kind.as_str()));
    told.unjudged(entry, policy.masks());
    for (name, text) in [("fault", fault.message.as_str()), ("policy_digest", policy.digest())] {
        entry.details.insert(name.to_owned(), cut(text, DETAIL).into());
    }
}

fn masked(salt: [u8; 32], keep: &Keep, payload: Payload, masks: &Masks) -> StoredPayload {
    let mut notes = Details::new();
    let mut body = |name: &str, body: Option<Body>| {
        let body = body?;
        // Masked as a whole and cut afterwards: a secret across the cut would escape the mask.
        let (text, hidden) = masks.body(&keep.masks, &body.bytes);
        let kept = cut_bytes(&text, keep.max_bytes.min(BODY));
        notes.insert(format!("{name}_bytes"), body.length.into());
        notes.insert(format!("{name}_masked"), hidden.into());
        notes.insert(format!("{name}_truncated"), (body.truncated || kept.len() < text.len()).into());
        Some(kept.to_owned())
    };
    let (request, response) = (body("request", payload.request), body("response", payload.response));
    StoredPayload { salt, request, response, notes }
}

/// Sets a text field, cut to the field's longest length.
pub(super) fn set(entry: &mut Entry, field: Field, text: Option<&str>) {
    entry.set_text(field, text.map(|text| cut(text, field.longest())).as_deref());
}

/// At most `longest` characters; the last one is `…` if the text was cut. NUL is replaced, because many tools end a
/// text there.
pub(super) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    // There are never more characters than bytes.
    if text.len() <= longest && !text.contains('\0') {
        return text.into();
    }
    let text = text.replace('\0', "\u{fffd}");
    format::cut(&text, longest).into_owned().into()
}

pub(super) fn cut_own(text: String, longest: usize) -> String {
    match cut(&text, longest) {
        Cow::Borrowed(_) => text,
        Cow::Owned(cut) => cut,
    }
}

fn cut_bytes(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

/// The detail that names the source of the cost.
const SOURCE: &str = "cost_source";

/// Computes the cost of an entry that has tokens but no cost, and marks the source of the cost.
pub(super) fn settle(entry: &mut Entry, prices: &Prices) {
    if entry.cost_micros.is_none() && entry.input_tokens.is_none() && entry.output_tokens.is_none() {
        return;
    }
    // Only the host sets it.
    entry.details.shift_remove(SOURCE);
    let source = if entry.cost_micros.is_some() { "given" } else { "computed" };
    entry.cost_micros = entry.cost_micros.or_else(|| computed(entry, prices));
    if entry.cost_micros.is_some() {
        entry.details.insert(SOURCE.to_owned(), source.into());
    }
}

fn computed(entry: &Entry, prices: &Prices) -> Option<u64> {
    let provider = entry.text(Field::Provider).unwrap_or_default();
    let model = entry.text(Field::LlmModel)?;
    prices.cost(provider, model, entry.input_tokens.unwrap_or(0), entry.output_tokens.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::event::{Channel, Kind, OutcomeDetail};
    use mcp_audit_log_sandbox::Limits;

    use super::*;

    #[test]
    fn without_randomness_a_payload_is_dropped_and_marked() {
        let policy = Policy::builtin(Limits::default(), Timestamp::EPOCH).expect("the default policy");
        let (keep, prices) = (Keep { masks: Vec::new(), max_bytes: 100 }, Prices::default());
        for (salt, kept) in [((|| Some([7; 32])) as fn() -> _, true), (|| None, false)] {
            let seal =
                EntryBuilder { policy: &policy, prices: &prices, keep_payloads: true, now: Timestamp::EPOCH, salt };
            let payload = Payload { request: Some(Body::whole("{}")), response: None };
            let event = Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
            let verdict = Verdict {
                action: "test".to_owned(),
                affected: None,
                model: None,
                record_id: None,
                facts: Vec::new(),
                changes: Vec::new(),
                keep: Some(keep.clone()),
                faults: Vec::new(),
            };
            let sealed = seal.entry(Event { payload: Some(payload), ..event }, &Ok(Arc::new(verdict)));
            assert_eq!((sealed.payload().is_some(), sealed.entry().payload_commitment.is_some()), (kept, kept));
            assert_eq!(sealed.entry().details.contains_key("payload_dropped"), !kept);
        }
    }

    #[test]
    fn long_texts_are_cut_visibly_and_nul_does_not_survive() {
        assert_eq!(cut("ab\0", 3), "ab\u{fffd}");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut_bytes("äö", 3), "ä");
    }
}
