//! One document of a body: its messages, the bytes that are kept, and keyed digests.

use std::sync::Arc;

use bytes::Bytes;
use mcp_audit_log_core::recorder::{Budget, BudgetShare};
use mcp_audit_log_core::secret::{DerivedKey, KeyedDigest, Secret};
use mcp_audit_log_model::event::Body;
use mcp_audit_log_service::AuditLog;

use super::json::Lexer;
use super::jsonrpc::{Collector, Event, Messages};

/// The longest body that is passed to the recorder. The recorder keeps 64 KiB; with the rest, a mask can match beyond
/// the cut.
const BODY: usize = 68 << 10;

/// The most bytes before a message that are kept, in case there is no message.
const BEFORE: usize = 1 << 10;

/// The purpose for which the key of body digests is derived.
const DIGESTS: &str = "digests of bodies";

/// The parts of documents to keep besides the parsed fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// The budget for bodies, if bodies are kept.
    pub(crate) bodies: Option<Arc<Budget>>,
    /// The key for digests of bodies, if they are computed.
    pub(crate) digests: Option<Arc<DerivedKey>>,
    /// The budget for lists of tools, if they are compared.
    pub(crate) tools: Option<Arc<Budget>>,
}

impl Keep {
    /// The current settings of `log`.
    pub(crate) fn of(log: &AuditLog) -> Self {
        let captured = &log.recorder().gauges().captured;
        let bodies = log.keeps_payloads().then(|| Arc::clone(captured));
        let digests = log.digests_bodies().then(|| Arc::new(log.secret().derive(DIGESTS)));
        Self { bodies, digests, tools: Some(Arc::clone(captured)) }
    }

    /// Only digests, under the key of this secret.
    pub(crate) fn digests(secret: &Secret) -> Self {
        Self { digests: Some(Arc::new(secret.derive(DIGESTS))), ..Self::default() }
    }
}

/// A document that is being read.
#[derive(Debug, Default)]
pub(crate) struct Document {
    lexer: Lexer<Collector>,
    collector: Collector,
    /// Its length so far.
    length: u64,
    /// The position of the last message.
    begin: u64,
    /// Whether it contains anything but whitespace.
    filled: bool,
    /// Its first byte that is not whitespace.
    first: Option<u8>,
    keep: Keep,
    kept: Option<Kept>,
    /// The digest of the whole document, and of the open message.
    digest: Option<KeyedDigest>,
    message: Option<KeyedDigest>,
}

/// The beginning of a message, or of a document without a message so far.
#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    held: BudgetShare,
    length: u64,
    /// The position of the open message in the bytes.
    from: usize,
    /// Whether nothing more is kept.
    full: bool,
}

/// A document taken apart.
pub(crate) struct Parts {
    pub(crate) messages: Messages,
    /// Its beginning, if it has no message and bodies are kept.
    pub(crate) raw: Option<Body>,
    /// The digest of all of its bytes, if it has no message and bodies are digested.
    pub(crate) digest: Option<String>,
    pub(crate) length: u64,
    /// Whether it contains only whitespace.
    pub(crate) blank: bool,
    /// Whether it begins as JSON and ends before it is complete.
    pub(crate) cut: bool,
}

