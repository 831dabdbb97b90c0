//! What the log wants to know of a JSON-RPC message, read from its bytes whatever state they are in.

use std::ops::Range;

use super::json::{Cursor, unescape};
use super::params::{Answer, Params};

/// Longest name, URI or id that is read, in bytes as written.
pub(super) const NAME: usize = 4_096;
/// Most messages of one document; a batch may be a bomb.
pub(super) const MESSAGES: usize = 256;

/// A JSON-RPC id as it is written: `1` and `"1"` are two ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(String);

impl Id {
    pub(super) fn read(raw: &[u8]) -> Option<Self> {
        let wanted = raw.len() <= NAME && raw != b"null" && !matches!(raw.first(), Some(b'{' | b'['));
        wanted.then(|| Self(String::from_utf8_lossy(raw).into_owned()))
    }

    /// The id without quotes, for people.
    pub(super) fn text(&self) -> String {
        match self.0.strip_prefix('"').and_then(|id| id.strip_suffix('"')) {
            Some(inner) => unescape(inner.as_bytes()).unwrap_or_else(|| inner.to_owned()),
            None => self.0.clone(),
        }
    }
}

/// The three shapes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Request,
    Notification,
    Response,
}

/// One message. Texts of results and errors are not in it: those are payload.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) method: Option<String>,
    pub(super) id: Option<Id>,
    pub(super) params: Params,
    pub(super) result: Option<Answer>,
    /// `Some` for an error; with its code, if that is a number.
    pub(super) error: Option<Option<i64>>,
    /// Where it stands in its document.
    pub(super) range: Range<usize>,
    /// Whether it was read to its end.
    pub(super) whole: bool,
}

/// The messages of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    pub(super) list: Vec<Message>,
    /// Whether they came as an array.
    pub(super) batch: bool,
    /// Whether the document was read to its end.
    pub(super) whole: bool,
    /// How many were left out of `list` because there were too many.
    pub(super) left_out: usize,
}

impl Messages {
    /// Reads a document, whole or not. What is no message is not in the list.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut messages = Self::default();
        let mut cursor = Cursor::new(bytes);
        let read = match cursor.peek() {
            Some(b'{') => messages.one(&mut cursor),
            Some(b'[') => {
                messages.batch = true;
                cursor.array(|cursor| messages.one(cursor))
            }
            _ => None,
        };
        messages.whole = read.is_some();
        messages
    }

    fn one(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        if self.list.len() >= MESSAGES {
            self.left_out += 1;
            return cursor.skip().map(drop);
        }
        cursor.peek()?;
        let start = cursor.position();
        let mut message = Message::default();
        let read = message.read(cursor);
        message.range = start..cursor.position();
        message.whole = read.is_some();
        if message.shape().is_some() {
            self.list.push(message);
        }
        read
    }
}

impl Message {
    /// What it is; `None` for an object that is no message.
    pub(super) fn shape(&self) -> Option<Shape> {
        match (&self.method, &self.id) {
            (Some(_), Some(_)) => Some(Shape::Request),
            (Some(_), None) => Some(Shape::Notification),
            (None, _) if self.result.is_some() || self.error.is_some() => Some(Shape::Response),
            (None, _) => None,
        }
    }

    pub(super) fn is(&self, shape: Shape) -> bool {
        self.shape() == Some(shape)
    }

    /// The last of equal keys counts, as it does for nearly every parser.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "method" => self.method = cursor.text(NAME)?,
                "id" => self.id = Id::read(cursor.skip()?),
                "params" => {
                    self.params = Params::default();
                    self.params.read(cursor)?;
                }
                "result" => self.result.insert(Answer::default()).read(cursor)?,
                "error" => error(self.error.insert(None), cursor)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }
}

