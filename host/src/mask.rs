//! Masks: hiding secrets in payloads, by JSON key and by pattern, before anything is stored.

use regex::Regex;
use serde_json::Value as Json;

/// What stands where something was hidden.
pub const MASKED: &str = "[masked]";

/// MCP's own token that is no secret: it ties progress to its call.
const PROGRESS_TOKEN: &str = "progresstoken";
/// How long a key must be to be looked for at the end of others.
const WORD: usize = 5;
/// How deep JSON is looked for in texts of JSON.
const NESTING: usize = 8;
/// Members whose value is a name, beside one that is called `value`.
const NAMES: [&str; 3] = ["name", "key", "header"];

/// How much memory the compiled form of one pattern may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// A named rule for hiding.
#[derive(Clone, Debug)]
pub struct Mask {
    /// Its name, as verdicts call it.
    pub name: String,
    keys: Vec<String>,
    patterns: Vec<Regex>,
}

impl Mask {
    /// A mask of JSON keys and regular expressions.
    ///
    /// # Errors
    /// A pattern is no regular expression, or too large a one.
    pub fn new(name: String, keys: &[String], patterns: &[String]) -> Result<Self, String> {
        let compile = |pattern: &String| regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
        let patterns = patterns
            .iter()
            .map(compile)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("mask {name:?}: {error}"))?;
        Ok(Self { name, keys: keys.iter().map(|key| fold(key)).collect(), patterns })
    }

    /// A long name also hides keys that end with it, be they numbered: `token` hides `access_token` and `token2`.
    fn hides_key(&self, key: &str) -> bool {
        let key = fold(key);
        let key = key.trim_end_matches(|char: char| char.is_ascii_digit());
        let plain = key == PROGRESS_TOKEN;
        !plain
            && self.keys.iter().any(|hidden| key == hidden || (hidden.len() >= WORD && key.ends_with(hidden.as_str())))
    }

    fn hide_patterns(&self, text: &str) -> Option<String> {
        let mut hidden = None;
        for pattern in &self.patterns {
            let now = hidden.as_deref().unwrap_or(text);
            if pattern.is_match(now) {
                hidden = Some(pattern.replace_all(now, MASKED).into_owned());
            }
        }
        hidden
    }
}

/// Applies masks to a body. JSON is masked by key and by pattern, text by pattern and by a search for the keys that
/// needs no parsing, so that a cut body is covered too. Returns the masked text and whether anything was hidden.
///
/// What is not UTF-8 is kept as replacement characters: binary is of no use to a reader of the log.
pub fn apply(masks: &[&Mask], bytes: &[u8]) -> (String, bool) {
    if let Ok(mut json) = serde_json::from_slice::<Json>(bytes) {
        return match hide_json(masks, &mut json, 0) {
            true => (json.to_string(), true),
            // Nothing to hide: as it was sent, down to the spelling of its numbers.
            false => (String::from_utf8_lossy(bytes).into_owned(), false),
        };
    }
    let text = String::from_utf8_lossy(bytes);
    match hide_any_text(masks, &text) {
        Some(masked) => (masked, true),
        None => (text.into_owned(), false),
    }
}

/// Applies all of `masks` to a text of an entry. Returns the masked text and whether anything was hidden.
pub fn text(masks: &[Mask], text: &str) -> (String, bool) {
    apply(&masks.iter().collect::<Vec<_>>(), text.as_bytes())
}

fn hide_json(masks: &[&Mask], json: &mut Json, depth: usize) -> bool {
    match json {
        Json::String(text) => hide_string(masks, text, depth),
        Json::Array(items) => hide_items(masks, items, depth),
        Json::Object(map) => hide_members(masks, map, depth),
        _ => false,
    }
}

/// A text that is JSON itself, as results of tools often are, is masked as such, its own texts as well.
fn hide_string(masks: &[&Mask], text: &mut String, depth: usize) -> bool {
    let may_be_json = text.trim_start().starts_with(['{', '[', '"']) && depth < NESTING;
    let json = may_be_json.then(|| serde_json::from_str::<Json>(text).ok()).flatten();
    let masked = match json {
        Some(mut json) => hide_json(masks, &mut json, depth + 1).then(|| json.to_string()),
        // Nested deeper than anybody means well.
        _ if depth >= NESTING => Some(MASKED.to_owned()),
        _ => hide_any_text(masks, text),
    };
    masked.map(|masked| *text = masked).is_some()
}

