//! Takes an object or a list apart, one level at a time: each part stays JSON text.

use super::scalar::string;
use super::trim;

/// The members of an object in their order; `None` if it is not an object.
pub fn members(json: &str) -> Option<Vec<(String, &str)>> {
    let member = |text| {
        let (name, rest) = first(text)?;
        let (value, rest) = first(trim(rest).strip_prefix(':')?)?;
        Some(((string(name)?, value), rest))
    };
    parts(trim(json).strip_prefix('{')?.strip_suffix('}')?, member)
}

/// The items of a list; `None` if it is not a list.
pub fn items(json: &str) -> Option<Vec<&str>> {
    parts(trim(json).strip_prefix('[')?.strip_suffix(']')?, first)
}

/// The items between commas, each read by `one` from the beginning of the rest.
fn parts<'a, T>(inside: &'a str, one: impl Fn(&'a str) -> Option<(T, &'a str)>) -> Option<Vec<T>> {
    let (mut parts, mut rest) = (Vec::new(), trim(inside));
    while !rest.is_empty() {
        let (part, behind) = one(rest)?;
        parts.push(part);
        rest = trim(behind);
        if !rest.is_empty() {
            rest = trim(rest.strip_prefix(',')?);
            // Nothing follows a comma.
            (!rest.is_empty()).then_some(())?;
        }
    }
    Some(parts)
}

/// The value that `text` begins with, and the rest.
fn first(text: &str) -> Option<(&str, &str)> {
    let text = trim(text);
    let end = end(text.as_bytes())?;
    Some((text.get(..end)?, text.get(end..)?)).filter(|(value, _)| !value.is_empty())
}

/// The end of the value at the beginning of `text`. It counts brackets and skips strings, at any depth.
fn end(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at) {
            Some(b'"') => at += string_end(text.get(at..)?)?,
            Some(b'{' | b'[') => (depth, at) = (depth + 1, at + 1),
            Some(b'}' | b']') if depth > 0 => (depth, at) = (depth - 1, at + 1),
            Some(byte) if depth > 0 || !b",:]} \t\n\r".contains(byte) => {
                at += 1;
                continue;
            }
            // A literal ends where the text does.
            other => return (other.is_some() || depth == 0).then_some(at),
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn string_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_order_and_their_text() {
        let object = r#" { "a" : 1 , "b\u0021":{"x":[1,{"y":"}"}]},"c":"\"]" ,"d": [ ] } "#;
        let expected = [("a", "1"), ("b!", r#"{"x":[1,{"y":"}"}]}"#), ("c", r#""\"]""#), ("d", "[ ]")];
        let members = members(object).expect("an object");
        assert_eq!(members.iter().map(|(name, json)| (name.as_str(), *json)).collect::<Vec<_>>(), expected);
        assert_eq!(items(r#"[1, "a,b" ,[2,3],{},null]"#), Some(vec!["1", r#""a,b""#, "[2,3]", "{}", "null"]));
        assert_eq!((items("[]"), items("[ ]")), (Some(Vec::new()), Some(Vec::new())));
    }

    #[test]
    fn broken_json_has_no_parts() {
        for json in ["", "1", "{", "[1", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":1,}"#, r#"{a:1}"#, r#"{"a":1 2}"#, "{,}"] {
            assert_eq!(members(json), None, "{json}");
        }
        for json in ["", "1", "[", "[1,]", "[,]", "[1 2]", "[\"a]", "[[1]", "{}"] {
            assert_eq!(items(json), None, "{json}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(items(&deep).map(|items| items.len()), Some(1));
    }
}