fn error(code: &mut Option<i64>, cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.object(|key, cursor| {
        match key {
            "code" => *code = cursor.integer()?,
            _ => drop(cursor.skip()?),
        }
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &[u8]) -> Message {
        Messages::read(json).list.remove(0)
    }

    #[test]
    fn reads_a_call_in_any_order_and_up_to_where_it_is_cut() {
        let json = br#"{"params":{"arguments":{"a":{"deep":[1]},"b":"x"},"_meta":{"progressToken":0,"traceparent":"00-1"},"name":"echo"},"id":"7","jsonrpc":"2.0","method":"tools/call"}"#;
        let message = one(json);
        assert_eq!(
            (message.method.as_deref(), message.id.as_ref().map(Id::text)),
            (Some("tools/call"), Some("7".into()))
        );
        assert!(message.whole && message.params.progress_token.is_some() && message.is(Shape::Request));
        assert_eq!(message.params.name.as_deref(), Some("echo"));
        assert_eq!(message.params.arguments[0].json, r#"{"deep":[1]}"#);
        let cut = one(br#"{"id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"b":"x"#);
        assert_eq!((cut.params.name.as_deref(), cut.params.arguments.len(), cut.whole), (Some("echo"), 1, false));
    }

    #[test]
    fn every_cut_of_a_message_is_survived() {
        let json = br#"[{"id":1,"method":"a","params":{"ref":{"name":"x"},"clientInfo":{"name":"c","version":"1"}}},{"error":{"code":-5,"message":"no"},"id":null}]"#;
        for end in 0..=json.len() {
            Messages::read(&json[..end]);
        }
        let messages = Messages::read(json);
        assert!(messages.batch);
        assert_eq!(messages.list[1].error, Some(Some(-5)));
        assert_eq!(&json[messages.list[0].range.clone()][..7], br#"{"id":1"#);
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let message = one(br#"{"method":"a","method":"b","params":{"name":"x"},"params":{"uri":"y"},"id":1,"id":2}"#);
        assert_eq!(
            (message.method.as_deref(), message.params.name, message.params.uri.as_deref()),
            (Some("b"), None, Some("y"))
        );
        assert_eq!(message.id.map(|id| id.text()), Some("2".into()));
    }

    #[test]
    fn answers_are_read_without_their_text() {
        let message = one(br#"{"result":{"content":[{"text":"CANARY","isError":false}],"isError":true},"id":1}"#);
        assert!(
            message.result.as_ref().is_some_and(|result| result.is_error) && !format!("{message:?}").contains("CANARY")
        );
        let message = one(br#"{"id":1,"error":{"message":"CANARY","data":{"code":1},"code":-32601}}"#);
        assert_eq!(message.error, Some(Some(-32601)));
        assert!(!format!("{message:?}").contains("CANARY"));
    }

    #[test]
    fn bounds_hold() {
        let many = (0..100).map(|at| format!("\"k{at}\":{at}")).collect::<Vec<_>>().join(",");
        let long = "x".repeat(5_000);
        let message =
            one(format!(r#"{{"method":"m","params":{{"arguments":{{"long":"{long}",{many}}}}}}}"#).as_bytes());
        assert_eq!((message.params.arguments.len(), message.params.arguments[0].name.as_str()), (64, "k0"));
        let bomb = format!("[{}]", vec![r#"{"method":"m"}"#; 300].join(","));
        let messages = Messages::read(bomb.as_bytes());
        assert_eq!((messages.list.len(), messages.left_out), (MESSAGES, 44));
        assert!(Messages::read(b"[1,2,{}]").list.is_empty() && Messages::read(b"hello").list.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::sample::select(b"{}[]\",:\\0nu tmethodid\xff\x00".to_vec()), 0..200)) {
            let messages = Messages::read(&bytes);
            for message in &messages.list {
                assert!(message.range.end <= bytes.len());
            }
        }

        #[test]
        fn whole_messages_are_read_as_a_parser_reads_them(method in ".*", id in proptest::num::i64::ANY, name in ".*", other in ".*") {
            let json = serde_json::json!({"method": method, other.clone(): [other], "id": id, "params": {"arguments": {"a": name}, "name": name}});
            let parsed = &json;
            let message = one(json.to_string().as_bytes());
            assert_eq!(message.method.as_deref(), parsed["method"].as_str());
            assert_eq!(message.id.map(|id| id.text()), parsed["id"].as_i64().map(|id| id.to_string()));
            assert_eq!(message.params.name.as_deref(), parsed["params"]["name"].as_str());
        }
    }
}