/// `["--password", "…"]`: what follows an option that is a key.
fn hide_items(masks: &[&Mask], items: &mut [Json], depth: usize) -> bool {
    let mut hidden = false;
    let mut option = false;
    for item in items {
        let names_key = item.as_str().is_some_and(|text| text.starts_with('-') && is_key(masks, text));
        if std::mem::replace(&mut option, names_key) {
            *item = MASKED.into();
            hidden = true;
        } else {
            hidden |= hide_json(masks, item, depth);
        }
    }
    hidden
}

fn hide_members(masks: &[&Mask], map: &mut serde_json::Map<String, Json>, depth: usize) -> bool {
    // `{"name": "Authorization", "value": "…"}`: headers and environment variables are often written so.
    let named = NAMES.iter().filter_map(|name| map.get(*name)?.as_str());
    let named = named.into_iter().any(|name| is_key(masks, name));
    let mut hidden = false;
    for (key, mut value) in std::mem::take(map) {
        if is_key(masks, &key) || (named && key == "value") {
            value = MASKED.into();
            hidden = true;
        } else {
            hidden |= hide_json(masks, &mut value, depth);
        }
        let masked = hide_text(masks, &key);
        hidden |= masked.is_some();
        map.insert(masked.unwrap_or(key), value);
    }
    hidden
}

fn is_key(masks: &[&Mask], key: &str) -> bool {
    masks.iter().any(|mask| mask.hides_key(key))
}

/// Text that is no JSON, or only the beginning of some.
fn hide_any_text(masks: &[&Mask], text: &str) -> Option<String> {
    let (by_key, hidden) = hide_keys_in_text(masks, text);
    hide_text(masks, &by_key).or(hidden.then_some(by_key))
}

fn hide_text(masks: &[&Mask], text: &str) -> Option<String> {
    let mut hidden = None;
    for mask in masks {
        if let Some(masked) = mask.hide_patterns(hidden.as_deref().unwrap_or(text)) {
            hidden = Some(masked);
        }
    }
    hidden
}

/// For bodies that are no JSON, cut ones above all: hides the string after `"key":` wherever it stands.
fn hide_keys_in_text(masks: &[&Mask], text: &str) -> (String, bool) {
    let (text, mut hidden) = hide_options(masks, text);
    let named = names_a_key(masks, &text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((key, upto)) = next_key(rest) {
        out.push_str(&rest[..upto]);
        rest = &rest[upto..];
        let key = unescaped(key);
        if is_key(masks, &key) || (named && key == "value") {
            let end = value_end(rest);
            out.push_str(&format!("\"{MASKED}\""));
            rest = &rest[end..];
            hidden = true;
        }
    }
    out.push_str(rest);
    (out, hidden)
}

/// Whether there is a `"name": "Authorization"` anywhere: which `"value"` is its own is not known without parsing.
fn names_a_key(masks: &[&Mask], text: &str) -> bool {
    let mut rest = text;
    while let Some((key, upto)) = next_key(rest) {
        let names = NAMES.contains(&&*unescaped(key));
        rest = &rest[upto..];
        if names && is_key(masks, &unescaped(rest[..value_end(rest)].trim_matches(['"', '\\']))) {
            return true;
        }
    }
    false
}

/// `"--password","…"` in what is no JSON: the string after an option that is a key.
fn hide_options(masks: &[&Mask], text: &str) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut hidden = false;
    while let Some(at) = rest.find("\"-") {
        let end = at + string_end(&rest[at..]);
        let option = rest[at..end].trim_matches(['"', '\\']);
        let gap = rest[end..].len() - rest[end..].trim_start_matches([' ', '\t', '\r', '\n', ',', '\\']).len();
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        if rest[gap..].starts_with('"') && is_key(masks, option) {
            out.push_str(&format!("{}\"{MASKED}\"", &rest[..gap]));
            rest = &rest[gap + string_end(&rest[gap..])..];
            hidden = true;
        }
    }
    out.push_str(rest);
    (out, hidden)
}

/// The next `"key" :` in `text` and where its value begins.
fn next_key(text: &str) -> Option<(&str, usize)> {
    let mut from = 0;
    loop {
        let colon = from + text[from..].find(':')?;
        from = colon + 1;
        let before = text[..colon].trim_end();
        let Some(before) = before.strip_suffix('"') else { continue };
        // In a text of JSON the quotes are escaped, however often.
        let before = before.trim_end_matches('\\');
        let Some(open) = before.rfind('"') else { continue };
        let space = text[from..].len() - text[from..].trim_start().len();
        return Some((&before[open + 1..], from + space));
    }
}

