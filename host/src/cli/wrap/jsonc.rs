//! JSON with comments, as clients of MCP keep their configuration: where each value is in the text, so that a change
//! leaves every other byte alone. Comments, commas before a closing bracket and a byte order mark are allowed.

use std::ops::Range;

/// The deepest nesting.
const DEEPEST: usize = 100;

/// A value and where it is, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    /// A number, `true`, `false` or `null`.
    Other,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its name begins.
    pub(super) start: usize,
    pub(super) node: Node,
}

impl Node {
    /// The member of this name; the last one, as readers have it.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|member| &member.node)
    }

    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| member.name == name)
    }

    /// The members, none of what is no object.
    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a whole document.
///
/// # Errors
/// What is wrong, and in which line.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } };
    let read = parser.value(0).and_then(|node| {
        parser.skip()?;
        if parser.at == text.len() { Ok(node) } else { Err("there is something after its end") }
    });
    read.map_err(|reason| {
        let line = text.get(..parser.at).map_or(0, |before| before.matches('\n').count()) + 1;
        format!("line {line}: {reason}")
    })
}

/// The first byte at or after `at` that is neither white space nor in a comment.
pub(super) fn after_blanks(text: &str, at: usize) -> usize {
    let mut parser = Parser { text, at };
    // An unfinished comment reaches to the end.
    let _ = parser.skip();
    parser.at
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Parsed<()> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = self.rest();
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(length) => length + 2,
                    None => return Err("a comment has no end"),
                }
            } else {
                return Ok(());
            };
            self.at += length;
        }
    }

    /// Skips blanks; whether `wanted` follows, which is then passed.
    fn passes(&mut self, wanted: char) -> Parsed<bool> {
        self.skip()?;
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        Ok(found)
    }

    fn value(&mut self, depth: usize) -> Parsed<Node> {
        self.skip()?;
        let start = self.at;
        let value = match self.rest().bytes().next() {
            _ if depth > DEEPEST => return Err("it is nested too deep"),
            Some(b'{') => Value::Object(self.object(depth)?),
            Some(b'[') => Value::Array(self.array(depth)?),
            Some(b'"') => Value::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { span: start..self.at, value })
    }

    fn object(&mut self, depth: usize) -> Parsed<Vec<Member>> {
        self.at += 1;
        let mut members = Vec::new();
        while !self.passes('}')? {
            if !members.is_empty() && !self.comma('}')? {
                break;
            }
            let start = self.at;
            let name = self.string()?;
            if !self.passes(':')? {
                return Err("a colon is missing after a name");
            }
            members.push(Member { name, start, node: self.value(depth + 1)? });
        }
        Ok(members)
    }

    fn array(&mut self, depth: usize) -> Parsed<Vec<Node>> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.passes(']')? {
            if !items.is_empty() && !self.comma(']')? {
                break;
            }
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    /// Passes a comma. Returns whether another item follows it, and not the `end`, which is then passed.
    fn comma(&mut self, end: char) -> Parsed<bool> {
        if !self.passes(',')? {
            return Err("a comma or a closing bracket is missing");
        }
        Ok(!self.passes(end)?)
    }

    fn string(&mut self) -> Parsed<String> {
        let rest = self.rest();
        if !rest.starts_with('"') {
            return Err("a name or a value in double quotes is missing");
        }
        let mut is_escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let length = end.ok_or("a text has no end")? + 2;
        let text = rest.get(..length).and_then(|text| serde_json::from_str(text).ok());
        self.at += length;
        text.ok_or("a text is not valid JSON")
    }

    fn word(&mut self) -> Parsed<Value> {
        let rest = self.rest();
        let length = rest.find(|next: char| !next.is_ascii_alphanumeric() && !"+-.".contains(next));
        let word = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        if serde_json::from_str::<serde_json::Value>(word).is_err() {
            return Err("a value is missing, or is not JSON");
        }
        self.at += word.len();
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_are() {
        let text =
            "\u{feff}// first\n{ \"a\": [1, \"x\\\"y\" /* ] */, true,], \"b\": {\"c\": null,}, \"a\": -1.5e3 }\n";
        let root = parse(text).expect("read");
        let [first, second, third] = root.members() else { panic!("{root:?}") };
        assert_eq!((&text[third.node.span.clone()], first.name.as_str()), ("-1.5e3", "a"));
        let Value::Array(items) = &first.node.value else { panic!("{first:?}") };
        assert_eq!((items.len(), items[1].text(), &text[items[1].span.clone()]), (3, Some("x\"y"), "\"x\\\"y\""));
        assert_eq!(&text[second.start..second.node.span.end], "\"b\": {\"c\": null,}");
        assert_eq!(root.get("a").map(|node| &text[node.span.clone()]), Some("-1.5e3"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, reason) in [
            ("", "line 1: a value is missing"),
            ("{\n\"a\" 1}", "line 2: a colon"),
            ("{\"a\": 1\n\"b\": 2}", "line 2: a comma"),
            ("{} x", "after its end"),
            ("{\"a\": \"b}", "a text has no end"),
            ("/* {}", "a comment has no end"),
            ("[tru]", "not JSON"),
            ("{a: 1}", "in double quotes"),
            (&"[".repeat(200), "nested too deep"),
            ("[\"\\x\"]", "not valid JSON"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
