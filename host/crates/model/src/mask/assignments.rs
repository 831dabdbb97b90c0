//! `NAME=value`, `name: value` and similar assignments in texts.
//!
//! Names also occur in prose, so not every colon is followed by a secret; the tests list texts that must not change.

use super::json::Masker;
use super::names::Secrecy;
use super::ranges::Ranges;
use super::text::is_plain;

/// The longest name.
const NAME: usize = 128;
/// The most bytes between a name and its assignment.
const CLOSERS: usize = 12;
/// Types in declarations, which are not values.
const TYPES: [&str; 22] = [
    "string",
    "String",
    "str",
    "&str",
    "text",
    "number",
    "int",
    "integer",
    "i64",
    "u64",
    "float",
    "bool",
    "boolean",
    "bytes",
    "object",
    "any",
    "null",
    "None",
    "nil",
    "undefined",
    "required",
    "optional",
];
/// Words before a colon in prose, if they are the whole name.
const WORDS: [&str; 14] = [
    "credential",
    "credentials",
    "assertion",
    "authorization",
    "cookie",
    "cookies",
    "pin",
    "otp",
    "totp",
    "sid",
    "sig",
    "jwt",
    "pass",
    "passes",
];

/// Hides the values after listed names.
pub(super) fn values(masker: &Masker<'_>, text: &str, ranges: &mut Ranges) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'=' | b':'))) {
        let begin = from + at;
        let operator = bytes[begin..].iter().take(3).take_while(|byte| matches!(byte, b'=' | b':' | b'>')).count();
        from = begin + operator;
        let Some(name) = Name::before(masker, text, begin) else { continue };
        let operator = &text[begin..from];
        if operator.starts_with("::") || (operator.starts_with(':') && name.is_prose()) {
            continue;
        }
        let Some(value) = Value::behind(text, from) else { continue };
        let compares = operator.starts_with("==");
        let written = &text[value.from..value.to];
        let kind = written.trim_end_matches([')', ']', '}', '>', '?', '.']);
        let is_none = !value.is_quoted && (compares || TYPES.contains(&kind) || written.starts_with("//"));
        let hides = name.secrecy == Secrecy::Sure || !is_plain(written);
        if hides && !is_none {
            ranges.hide(value.from, value.to);
            from = value.to;
        }
    }
}

/// A listed name before an assignment.
struct Name<'a> {
    word: &'a str,
    is_quoted: bool,
    secrecy: Secrecy,
}

impl<'a> Name<'a> {
    fn before(masker: &Masker<'_>, text: &'a str, end: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let closers = bytes[..end].iter().rev().take(CLOSERS);
        let closers =
            closers.take_while(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b'?' | b'*'));
        let closers = closers.count();
        let is_quoted = bytes[end - closers..end].iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let end = end - closers;
        let start = end - word(&bytes[..end]);
        let word = text.get(start..end).filter(|word| !word.is_empty())?;
        // In truncated JSON a name may follow the escape of a line feed.
        let escaped = bytes[..start].ends_with(b"\\") && word.starts_with(['n', 'r', 't', 'b', 'f']);
        for word in [word, if escaped { &word[1..] } else { "" }] {
            if let Some(secrecy) = masker.secrecy(word).filter(|_| !word.is_empty()) {
                return Some(Self { word, is_quoted, secrecy });
            }
        }
        // `API key: …`
        if !word.eq_ignore_ascii_case("key") || !bytes[..start].ends_with(b" ") {
            return None;
        }
        let start = start - 1 - self::word(&bytes[..start - 1]);
        let words = text.get(start..end)?;
        let secrecy = masker.secrecy(&words.replace(' ', "_"))?;
        Some(Self { word: words, is_quoted, secrecy })
    }

    fn is_prose(&self) -> bool {
        !self.is_quoted && WORDS.iter().any(|word| self.word.eq_ignore_ascii_case(word))
    }
}

/// The length of the word at the end, in bytes.
fn word(bytes: &[u8]) -> usize {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | 0x80..);
    bytes.iter().rev().take(NAME).take_while(is_letter).count()
}

/// The position of a value.
struct Value {
    from: usize,
    to: usize,
    is_quoted: bool,
}

impl Value {
    fn behind(text: &str, from: usize) -> Option<Self> {
        let rest = text.get(from..)?;
        let value = rest.trim_start_matches([' ', '\t', '*']);
        // On the next line, unless that assigns something itself. In JSON that is cut off, its end is an escape.
        let mut next = value.trim_start();
        while let Some(behind) = ["\\n", "\\r", "\\t"].iter().find_map(|escape| next.strip_prefix(escape)) {
            next = behind.trim_start();
        }
        let is_next = next.len() < value.len();
        let value = next;
        let from = text.len() - value.len();
        let escapes = value.len() - value.trim_start_matches('\\').len();
        let quote = value[escapes..].chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'));
        if let Some(quote) = quote {
            let from = from + escapes + 1;
            let to = from + quoted(&text[from..], &text[from - 1 - escapes..from], quote);
            return Some(Self { from, to, is_quoted: true }).filter(|value| value.from < value.to);
        }
        let end =
            value.find(|letter: char| letter.is_whitespace() || "\"'`&,;".contains(letter)).unwrap_or(value.len());
        let first = value[..end].split('\\').next().unwrap_or_default();
        let assigns = is_next && first.contains([':', '=']);
        Some(Self { from, to: from + end, is_quoted: false }).filter(|value| value.from < value.to && !assigns)
    }
}

/// The end of a quoted value: the same quote with the same number of backslashes before it, the line's end, or the end
/// of the text.
fn quoted(text: &str, opened: &str, quote: char) -> usize {
    let line = text.find(['\r', '\n']).unwrap_or(text.len());
    let line = &text[..line];
    if opened.len() > 1 {
        return line.find(opened).unwrap_or(line.len());
    }
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return at,
            _ => {}
        }
    }
    line.len()
}