/// Where the value that `text` begins with ends: a string at its closing quote, else at the next `,`, `}` or `]`. A
/// value that is cut off, or an object, ends with the text: hiding too much is the safe side.
fn value_end(text: &str) -> usize {
    let quote = text.len() - text.trim_start_matches('\\').len();
    match text.as_bytes().get(quote) {
        Some(b'"') if quote > 0 => {
            // The same escaped quote again.
            let quoted = &text[..=quote];
            text[quote + 1..].find(quoted).map_or(text.len(), |at| quote + 1 + at + quoted.len())
        }
        Some(b'"') => string_end(text),
        Some(b'{' | b'[') => text.len(),
        _ => text.find([',', '}', ']']).unwrap_or(text.len()),
    }
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A key with its escapes undone, again and again, since it may stand in a text of JSON.
fn unescaped(key: &str) -> String {
    let mut key = key.to_owned();
    for _ in 0..NESTING {
        match serde_json::from_str(&format!("\"{key}\"")) {
            Ok(plain) if plain != key => key = plain,
            _ => break,
        }
    }
    key
}

fn fold(key: &str) -> String {
    key.chars().filter(|char| !matches!(char, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let keys = ["password".to_owned(), "api_key".to_owned()];
        Mask::new("secrets".into(), &keys, &[r"Bearer [\w.-]+".to_owned()]).expect("a mask")
    }

    fn masked(body: &str) -> (String, bool) {
        apply(&[&mask()], body.as_bytes())
    }

    #[test]
    fn hides_values_by_key_at_any_depth_and_spelling() {
        for body in [
            r#"{"password":"s3cret"}"#,
            r#"{"a":[{"PassWord":{"deep":"s3cret"}}]}"#,
            r#"{"API-Key":"s3cret"}"#,
            r#"{"stripe_api_key":"s3cret"}"#,
            r#"{"apiKey":["s3cret"]}"#,
            r#"{"note":"Authorization: Bearer s3cret"}"#,
            "Bearer s3cret",
            r#"{"password" : "s3cret","x":"cut o"#,
            r#"{"password":"s3cr\"s3cret","x":"cut o"#,
            r#"{"api_key":"s3cret"#,
            r#"{"x":"cut","password":{"deep":"s3cret"#,
            "data: {\"password\": \"s3cret\"}\n\n",
            r#"{"text":"{\"password\": \"two words, s3cret\"}"}"#,
            r#"{"t":"{\"t\":\"{\\\"password\\\": \\\"s3cret\\\"}\"}"}"#,
            r#"{"text":"{\"password\": \"s3cret\", cut o"#,
            r#"{"t":"{\"t\":\"{\\\"api_key\\\": \\\"s3cret\\\", cut o"#,
            r#"{"pass\u0077ord":"s3cret","x":"cut o"#,
            r#"{"name":"API-Key","value":"s3cret"}"#,
            r#"["--password","s3cret"]"#,
            r#"{"password2":"s3cret"}"#,
            r#"{"Bearer s3cret":1}"#,
            // What this library does not read as JSON, and others do.
            r#"{"x":1e999,"headers":[{"name":"API-Key","value":"s3cret"}]}"#,
            r#"{"x":"\ud800","headers":[{"value":"s3cret","name":"password"}]}"#,
            r#"{"x":1e999,"argv":["--password","s3cret"]}"#,
            r#"{"x":1e999,"argv":["a", "--api-key" , "s3cret" , "b"]}"#,
            r#"{"argv":["--password","s3cret, cut o"#,
            r#"{"headers":[{"name":"api-key","value":"s3cret, cut o"#,
        ] {
            let (text, hidden) = masked(body);
            assert!(hidden && !text.contains("s3cret"), "{body} became {text}");
        }
        let deep = format!("{}{}{}", "[".repeat(500), r#"{"name":"password","value":"s3cret"}"#, "]".repeat(500));
        assert!(!masked(&deep).0.contains("s3cret"));
    }

    #[test]
    fn leaves_the_rest_alone() {
        assert_eq!(masked(r#"{"user":"anna","n":1}"#), (r#"{"user":"anna","n":1}"#.to_owned(), false));
        let keys = ["token".to_owned()];
        let tokens = Mask::new("tokens".into(), &keys, &[]).expect("a mask");
        assert!(!apply(&[&tokens], br#"{"_meta":{"progressToken":7}}"#).1);
        assert_eq!(masked("a: b, c: \"d\""), ("a: b, c: \"d\"".to_owned(), false));
        assert_eq!(apply(&[&mask()], b"\xff").0, "\u{fffd}");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        assert!(Mask::new("bad".into(), &[], &["(".to_owned()]).expect_err("refused").contains("bad"));
    }
}
