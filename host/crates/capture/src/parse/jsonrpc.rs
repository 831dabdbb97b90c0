//! The fields of a JSON-RPC message that the log needs, read from its bytes as they arrive, however broken they are.

use bytes::Bytes;
use mcp_audit_log_model::event::Body;

use super::json::{Reading, Take, text};
use super::params::{Answer, Field, Params, Place, Taking, name, says_error};

/// The longest name, URI or id that is read, in raw bytes.
pub(crate) const NAME: usize = 4_096;
/// The most messages of one document, because a batch may be very large.
pub(crate) const MESSAGES: usize = 1_024;
/// The most bytes of names, ids and arguments that are kept of one document.
const HELD: usize = 4 << 20;

/// A JSON-RPC id. Ids are compared by value, not by spelling: `1`, `1.0` and `1e0` are one id, `"1"` is another.
#[derive(Clone, Debug)]
pub(crate) enum Id {
    Text(String),
    /// A number, or a literal, as it is written.
    Bare(String),
}

impl Id {
    pub(crate) fn read(raw: &[u8]) -> Option<Self> {
        if raw == b"null" || matches!(raw.first(), Some(b'{' | b'[')) {
            return None;
        }
        text(raw).map(Self::Text).or_else(|| Some(Self::Bare(String::from_utf8_lossy(raw).into_owned())))
    }

    /// The id as it stood in the request.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Bare(bare) => serde_json::from_str(bare).unwrap_or(serde_json::Value::Null),
        }
    }

    /// The id without quotes, for people.
    pub(crate) fn text(&self) -> String {
        let (Self::Text(text) | Self::Bare(text)) = self;
        text.clone()
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Bare(one), Self::Bare(other)) => one == other || same_number(one, other),
            _ => false,
        }
    }
}

/// Whole numbers are compared exactly: as floats, two large ones could be equal.
fn same_number(one: &str, other: &str) -> bool {
    if let (Ok(one), Ok(other)) = (one.parse::<i64>(), other.parse::<i64>()) {
        return one == other;
    }
    matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one.total_cmp(&other).is_eq())
}

/// The three shapes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Request,
    Notification,
    Response,
}

/// One message. It does not hold texts of results and errors, because those are payload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) method: Option<String>,
    /// `None` also for an id that cannot be read, or that JSON-RPC forbids.
    pub(crate) id: Option<Id>,
    /// Whether there is an id at all, whatever its value. For a server, the id distinguishes a request from a
    /// notification.
    pub(crate) has_id: bool,
    pub(crate) params: Params,
    pub(crate) result: Option<Answer>,
    /// `Some` for an error; with its code, if that is a number. `null` and similar values are not errors, whatever the
    /// key.
    pub(crate) error: Option<Option<i64>>,
    /// Whether one of its keys differs from a known key only in case. A case-insensitive server may read another method
    /// or name.
    pub(crate) ambiguous: bool,
    /// Whether it was read to its end.
    pub(crate) whole: bool,
    /// The number of its bytes as sent.
    pub(crate) length: u64,
    /// The keyed digest of its bytes, if digests are computed.
    pub(crate) digest: Option<String>,
    /// Its bytes, or their beginning, if bodies are kept.
    pub(crate) body: Option<Body>,
}

/// The messages of one document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    pub(crate) list: Vec<Message>,
    /// Whether the messages came as an array, or one after another.
    pub(crate) batch: bool,
    /// The number of messages missing in `list`: there were too many, or they are not messages.
    pub(crate) left_out: usize,
}

/// The messages of a document that is being read.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    messages: Messages,
    /// The message that is open.
    current: Option<Box<Message>>,
    /// The number of documents and elements of arrays.
    seen: usize,
    /// Documents at the top.
    documents: usize,
    held: usize,
    /// The beginning or the end of a message at the last byte, if there was one.
    pub(crate) event: Option<Event>,
}

/// A message begins or ends with the byte that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Begins,
    Ends,
}

impl Collector {
    /// The open message has ended, or is truncated. If it is a message, it is added to the list. `kept` returns the
    /// bytes to keep of a body of this length.
    pub(crate) fn end(&mut self, whole: bool, length: u64, kept: impl FnOnce(u64) -> (Option<Body>, Option<String>)) {
        let Some(mut message) = self.current.take() else { return };
        (message.whole, message.length) = (whole, length);
        message.params.settle();
        if let Some(answer) = &mut message.result {
            answer.settle();
        }
        if message.shape().is_none() || self.messages.list.len() >= MESSAGES || self.held > HELD {
            return;
        }
        (message.body, message.digest) = kept(message.length);
        self.held += message.params.held();
        self.messages.list.push(*message);
    }