impl Document {
    pub(crate) fn new(keep: Keep) -> Self {
        let digest = keep.digests.as_ref().map(|key| key.begin());
        Self { keep, digest, ..Self::default() }
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let start = self.length;
        self.length += piece.len() as u64;
        self.first = self.first.or_else(|| piece.iter().copied().find(|byte| !byte.is_ascii_whitespace()));
        self.filled = self.filled || !piece.iter().all(u8::is_ascii_whitespace);
        let (mut from, mut at) = (0, 0);
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            at += self.lexer.step(rest, &mut self.collector);
            let Some(event) = self.collector.event.take() else { continue };
            // The bracket belongs to its message.
            let until = at - usize::from(event == Event::Begins);
            self.keep(&piece[from..until]);
            from = until;
            match event {
                Event::Begins => {
                    self.begin = start + until as u64;
                    self.begin_kept();
                    self.message = self.keep.digests.as_ref().map(|key| key.begin());
                }
                Event::Ends => self.end(true, start + until as u64),
            }
        }
        self.keep(&piece[from..]);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it is complete, as far as it was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.lexer.is_whole()
    }

    /// Whether a message was found.
    pub(crate) fn found(&self) -> bool {
        self.collector.found() > 0
    }

    /// The messages and the other findings. A message that is incomplete now stays incomplete.
    pub(crate) fn into_parts(mut self) -> Parts {
        self.end(false, self.length);
        let raw = if self.found() { None } else { self.kept.take().map(Kept::raw) };
        let digest = self.digest.take().filter(|_| !self.found()).map(KeyedDigest::finish);
        let messages = self.collector.finish();
        let cut = matches!(self.first, Some(b'{' | b'[')) && !self.lexer.is_whole();
        Parts { messages, raw, digest, length: self.length, blank: !self.filled, cut }
    }

    /// A message ends here, or is truncated.
    fn end(&mut self, whole: bool, here: u64) {
        let Self { collector, kept, begin, message, keep, .. } = self;
        collector.hold_tools(|tools| held(keep.tools.as_ref()?, tools));
        let digest = message.take().map(KeyedDigest::finish);
        collector.end(whole, here - *begin, |length| (kept.take().map(|kept| kept.body(length)), digest));
        if collector.found() > 0 {
            self.digest = None;
        }
    }

    /// A message begins. The bytes before it are kept while they are short, in case there is no message.
    fn begin_kept(&mut self) {
        self.kept = self.kept.take().filter(|kept| self.collector.found() == 0 && kept.bytes.len() <= BEFORE);
        if let Some(kept) = &mut self.kept {
            kept.from = kept.bytes.len();
        }
    }

    fn keep(&mut self, mut bytes: &[u8]) {
        for digest in [&mut self.digest, &mut self.message].into_iter().flatten() {
            digest.update(bytes);
        }
        let Some(budget) = &self.keep.bodies else { return };
        // Between messages there is nothing to keep, once there is one.
        if self.found() && !self.collector.is_open() {
            self.kept = None;
            return;
        }
        let new = || Kept { bytes: Vec::new(), held: budget.nothing(), length: 0, from: 0, full: false };
        let kept = self.kept.get_or_insert_with(new);
        if kept.length == 0 {
            bytes = bytes.trim_ascii_start();
        }
        kept.push(bytes);
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let fits = bytes.len().min(BODY - self.bytes.len());
        if self.full || fits == 0 {
            return;
        }
        // For lack of room the body is dropped; the message is still recorded.
        let granted = self.held.grow(fits);
        self.full = !granted || fits < bytes.len();
        if granted {
            self.bytes.extend_from_slice(&bytes[..fits]);
        }
    }

    /// The kept bytes of a document that is not a message.
    fn raw(self) -> Body {
        let length = self.length;
        Self { from: 0, ..self }.body(length)
    }

    /// The kept bytes of a body of this length.
    fn body(self, length: u64) -> Body {
        let Self { mut bytes, held, from, .. } = self;
        bytes.drain(..from.min(bytes.len()));
        let truncated = (bytes.len() as u64) < length;
        Body { bytes: Bytes::from_owner(Owned { bytes, _held: held }), length, truncated }
    }
}

/// The same bytes, if the budget has room for them.
fn held(budget: &Arc<Budget>, bytes: Bytes) -> Option<Bytes> {
    let mut share = budget.nothing();
    share.grow(bytes.len()).then(|| Bytes::from_owner(Owned { bytes: bytes.into(), _held: share }))
}

