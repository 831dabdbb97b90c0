//! Reading of messages: the result is the same for all sizes of pieces, and equals that of a parser that reads the
//! whole text.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::parse::document::{Document, read};

fn one(json: &[u8]) -> Message {
    read(json).list.remove(0)
}

/// Some servers ignore case and use the last of two such keys.
#[test]
fn keys_that_differ_only_in_case_are_marked() {
    let ambiguous = |json: &str| one(json.as_bytes()).ambiguous;
    for json in [
        r#"{"id":1,"method":"tools/list","Method":"tools/call"}"#,
        r#"{"METHOD":"a","id":1,"method":"tools/list"}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"good","Name":"evil"}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"good"},"param\u017f":{"name":"evil"}}"#,
    ] {
        assert!(ambiguous(json), "{json}");
    }
    assert!(!ambiguous(r#"{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"Name":"y"},"Other":1}}"#));
}

#[test]
fn a_call_is_read_in_any_order_and_up_to_its_cut() {
    let json = br#"{"params":{"arguments":{"a":{"deep":[1]},"b":"x"},"_meta":{"progressToken":0,"traceparent":"00-1"},"name":"echo"},"id":"7","jsonrpc":"2.0","method":"tools/call"}"#;
    let message = one(json);
    assert_eq!((message.method.as_deref(), message.id.as_ref().map(Id::text)), (Some("tools/call"), Some("7".into())));
    assert!(message.whole && message.params.progress_token.is_some() && message.is(Shape::Request));
    assert_eq!(message.length, json.len() as u64);
    assert_eq!(message.params.name.as_deref(), Some("echo"));
    assert_eq!(message.params.arguments[0].json, r#"{"deep":[1]}"#);
    let cut = one(br#"{"id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"b":"x"#);
    assert_eq!((cut.params.name.as_deref(), cut.params.arguments.len(), cut.whole), (Some("echo"), 1, false));
}

#[test]
fn a_message_can_be_cut_anywhere() {
    let json = br#"[{"id":1,"method":"a","params":{"ref":{"name":"x"},"clientInfo":{"name":"c","version":"1"}}},{"error":{"code":-5,"message":"no"},"id":null}]"#;
    for end in 0..json.len() {
        assert!(!in_pieces(&json[..end], &[]).1, "{end}");
    }
    let (messages, whole) = in_pieces(json, &[]);
    assert!(messages.batch && whole);
    assert_eq!(messages.list[1].error, Some(Some(-5)));
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
fn answers_are_read_without_their_content() {
    let message = one(br#"{"result":{"content":[{"text":"CANARY","isError":false}],"isError":true},"id":1}"#);
    assert!(
        message.result.as_ref().is_some_and(|result| result.is_error) && !format!("{message:?}").contains("CANARY")
    );
    let message = one(br#"{"id":1,"error":{"message":"CANARY","data":{"code":1},"code":-32601}}"#);
    assert_eq!(message.error, Some(Some(-32601)));
    assert!(!format!("{message:?}").contains("CANARY"));
}

#[test]
fn document_limits_hold() {
    let many = (0..100).map(|at| format!("\"k{at}\":{at}")).collect::<Vec<_>>().join(",");
    let long = "x".repeat(5_000);
    let message = one(format!(r#"{{"method":"m","params":{{"arguments":{{"long":"{long}",{many}}}}}}}"#).as_bytes());
    assert_eq!((message.params.arguments.len(), message.params.arguments[0].name.as_str()), (64, "k0"));
    let bomb = format!("[{}]", vec![r#"{"method":"m"}"#; MESSAGES + 44].join(","));
    let messages = read(bomb.as_bytes());
    assert_eq!((messages.list.len(), messages.left_out), (MESSAGES, 44));
    let large = format!(r#"{{"method":"m","params":{{"name":"{}","uri":"{}"}}}}"#, &long[..4_000], &long[..4_000]);
    let messages = read(format!("[{}]", vec![large; MESSAGES].join(",")).as_bytes());
    assert_eq!(messages.list.len() + messages.left_out, MESSAGES, "what is held is bounded, and the rest is counted");
    assert!(messages.left_out > 400);
    assert!(read(b"[1,2,{}]").list.is_empty() && read(b"hello").list.is_empty());
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
fn any_id_makes_it_a_request() {
    for id in ["null", "{}", "[1]", &format!("\"{}\"", "x".repeat(5_000)), "1,\"id\":null"] {
        let message = one(format!(r#"{{"method":"m","id":{id}}}"#).as_bytes());
        assert!(message.is(Shape::Request) && message.id.is_none(), "{id}");
    }
}

#[test]
fn all_lines_of_json_are_read() {
    let (messages, whole) = in_pieces(b"{\"method\":\"a\"}\n{\"method\":\"b\",\"id\":1}\n", &[]);
    assert_eq!((messages.list.len(), whole, messages.batch), (2, true, true));
}

/// What is compared.
#[derive(Debug, PartialEq)]
struct Facts {
    method: Option<String>,
    has_id: bool,
    id: Option<Id>,
    token: Option<Id>,
    texts: Vec<Option<String>>,
    arguments: BTreeMap<String, Value>,
    is_error: Option<bool>,
    error: Option<Option<i64>>,
}

fn facts(message: &Message) -> Facts {
    let (params, result) = (&message.params, message.result.as_ref());
    let argument = |argument: &mcp_audit_log_model::event::Argument| {
        (argument.name.clone(), serde_json::from_str(&argument.json).unwrap_or(Value::Null))
    };
    Facts {
        method: message.method.clone(),
        has_id: message.has_id,
        id: message.id.clone(),
        token: params.progress_token.clone(),
        texts: vec![
            params.name.clone(),
            params.uri.clone(),
            params.ref_name.clone(),
            params.client.name.clone(),
            params.client.version.clone(),
            params.protocol_version.clone(),
            result.and_then(|result| result.result_type.clone()),
            result.and_then(|result| result.task_id.clone()),
        ],
        arguments: params.arguments.iter().map(argument).collect(),
        is_error: result.map(|result| result.is_error),
        error: message.error,
    }
}

/// The same facts of a document that was parsed as a whole.
fn expected(value: &Value) -> Option<Facts> {
    let message = value.as_object()?;
    let text = |value: &Value, path: &[&str]| {
        path.iter().try_fold(value, |value, key| value.as_object()?.get(*key))?.as_str().map(str::to_owned)
    };
    let params = message.get("params").unwrap_or(&Value::Null);
    let meta = params.get("_meta").unwrap_or(&Value::Null);
    let result = message.get("result");
    let in_result = |path: &[&str]| result.and_then(|result| text(result, path));
    let id = |value: Option<&Value>| Id::read(value?.to_string().as_bytes());
    let error = message.get("error").filter(|error| {
        let nothing = [Value::Null, false.into(), 0.into(), "".into()];
        !nothing.contains(error)
    });
    let client = match text(params, &["clientInfo", "name"]) {
        Some(_) => params.get("clientInfo"),
        None => meta.get("io.modelcontextprotocol/clientInfo"),
    };
    let in_client = |key: &str| client.and_then(|client| text(client, &[key]));
    let token = params.get("progressToken").and_then(|token| id(Some(token)));
    let is_error = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true") || text == "1",
        Some(value) => value.as_bool() == Some(true) || value.as_i64() == Some(1),
        None => false,
    };
    let facts = Facts {
        method: text(value, &["method"]),
        has_id: message.contains_key("id"),
        id: id(message.get("id")),
        token: token.or_else(|| id(meta.get("progressToken"))),
        texts: vec![
            text(params, &["name"]),
            text(params, &["uri"]),
            text(params, &["ref", "name"]),
            in_client("name"),
            in_client("version"),
            text(params, &["protocolVersion"]).or_else(|| text(meta, &["io.modelcontextprotocol/protocolVersion"])),
            in_result(&["resultType"]),
            in_result(&["task", "taskId"]).or_else(|| in_result(&["taskId"])),
        ],
        arguments: params
            .get("arguments")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        is_error: result.map(|result| is_error(result.as_object().and_then(|result| result.get("isError")))),
        error: error.map(|error| error.as_object().and_then(|error| error.get("code")?.as_i64())),
    };
    let is_message = facts.method.is_some() || facts.is_error.is_some() || facts.error.is_some();
    is_message.then_some(facts)
}

const KEYS: [&str; 24] = [
    "method",
    "id",
    "params",
    "result",
    "error",
    "name",
    "uri",
    "ref",
    "arguments",
    "_meta",
    "clientInfo",
    "version",
    "protocolVersion",
    "progressToken",
    "io.modelcontextprotocol/clientInfo",
    "isError",
    "resultType",
    "task",
    "taskId",
    "code",
    "io.modelcontextprotocol/protocolVersion",
    "m\\u0065thod",
    "Method",
    "a\\\"}",
];

/// Bytes of a JSON value: valid mostly, with any keys, twice or not, in any order, and blanks anywhere.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let word =
        proptest::sample::select(vec!["null", "true", "false", "0", "1", "-7", "12345678901234567890", "1.5", "1e2"]);
    let parts: Vec<&[u8]> = vec![
        b"a",
        b"tools/call",
        "\u{e9}\u{20ac}".as_bytes(),
        b"\\n",
        b"\\u0041",
        b"\\\"",
        b"\\\\",
        b"\\ud83d\\ude00",
        b"\xff",
        b"}",
        b"{[",
        b",:",
        b"\\ud800",
        b"true",
        b"",
    ];
    let text = proptest::collection::vec(proptest::sample::select(parts), 0..4)
        .prop_map(|parts| [b"\"", parts.concat().as_slice(), b"\""].concat());
    let leaf = prop_oneof![word.prop_map(|word| word.as_bytes().to_vec()), text];
    let blank = || proptest::sample::select(vec!["", " ", "\n\t", "\r\n"]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let key = proptest::sample::select(KEYS.to_vec());
        let member = (key, blank(), blank(), inner.clone()).prop_map(|(key, before, after, value)| {
            [format!("{before}\"{key}\"{after}:{before}").as_bytes(), &value, after.as_bytes()].concat()
        });
        prop_oneof![
            4 => proptest::collection::vec(member, 0..7)
                .prop_map(|members| [b"{", members.join(&b","[..]).as_slice(), b"}"].concat()),
            1 => proptest::collection::vec(inner, 0..4)
                .prop_map(|elements| [b"[", elements.join(&b","[..]).as_slice(), b"]"].concat()),
        ]
    })
}

/// A message, or a batch of messages. The keys that capture reads occur in their correct positions more often than by
/// chance.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let message = (json(), json(), json(), json()).prop_map(|(id, params, result, rest)| {
        let mut members = Vec::new();
        for (key, value) in [("id", id), ("params", params), ("method", b"\"tools/call\"".to_vec()), ("result", result)]
        {
            members.push([format!("\"{key}\":").as_bytes(), &value].concat());
        }
        members.push([b"\"x\":".as_slice(), &rest].concat());
        members
    });
    let message = message.prop_flat_map(|members| (Just(members).prop_shuffle(), 1..6_usize));
    let message = message.prop_map(|(members, count)| {
        [b"{", members[..count.min(members.len())].join(&b","[..]).as_slice(), b"}"].concat()
    });
    let one = prop_oneof![2 => message, 1 => json()].boxed();
    prop_oneof![
        3 => one.clone(),
        1 => proptest::collection::vec(one, 0..4)
            .prop_map(|list| [b" [", list.join(&b" ,"[..]).as_slice(), b"]\n"].concat()),
    ]
}

/// The messages of a document in these pieces, and whether it was read to its end.
fn in_pieces(bytes: &[u8], borders: &[proptest::sample::Index]) -> (Messages, bool) {
    let mut at: Vec<_> = borders.iter().map(|border| border.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let mut document = Document::default();
    at.windows(2).for_each(|pair| document.push(&bytes[pair[0]..pair[1]]));
    let whole = document.is_whole();
    (document.into_parts().messages, whole)
}

fn all((messages, whole): &(Messages, bool)) -> (Vec<Facts>, bool, bool, usize) {
    (messages.list.iter().map(facts).collect(), messages.batch, *whole, messages.left_out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_read_as_a_parser_reads_it_whatever_its_pieces(
        bytes in document(),
        borders in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let pieces = all(&in_pieces(&bytes, &borders));
        prop_assert_eq!(&pieces, &all(&in_pieces(&bytes, &[])));
        // Bytes that are no UTF-8 are replaced, as a reader of the whole document would do it.
        let Ok(parsed) = serde_json::from_str::<Value>(&String::from_utf8_lossy(&bytes)) else { return Ok(()) };
        let messages: Vec<_> = match &parsed {
            Value::Array(list) => list.iter().filter_map(expected).collect(),
            one => expected(one).into_iter().collect(),
        };
        let mut found = pieces.0;
        if std::str::from_utf8(&bytes).is_err() {
            // An argument that is no text is not shown to the policy.
            found.iter_mut().for_each(|facts| facts.arguments.clear());
            let mut messages = messages;
            messages.iter_mut().for_each(|facts| facts.arguments.clear());
            prop_assert_eq!(found, messages);
        } else {
            prop_assert_eq!(found, messages);
        }
        prop_assert!(pieces.2 || !matches!(parsed, Value::Array(_) | Value::Object(_)));
    }

    #[test]
    fn a_truncated_message_is_never_complete(
        bytes in document(),
        cut in any::<proptest::sample::Index>(),
        borders in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let text = bytes.trim_ascii_end();
        let cut = &text[..cut.index(text.len().max(1)).min(text.len().saturating_sub(1))];
        let messages = in_pieces(cut, &borders);
        prop_assert!(!messages.1);
        prop_assert_eq!(all(&messages), all(&in_pieces(cut, &[])));
        let whole = read(&bytes);
        let ended = messages.0.list.iter().filter(|message| message.whole);
        for (ended, same) in ended.zip(&whole.list) {
            prop_assert_eq!(facts(ended), facts(same));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic_and_alike_in_any_chunks(
        bytes in proptest::collection::vec(proptest::sample::select(b"{}[]\",:\\0nu tmethodid\xff\x00\xef\xbb\xbf".to_vec()), 0..200),
        borders in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        prop_assert_eq!(all(&in_pieces(&bytes, &borders)), all(&in_pieces(&bytes, &[])));
    }

    #[test]
    fn whole_messages_are_read_as_a_parser_reads_them(method in ".*", id in any::<i64>(), name in ".*", other in ".*") {
        let json = serde_json::json!({"method": method, other.clone(): [other], "id": id, "params": {"arguments": {"a": name}, "name": name}});
        let message = one(json.to_string().as_bytes());
        prop_assert_eq!(message.method.as_deref(), json["method"].as_str());
        prop_assert_eq!(message.id.map(|id| id.text()), json["id"].as_i64().map(|id| id.to_string()));
        prop_assert_eq!(message.params.name.as_deref(), json["params"]["name"].as_str());
    }
}