    /// Passes the list of tools of the open message through `held`.
    pub(crate) fn hold_tools(&mut self, held: impl FnOnce(Bytes) -> Option<Bytes>) {
        let answer = self.current.as_mut().and_then(|message| message.result.as_mut());
        if let Some(answer) = answer {
            answer.tools = answer.tools.take().and_then(held);
        }
    }

    /// The messages that were found.
    pub(crate) fn finish(mut self) -> Messages {
        self.messages.batch |= self.documents > 1;
        if self.messages.batch {
            self.messages.left_out = self.seen.saturating_sub(self.messages.list.len());
        }
        self.messages
    }

    /// Whether a message has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// How many messages were found so far.
    pub(crate) fn found(&self) -> usize {
        self.messages.list.len()
    }
}

impl Reading for Collector {
    type Place = Place;
    type Field = Field;

    fn document(&mut self, first: u8) -> Option<Taking> {
        let place = match first {
            b'{' => Place::Message,
            b'[' => Place::Batch,
            _ => return None,
        };
        // Lines of JSON: the first one must not hide later ones.
        self.documents += 1;
        self.messages.batch |= place == Place::Batch;
        self.seen += usize::from(place == Place::Message);
        Some(Take::inside(place))
    }

    fn element(&mut self, _: Place) -> Taking {
        self.seen += 1;
        Take::inside(Place::Message)
    }

    fn is_array(place: Place) -> bool {
        place == Place::Batch
    }

    fn entered(&mut self, place: Place) {
        let Some(message) = &mut self.current else {
            if place == Place::Message {
                self.current = Some(Box::default());
                self.event = Some(Event::Begins);
            }
            return;
        };
        if place == Place::Error {
            message.error = Some(None);
        }
    }

    fn left(&mut self, place: Place) {
        if place == Place::Message {
            self.event = Some(Event::Ends);
        }
    }

    fn member(&mut self, place: Place, key: String) -> Taking {
        let Some(message) = &mut self.current else { return Take::NOTHING };
        message.ambiguous |= is_in_other_case(place, &key);
        match (place, key.as_str()) {
            (Place::Message, "method") => name(Field::Method),
            (Place::Message, "id") => {
                (message.has_id, message.id) = (true, None);
                name(Field::Id)
            }
            (Place::Message, "params") => {
                message.params = Params::default();
                Take::inside(Place::Params)
            }
            (Place::Message, "result") => {
                message.result = Some(Answer::default());
                Take::inside(Place::Result)
            }
            (Place::Message, "error") => {
                message.error = None;
                Take { inside: Some(Place::Error), field: Some((Field::Error, 8)) }
            }
            (Place::Error, "code") => Take::field(Field::Code, 32),
            (Place::Result | Place::Server | Place::Task, key) => {
                message.result.as_mut().map_or(Take::NOTHING, |answer| answer.member(place, key))
            }
            (Place::Message | Place::Error | Place::Batch, _) => Take::NOTHING,
            _ => message.params.member(place, key),
        }
    }

    fn value(&mut self, field: Field, raw: Option<&[u8]>, sum: u64) {
        let Some(message) = &mut self.current else { return };
        match field {
            Field::Method => message.method = raw.and_then(text),
            Field::Id => message.id = raw.and_then(Id::read),
            Field::Error => message.error = says_error(raw).then_some(None),
            Field::Code => {
                let code = raw.and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok());
                message.error = Some(code);
            }
            _ => {
                message.params.value(field, raw, sum);
                if let Some(answer) = &mut message.result {
                    answer.value(field, raw, sum);
                }
            }
        }
    }
}

/// Whether a key equals, ignoring case, one that names the called method or target.
fn is_in_other_case(place: Place, key: &str) -> bool {
    let keys: &[&str] = match place {
        Place::Message => &["method", "id", "params"],
        Place::Params => &["name", "uri", "arguments"],
        _ => return false,
    };
    // Both ways, as some letters have a capital of another letter: the long s, the sign of Kelvin.
    !keys.contains(&key) && key.len() <= 32 && keys.contains(&key.to_uppercase().to_lowercase().as_str())
}

impl Message {
    /// Its kind; `None` for an object that is not a message.
    pub(crate) fn shape(&self) -> Option<Shape> {
        match (&self.method, self.has_id) {
            (Some(_), true) => Some(Shape::Request),
            (Some(_), false) => Some(Shape::Notification),
            (None, _) if self.result.is_some() || self.error.is_some() => Some(Shape::Response),
            (None, _) => None,
        }
    }

    /// Whether it reports a failure.
    pub(crate) fn is_failure(&self) -> bool {
        self.error.is_some() || self.result.as_ref().is_some_and(|result| result.is_error)
    }

    pub(crate) fn is(&self, shape: Shape) -> bool {
        self.shape() == Some(shape)
    }
}

#[cfg(test)]
mod tests;
