//! Reads one JSON scalar: a string, an integer or a boolean.

use std::str::Chars;

use super::trim;

/// A string, an integer or a boolean. Other numbers, `null`, lists and objects are nothing that a rule reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
}

/// The scalar that `json` is, all of it, or nothing.
pub fn scalar(json: &str) -> Option<Scalar> {
    let json = trim(json);
    match json {
        "true" => Some(Scalar::Boolean(true)),
        "false" => Some(Scalar::Boolean(false)),
        _ if json.starts_with('"') => string(json).map(Scalar::Text),
        _ => integer(json).map(Scalar::Integer),
    }
}

/// The integers of a list that holds nothing else.
pub fn integers(json: &str) -> Option<Vec<i64>> {
    let inside = trim(json).strip_prefix('[')?.strip_suffix(']')?;
    inside.split(',').map(|item| integer(trim(item))).collect()
}

/// `-0` and leading zeros: the first is fine, the second no JSON.
fn integer(json: &str) -> Option<i64> {
    let digits = json.strip_prefix('-').unwrap_or(json);
    let padded = digits.len() > 1 && digits.starts_with('0');
    // `parse` would take a leading `+`.
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain && !padded { json.parse().ok() } else { None }
}

/// The text of a JSON string.
pub(super) fn string(json: &str) -> Option<String> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => escape(&mut rest)?,
            // A quote here would end the string before the end of the text.
            '"' | '\0'..='\u{1f}' => return None,
            plain => plain,
        });
    }
    Some(text)
}

fn escape(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        escaped @ ('"' | '\\' | '/') => escaped,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(rest),
        _ => return None,
    })
}

/// After `\u`: a character, or the two halves of one.
fn unicode(rest: &mut Chars<'_>) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    if (rest.next()?, rest.next()?) != ('\\', 'u') {
        return None;
    }
    let second = unit(rest).filter(|second| (0xdc00..0xe000).contains(second))?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}

fn unit(rest: &mut Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + rest.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Scalar> {
        Some(Scalar::Text(text.to_owned()))
    }

    #[test]
    fn scalars_are_read() {
        assert_eq!(scalar(r#""account.move""#), text("account.move"));
        assert_eq!(scalar(" \t\r\n\"x\" "), text("x"));
        assert_eq!(scalar(r#""""#), text(""));
        assert_eq!(scalar("42"), Some(Scalar::Integer(42)));
        assert_eq!(scalar("-9223372036854775808"), Some(Scalar::Integer(i64::MIN)));
        assert_eq!(scalar("0"), Some(Scalar::Integer(0)));
        assert_eq!(scalar("true"), Some(Scalar::Boolean(true)));
        assert_eq!(scalar("false"), Some(Scalar::Boolean(false)));
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(scalar(r#""\"\\\/\b\f\n\r\t""#), text("\"\\/\u{8}\u{c}\n\r\t"));
        assert_eq!(scalar(r#""\u0041\u00e9\uD83D\ude00""#), text("Aé😀"));
        assert_eq!(scalar("\"é😀\""), text("é😀"));
    }

    #[test]
    fn everything_else_is_refused() {
        for json in [
            "",
            " ",
            "null",
            "True",
            "1.0",
            "1e3",
            "01",
            "-01",
            "-",
            "+1",
            "1 2",
            "9223372036854775808",
            "[1]",
            "{}",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b\"",
            "\"a\" 1",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\u+123\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\n\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ude00\"",
            "\"a\nb\"",
            "\"\0\"",
            "\u{a0}1",
            "'a'",
        ] {
            assert_eq!(scalar(json), None, "{json:?}");
        }
    }

    #[test]
    fn lists_hold_integers_only() {
        assert_eq!(integers("[42]"), Some(vec![42]));
        assert_eq!(integers(" [ 1, -2 ,3 ] "), Some(vec![1, -2, 3]));
        for json in ["[]", "[1,]", "[\"a\"]", "[[1]]", "[1", "1", "[1.5]", "[null]"] {
            assert_eq!(integers(json), None, "{json}");
        }
    }
}
