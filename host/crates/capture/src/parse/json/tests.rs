//! Reading JSON in pieces: which values are extracted, and which are skipped.

use super::*;

/// Reads one object's keys, and its values up to 9 bytes.
#[derive(Default)]
struct Keys {
    keys: Vec<String>,
    values: Vec<Option<String>>,
}

impl Reading for Keys {
    type Place = ();
    type Field = ();

    fn document(&mut self, first: u8) -> Option<Take<(), ()>> {
        (first == b'{').then(|| Take::inside(()))
    }
    fn member(&mut self, _: (), key: String) -> Take<(), ()> {
        self.keys.push(key);
        Take::field((), 9)
    }
    fn element(&mut self, _: ()) -> Take<(), ()> {
        Take::NOTHING
    }
    fn is_array(_: ()) -> bool {
        false
    }
    fn entered(&mut self, _: ()) {}
    fn left(&mut self, _: ()) {}
    fn value(&mut self, _: (), raw: Option<&[u8]>, _: u64) {
        self.values.push(raw.map(|raw| String::from_utf8_lossy(raw).into_owned()));
    }
}

fn keys(json: &[u8]) -> (Keys, bool) {
    let whole: Vec<_> = [1, 2, 3, 1 << 20].map(|length| read(json, length)).into();
    for (keys, good) in &whole {
        assert_eq!((&keys.keys, &keys.values, *good), (&whole[0].0.keys, &whole[0].0.values, whole[0].1));
    }
    read(json, 1)
}

fn read(json: &[u8], length: usize) -> (Keys, bool) {
    let (mut lexer, mut keys) = (Lexer::default(), Keys::default());
    for mut piece in json.chunks(length) {
        while !piece.is_empty() {
            piece = &piece[lexer.step(piece, &mut keys)..];
        }
    }
    (keys, lexer.is_whole())
}

#[test]
fn unknown_values_are_skipped() {
    let deep = [b"{\"a\":".as_slice(), &b"[".repeat(100_000), &b"]".repeat(100_000), b",\"b\":1}"].concat();
    for (json, expected, whole) in [
        (deep.as_slice(), vec!["a", "b"], true),
        (b" \xef\xbb\xbf{}", vec![], true),
        (b"\xef\xbb\xbf {}", vec![], true),
        (b"{\"a\":\"\xff\xfe\\\"}\",\"\\u0062\":{\"}\":\"]\"}}", vec!["a", "b"], true),
        (b"{\"a\":1,\"b\":[1,2", vec!["a", "b"], false),
        (b"{\"a\":1}{\"b\":2} more", vec!["a", "b"], true),
        (b"[1]", vec![], false),
    ] {
        let (keys, good) = keys(json);
        assert_eq!((keys.keys, good), (expected.into_iter().map(str::to_owned).collect(), whole), "{json:?}");
    }
}

#[test]
fn invalid_input_always_ends() {
    for json in ["", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":}", "{,,,", "{]", "{a:1}", "{\"a\\", "{'a':1}"] {
        assert!(!keys(json.as_bytes()).1, "{json:?}");
    }
}

#[test]
fn values_are_verbatim_and_bounded() {
    let (keys, _) = keys(br#"{"a":"b\"c","d": [1, {"]":2}], "e":[1] ,"f":-1.5e3,"g":"0123456789","h":tru"#);
    let values = [Some(r#""b\"c""#), None, Some("[1]"), Some("-1.5e3"), None].map(|value| value.map(str::to_owned));
    assert_eq!(keys.values, values);
}
