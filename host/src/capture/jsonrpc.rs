//! What the log wants to know of a JSON-RPC message, read from its bytes whatever state they are in.

use std::ops::Range;

use super::json::{CUT, Cursor, unescape};
use super::params::{Answer, Params};

/// Longest name, URI or id that is read, in bytes as written.
pub(super) const NAME: usize = 4_096;
/// Most messages of one document; a batch may be a bomb.
pub(super) const MESSAGES: usize = 256;

/// A JSON-RPC id. What counts is its value, not how it is written: `1`, `1.0` and `1e0` are one id, `"1"` is another.
#[derive(Clone, Debug)]
pub(super) enum Id {
    Text(String),
    /// A number, or a word, as it is written.
    Bare(String),
}

impl Id {
    pub(super) fn read(raw: &[u8]) -> Option<Self> {
        if raw.len() > NAME || raw == b"null" || raw.contains(&CUT) || matches!(raw.first(), Some(b'{' | b'[')) {
            return None;
        }
        match raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) {
            Some(inner) => unescape(inner).map(Self::Text),
            None => Some(Self::Bare(String::from_utf8_lossy(raw).into_owned())),
        }
    }

    /// The id without quotes, for people.
    pub(super) fn text(&self) -> String {
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

/// Whole numbers are compared as such: a fraction cannot tell two large ones apart.
fn same_number(one: &str, other: &str) -> bool {
    if let (Ok(one), Ok(other)) = (one.parse::<i64>(), other.parse::<i64>()) {
        return one == other;
    }
    matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one.total_cmp(&other).is_eq())
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
    /// `None` also for an id that cannot be read, or that JSON-RPC does not allow.
    pub(super) id: Option<Id>,
    /// Whether there is an id at all, whatever its value. To a server it makes the difference between a request and a
    /// notification.
    pub(super) has_id: bool,
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
    /// How many of several were left out of `list`: there were too many, or they are no messages.
    pub(super) left_out: usize,
}

impl Messages {
    /// Reads a document, whole or not. What is no message is not in the list.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut messages = Self::default();
        let mut cursor = Cursor::new(bytes);
        messages.whole = messages.document(&mut cursor).is_some();
        // Lines of JSON: what stands behind the first must not be hidden by it.
        while messages.whole && matches!(cursor.peek(), Some(b'{' | b'[')) {
            messages.batch = true;
            messages.whole = messages.document(&mut cursor).is_some();
        }
        messages
    }

    fn document(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        match cursor.peek()? {
            b'{' => self.one(cursor),
            b'[' => {
                self.batch = true;
                cursor.array(|cursor| self.one(cursor))
            }
            _ => None,
        }
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
        } else if self.batch {
            self.left_out += 1;
        }
        read
    }
}

impl Message {
    /// What it is; `None` for an object that is no message.
    pub(super) fn shape(&self) -> Option<Shape> {
        match (&self.method, self.has_id) {
            (Some(_), true) => Some(Shape::Request),
            (Some(_), false) => Some(Shape::Notification),
            (None, _) if self.result.is_some() || self.error.is_some() => Some(Shape::Response),
            (None, _) => None,
        }
    }

    /// Whether it says that something failed.
    pub(super) fn is_failure(&self) -> bool {
        self.error.is_some() || self.result.as_ref().is_some_and(|result| result.is_error)
    }

    pub(super) fn is(&self, shape: Shape) -> bool {
        self.shape() == Some(shape)
    }

    /// The last of equal keys counts, as it does for nearly every parser.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "method" => self.method = cursor.text(NAME)?,
                "id" => {
                    self.has_id = true;
                    self.id = Id::read(cursor.skip()?);
                }
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

    #[test]
    fn ids_are_compared_by_value() {
        let id = |raw: &str| Id::read(raw.as_bytes()).expect("an id");
        for (one, other, same) in [
            (r#""caf\u00e9""#, r#""café""#, true),
            (r#""a\/b""#, r#""a/b""#, true),
            ("1e2", "100.0", true),
            ("1", "1.0", true),
            ("9007199254740993", "9007199254740992", false),
            ("1", r#""1""#, false),
            ("true", "false", false),
        ] {
            assert_eq!(id(one) == id(other), same, "{one} {other}");
        }
        assert_eq!(id(r#""caf\u00e9""#).text(), "café");
    }

    #[test]
    fn any_id_makes_a_request() {
        for id in ["null", "{}", "[1]", &format!("\"{}\"", "x".repeat(5_000)), "1,\"id\":null"] {
            let message = one(format!(r#"{{"method":"m","id":{id}}}"#).as_bytes());
            assert!(message.is(Shape::Request) && message.id.is_none(), "{id}");
        }
    }

    #[test]
    fn lines_of_json_are_all_read() {
        let messages = Messages::read(b"{\"method\":\"a\"}\n{\"method\":\"b\",\"id\":1}\n");
        assert_eq!((messages.list.len(), messages.whole), (2, true));
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
