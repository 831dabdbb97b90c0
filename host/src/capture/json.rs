//! A skimmer over JSON bytes that takes what it understands and steps over the rest, also when the document is cut off,
//! nested 100,000 levels deep or not even valid text inside.

/// What marks a text that was shortened by [`super::document`]; JSON cannot hold it.
pub(super) const CUT: u8 = 0;

/// A place in a document. Every reading method returns `None` when the document ends or makes no sense there; what was
/// read before stays read.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bom = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at: bom }
    }

    /// Where it stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.bytes.get(self.at).copied()
    }

    /// Reads an object: `member` is called after each key and must read the value. Anything else is stepped over.
    pub(super) fn object(&mut self, mut member: impl FnMut(&str, &mut Self) -> Option<()>) -> Option<()> {
        if !self.enter(b'{')? {
            return self.skip().map(drop);
        }
        while self.more(b'}')? {
            let key = unescape(self.string()?);
            self.eat(b':')?;
            match key {
                Some(key) => member(&key, self)?,
                // Too long to be a key that matters.
                None => drop(self.skip()?),
            }
        }
        Some(())
    }

    /// Reads an array: `element` is called before each element and must read it. Anything else is stepped over.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if !self.enter(b'[')? {
            return self.skip().map(drop);
        }
        while self.more(b']')? {
            element(self)?;
        }
        Some(())
    }

    /// The value if it is a text, whole and of at most `longest` bytes as written; other values are stepped over.
    pub(super) fn text(&mut self, longest: usize) -> Option<Option<String>> {
        let raw = self.skip()?;
        let inner = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        Some(inner.filter(|inner| inner.len() <= longest).and_then(unescape))
    }

    /// The value if it is `true` or `false`; other values are stepped over.
    pub(super) fn boolean(&mut self) -> Option<Option<bool>> {
        Some(match self.skip()? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    /// The value if it is a whole number; other values are stepped over.
    pub(super) fn integer(&mut self) -> Option<Option<i64>> {
        Some(std::str::from_utf8(self.skip()?).ok().and_then(|text| text.parse().ok()))
    }

    /// Steps over a value and returns it as it is written. Brackets are counted, not matched: that takes no memory.
    pub(super) fn skip(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                _ if depth == 0 => self.scalar()?,
                _ => self.at += 1,
            }
            if depth == 0 {
                return self.bytes.get(start..self.at);
            }
        }
    }

    /// A number or a word. One that reaches the end of the document may have lost its tail, so it does not count.
    fn scalar(&mut self) -> Option<()> {
        let end =
            |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']' | b'{' | b'[' | b'"') || byte.is_ascii_whitespace();
        let length = self.bytes.get(self.at..)?.iter().position(end).filter(|length| *length > 0)?;
        self.at += length;
        Some(())
    }

    /// A string, from quote to quote; returns what is between them, as written.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.eat(b'"')?;
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            match self.bytes.get(self.at)? {
                b'"' => break,
                _ => self.at += 2,
            }
        }
        self.at += 1;
        self.bytes.get(start..self.at - 1)
    }

    fn enter(&mut self, bracket: u8) -> Option<bool> {
        let here = self.peek()? == bracket;
        self.at += usize::from(here);
        Some(here)
    }

    /// Whether another member or element follows; steps over the comma, or over the closing bracket.
    fn more(&mut self, closing: u8) -> Option<bool> {
        while self.peek()? == b',' {
            self.at += 1;
        }
        let closed = self.peek()? == closing;
        self.at += usize::from(closed);
        Some(!closed)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }
}

/// The text of a string as it is written between its quotes; `None` for one that was cut. What is no UTF-8 or no valid
/// escape is kept visibly wrong, so that a name cannot hide behind it.
pub(super) fn unescape(raw: &[u8]) -> Option<String> {
    if raw.contains(&CUT) {
        return None;
    }
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return Some(text.into_owned());
    }
    Some(serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &[u8]) -> (Vec<String>, bool) {
        let mut keys = Vec::new();
        let whole = Cursor::new(json).object(|key, cursor| {
            keys.push(key.to_owned());
            cursor.skip().map(drop)
        });
        (keys, whole.is_some())
    }

    #[test]
    fn steps_over_what_it_does_not_know() {
        let deep = [b"{\"a\":".as_slice(), &b"[".repeat(100_000), &b"]".repeat(100_000), b",\"b\":1}"].concat();
        assert_eq!(keys(&deep), (vec!["a".into(), "b".into()], true));
        assert_eq!(keys(b"{\"a\":\"\xff\xfe\\\"}\",\"\\u0062\":{\"}\":\"]\"}}"), (vec!["a".into(), "b".into()], true));
        assert_eq!(keys(b"{\"a\":1,\"b\":[1,2"), (vec!["a".into(), "b".into()], false));
        assert_eq!(keys(b"[1]"), (vec![], true));
    }

    #[test]
    fn never_runs_away_on_nonsense() {
        for json in [
            b"".as_slice(),
            b"{",
            b"{\"",
            b"{\"a",
            b"{\"a\"",
            b"{\"a\":",
            b"{\"a\":}",
            b"{,,,",
            b"{]",
            b"{a:1}",
            b"{\"a\\",
        ] {
            assert!(!keys(json).1, "{json:?}");
        }
    }

    #[test]
    fn a_cut_text_is_no_text() {
        assert_eq!(Cursor::new(b"\"ab\0\"").text(9), Some(None));
        assert_eq!(Cursor::new(b"\"abc\"").text(2), Some(None));
        assert_eq!(Cursor::new(b"\"a\\nb\"").text(9), Some(Some("a\nb".into())));
    }
}
