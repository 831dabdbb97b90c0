//! Masking of texts: the values after listed names in any spelling, and values that look like secrets.

use std::sync::LazyLock;

use regex::Regex;

use super::assignments;
use super::json::{Masker, NAMES, NESTING};
use super::names::Secrecy;
use super::ranges::Ranges;

/// `--password …` on a command line.
static FLAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s"'`(])--?([A-Za-z][A-Za-z0-9_-]*)[ \t]+(?:"([^"\r\n]+)|'([^'\r\n]+)|([^\s"'-]\S*))"#).ok()
});
/// `<password>…</password>`, also a truncated one.
static ELEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"<(?:[A-Za-z0-9_-]+:)?([A-Za-z0-9_-]+)(?:\s[^<>]*)?>(?:([^<]+)(?:</|\z)|\s*<!\[CDATA\[(.*?)(?:\]\]>|\z))",
    )
    .ok()
});

/// The text with its secrets masked; `None` if there are none.
pub(super) fn hide(masker: &Masker<'_>, text: &str) -> Option<String> {
    let mut ranges = Ranges::default();
    options(masker, text, &mut ranges);
    members(masker, text, &mut ranges);
    assignments::values(masker, text, &mut ranges);
    for written in [&FLAG, &ELEMENT] {
        named(masker, written.as_ref(), text, &mut ranges);
    }
    looks(masker, text, &mut ranges);
    // In truncated JSON a line feed is an escape, and its letter would look like a part of the next word.
    if text.contains("\\n") || text.contains("\\r") || text.contains("\\t") {
        let plain = text.replace("\\n", "\\ ").replace("\\r", "\\ ").replace("\\t", "\\ ");
        looks(masker, &plain, &mut ranges);
        named(masker, FLAG.as_ref(), &plain, &mut ranges);
    }
    ranges.out_of(text)
}

/// Hides values that look like secrets.
fn looks(masker: &Masker<'_>, text: &str, ranges: &mut Ranges) {
    for look in masker.masks().flat_map(|mask| &mask.looks) {
        if look.by_group {
            for found in look.pattern.captures_iter(text) {
                found.iter().skip(1).flatten().for_each(|group| ranges.hide(group.start(), group.end()));
            }
        } else {
            look.pattern.find_iter(text).for_each(|found| ranges.hide(found.start(), found.end()));
        }
    }
}

/// Whether a value that is written so is a number, a switch or nothing.
pub(super) fn is_plain(value: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "null", "none", "nil", "undefined", "yes", "no"];
    let number =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'%'));
    number || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A name in the first group, and its value in one of the others.
fn named(masker: &Masker<'_>, written: Option<&Regex>, text: &str, ranges: &mut Ranges) {
    for found in written.into_iter().flat_map(|written| written.captures_iter(text)) {
        let mut groups = found.iter().skip(1).flatten();
        let (Some(name), Some(value)) = (groups.next(), groups.next()) else { continue };
        let is_negated = ["no-", "without-", "skip-"].iter().any(|word| name.as_str().starts_with(word));
        let secrecy = masker.secrecy(name.as_str()).filter(|_| !is_negated);
        let hides = |secrecy| secrecy == Secrecy::Sure || !is_plain(value.as_str());
        if secrecy.is_some_and(hides) && !value.as_str().trim().is_empty() {
            ranges.hide(value.start(), value.end());
        }
    }
}

/// For bodies that are not JSON, mostly truncated ones: the value after `"key":` anywhere.
fn members(masker: &Masker<'_>, text: &str, ranges: &mut Ranges) {
    let named = names_a_secret(masker, text);
    let mut from = 0;
    while let Some((key, upto)) = next_key(&text[from..]) {
        let key = unescaped(key);
        let begin = from + upto;
        let secrecy = masker.secrecy(&key).max(named.filter(|_| key == "value"));
        from = begin;
        let Some(secrecy) = secrecy else { continue };
        let end = begin + value_end(&text[begin..]);
        let value = text[begin..end].trim();
        if secrecy == Secrecy::Sure || !is_plain(value) {
            // The quotes stay, so that what is left can be read.
            let inside = value.trim_matches(['"', '\\']);
            let start = begin + text[begin..end].find(inside).unwrap_or(0);
            ranges.hide(start, start + inside.len());
            from = end;
        }
    }
}

/// Whether there is a `"name": "Authorization"` anywhere: finding its own `"value"` would need parsing.
fn names_a_secret(masker: &Masker<'_>, text: &str) -> Option<Secrecy> {
    let mut rest = text;
    let mut found = None;
    while let Some((key, upto)) = next_key(rest) {
        let names = NAMES.contains(&&*unescaped(key));
        rest = &rest[upto..];
        if names {
            found = found.max(masker.secrecy(&unescaped(rest[..value_end(rest)].trim_matches(['"', '\\']))));
        }
    }
    found
}

/// `"--password","…"` in a text that is not JSON: the string after an option with a listed name.
fn options(masker: &Masker<'_>, text: &str, ranges: &mut Ranges) {
    let mut from = 0;
    while let Some(at) = text[from..].find("\"-") {
        let (rest, begin) = (&text[from + at..], from + at);
        let end = string_end(rest);
        let option = rest[..end].trim_matches(['"', '\\']);
        let after = &rest[end..];
        let gap = after.len() - after.trim_start_matches([' ', '\t', '\r', '\n', ',', '\\']).len();
        from = begin + end;
        if after[gap..].starts_with('"') && masker.secrecy(option).is_some() {
            let value = from + gap;
            from = value + string_end(&text[value..]);
            ranges.hide(value + 1, if text[value + 1..from].ends_with('"') { from - 1 } else { from });
        }
    }
}

/// The next `"key" :` in `text` and where its value begins.
fn next_key(text: &str) -> Option<(&str, usize)> {
    let mut from = 0;
    loop {
        let colon = from + text[from..].find(':')?;
        from = colon + 1;
        let before = text[..colon].trim_end();
        let Some(before) = before.strip_suffix('"') else { continue };
        // In a JSON text the quotes are escaped, possibly several times.
        let before = before.trim_end_matches('\\');
        let Some(open) = before.rfind('"') else { continue };
        let space = text[from..].len() - text[from..].trim_start().len();
        return Some((&before[open + 1..], from + space));
    }
}

/// The end of the value that `text` begins with: a string ends at its closing quote, else at the next `,`, `}` or `]`.
/// A truncated value or an object ends with the text: hiding too much is the safe side.
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

/// A key with its escapes removed repeatedly, since it may be inside a JSON text.
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