/// Bytes whose share of the budget is returned when the last reference is dropped.
struct Owned {
    bytes: Vec<u8>,
    _held: BudgetShare,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the whole document at once, for tests.
#[cfg(test)]
pub(crate) fn read(json: &[u8]) -> Messages {
    let mut document = Document::default();
    document.push(json);
    document.into_parts().messages
}

/// The keyed digests of the messages in `bytes`, each from its first to its last bracket. Without a message, the digest
/// of all `bytes`. An entry about these bytes has the same in `request_digest` and `response_digest`.
pub fn body_digests(secret: &Secret, bytes: &[u8]) -> Vec<String> {
    let mut document = Document::new(Keep::digests(secret));
    document.push(bytes);
    let parts = document.into_parts();
    let messages = parts.messages.list.into_iter().filter_map(|message| message.digest);
    messages.chain(parts.digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(json: &[u8], piece: usize, keep: Keep) -> Parts {
        let mut document = Document::new(keep);
        json.chunks(piece).for_each(|piece| document.push(piece));
        document.into_parts()
    }

    fn keeping() -> Keep {
        Keep { bodies: Some(Budget::new(1 << 20)), ..Keep::default() }
    }

    #[test]
    fn the_end_of_a_huge_answer_decides_its_outcome() {
        let text = "\\\"isError\\\":true ".repeat(200_000);
        for (flag, expected) in [("true", true), ("false", false)] {
            let json = format!(r#"{{"result":{{"content":[{{"text":"{text}"}}],"isError":{flag}}},"id":7}}"#);
            let parts = pushed(json.as_bytes(), 7_777, keeping());
            let message = &parts.messages.list[0];
            assert_eq!(message.result.as_ref().map(|result| result.is_error), Some(expected));
            let body = message.body.as_ref().expect("a body");
            assert!(message.whole && body.truncated && body.length == json.len() as u64 && body.bytes.len() == BODY);
        }
    }

    #[test]
    fn only_long_arguments_are_left_out() {
        let long = "x".repeat(2 << 20);
        let json = format!(
            r#"{{"id":1,"params":{{"arguments":{{"a":"{long}","b":2}},"name":"echo"}},"method":"tools/call"}}"#
        );
        let params = &pushed(json.as_bytes(), 65_536, Keep::default()).messages.list[0].params;
        assert_eq!((params.name.as_deref(), params.arguments.len()), (Some("echo"), 1));
    }

    #[test]
    fn values_after_a_huge_one_are_read() {
        let (digits, list, text) = ("1".repeat(2 << 20), "1,".repeat(1 << 20), "x".repeat(2 << 20));
        let ids = [digits.clone(), format!("[{list}1]"), format!("{{\"a\":[{list}1]}}"), format!("\"{text}\"")];
        for id in ids {
            let json = format!(
                r#"{{"{}":1,"id":{id},"params":{{"arguments":{{"a":[{list}1]}},"name":"echo"}},"method":"tools/call"}}"#,
                "k".repeat(5_000)
            );
            let blanks = " ".repeat(2 << 20);
            let message = &pushed(format!("{blanks}{json}").as_bytes(), 65_536, Keep::default()).messages.list[0];
            assert_eq!((message.params.name.as_deref(), message.method.as_deref()), (Some("echo"), Some("tools/call")));
            assert!(message.has_id && message.id.is_none() && message.whole);
        }
    }

    #[test]
    fn many_small_values_stay_bounded() {
        let parts = pushed(format!("[{}", "{},".repeat(2 << 20)).as_bytes(), 1 << 16, keeping());
        assert!(parts.messages.list.is_empty() && parts.messages.left_out == 2 << 20);
    }

    #[test]
    fn each_message_of_a_batch_has_its_own_bytes() {
        let batch = format!(
            r#" [{{"method":"a","id":1}} , {{"method":"b","params":"{}"}},{{}},{{"method":"c"}}] "#,
            "x".repeat(1 << 20)
        );
        for length in [1, 1_000, 2 << 20] {
            let parts = pushed(batch.as_bytes(), length, keeping());
            let bodies: Vec<_> =
                parts.messages.list.iter().map(|message| message.body.clone().expect("kept")).collect();
            assert_eq!(bodies[0].bytes, r#"{"method":"a","id":1}"#);
            assert_eq!((bodies[1].length, bodies[1].truncated), ((1 << 20) + 26, true));
            assert_eq!((bodies[2].bytes.as_ref(), bodies[2].truncated), (br#"{"method":"c"}"#.as_slice(), false));
            assert_eq!((parts.messages.left_out, parts.raw), (1, None));
            for raw in [" {'method':'a'}\n", "[]", "{\"Method\":\"a\"}", "[1,{\"x\":2}]", "hello"] {
                let parts = pushed(raw.as_bytes(), length, keeping());
                assert_eq!(parts.raw.expect("kept").bytes.trim_ascii_end(), raw.trim().as_bytes(), "{length}");
            }
        }
    }

    #[test]
    fn a_digest_covers_one_message_or_else_the_whole_body() {
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::digests(&Secret::open(folder.path()).expect("a secret"));
        let of = |json: &str, piece: usize| {
            let parts = pushed(json.as_bytes(), piece, keep.clone());
            let messages: Vec<_> = parts.messages.list.into_iter().map(|message| message.digest).collect();
            (messages, parts.digest)
        };
        let alone = |text: &str| {
            let mut digest = keep.digests.as_ref().expect("a key").begin();
            digest.update(text.as_bytes());
            Some(digest.finish())
        };
        let (one, two) = (r#"{"method":"a","id":1}"#, r#"{"method":"b"}"#);
        for piece in [1, 5, 1_000] {
            assert_eq!(of(one, piece), (vec![alone(one)], None));
            assert_eq!(of(&format!(" {one}\n"), piece), (vec![alone(one)], None));
            assert_eq!(of(&format!("[{one}, {two}]"), piece), (vec![alone(one), alone(two)], None));
            for raw in [" {'method':'a'}\n", "[]", "hi", "[1, {}]"] {
                assert_eq!(of(raw, piece), (vec![], alone(raw)), "{raw}");
            }
            assert_eq!(of(&one[..10], piece).0.len() + of(&one[..10], piece).1.iter().len(), 1);
        }
    }

    #[test]
    fn a_full_budget_drops_the_body_and_keeps_the_message() {
        let budget = Budget::new(100);
        let keep = Keep { bodies: Some(Arc::clone(&budget)), ..Keep::default() };
        let json = format!(r#"{{"method":"a","params":{{"name":"{}"}},"id":1}}"#, "x".repeat(200));
        let parts = pushed(json.as_bytes(), 60, keep);
        let message = parts.messages.list.into_iter().next().expect("a message");
        assert_eq!(message.params.name.map(|name| name.len()), Some(200));
        let body = message.body.expect("its beginning");
        assert_eq!((body.bytes.len(), body.truncated, body.length), (60, true, json.len() as u64));
        assert_eq!(budget.held(), 60);
        drop(body);
        assert_eq!(budget.held(), 0, "the room comes back with the last who refers to the bytes");
    }
}
