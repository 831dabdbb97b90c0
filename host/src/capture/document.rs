//! One JSON document that arrives in pieces, kept within bounds: whole while it is small, as its skeleton when it is not.

use bytes::Bytes;

use super::json::CUT;
use super::jsonrpc::Messages;

/// How much of a document is kept as it is.
const WHOLE: usize = 1 << 20;
/// How much of a document's skeleton is kept.
const SKELETON: usize = 1 << 20;
/// Longest text in a skeleton; longer ones are cut and marked.
const TEXT: usize = 4_096;
/// Deepest level in a skeleton: message, params, `_meta`, client information, and one for the array of a batch.
const DEPTH: usize = 5;

/// What came of a document so far.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The document, or its beginning.
    start: Vec<u8>,
    /// How long it is by now.
    length: u64,
    skeleton: Option<Skeleton>,
}

impl Document {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if self.skeleton.is_none() && self.start.len() + piece.len() > WHOLE {
            let mut skeleton = Skeleton::default();
            skeleton.push(&self.start);
            self.skeleton = Some(skeleton);
        }
        match &mut self.skeleton {
            Some(skeleton) => skeleton.push(piece),
            None => self.start.extend_from_slice(piece),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The messages that it holds.
    pub(super) fn messages(&self) -> Messages {
        match &self.skeleton {
            Some(skeleton) => Messages::read(&skeleton.out),
            None => Messages::read(&self.start),
        }
    }

    /// The messages, the bytes that their ranges are of, and the document's full length. Of a document that was too long
    /// there is only a beginning, in which ranges mean nothing.
    pub(super) fn into_parts(self) -> Parts {
        let messages = self.messages();
        Parts { messages, length: self.length, shortened: self.skeleton.is_some(), bytes: self.start.into() }
    }
}

/// A document taken apart.
pub(super) struct Parts {
    pub(super) messages: Messages,
    pub(super) bytes: Bytes,
    pub(super) length: u64,
    pub(super) shortened: bool,
}

/// JSON without what is long or deep, made byte by byte: what is needed from a huge document stands near its surface.
#[derive(Debug, Default)]
struct Skeleton {
    out: Vec<u8>,
    depth: usize,
    in_text: bool,
    escaped: bool,
    text: usize,
    /// How long the number or word is by now that is being read.
    word: usize,
    /// Where in `out` the brackets that are open begin.
    open: Vec<usize>,
    /// The depth of the object or array whose remaining members are left out.
    muted: Option<usize>,
    full: bool,
}

impl Skeleton {
    fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            match self.in_text {
                true => self.in_text(*byte),
                false => self.outside(*byte),
            }
        }
    }

    fn in_text(&mut self, byte: u8) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        self.in_text = !ends;
        self.text += 1;
        // An escape is not torn apart: the mark comes before it or after it.
        if ends || self.text < TEXT {
            self.put(byte);
        } else if self.text == TEXT {
            self.put(CUT);
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => (self.in_text, self.text) = (true, 0),
            b'}' | b']' => self.leave(),
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'{' | b'[' => {}
            _ => return self.word(byte),
        }
        self.word = 0;
        if byte.is_ascii_whitespace() {
            return;
        }
        self.put(byte);
        match byte {
            b'{' | b'[' => self.enter(),
            b',' => self.is_too_much(),
            _ => {}
        }
    }

    /// A number or a word; one as long as a text that is cut is cut as well.
    fn word(&mut self, byte: u8) {
        self.word += 1;
        match self.word {
            ..TEXT => self.put(byte),
            TEXT => self.put(CUT),
            _ => {}
        }
    }

    fn enter(&mut self) {
        self.depth += 1;
        if self.depth <= DEPTH {
            self.open.push(self.out.len());
        }
    }

    fn leave(&mut self) {
        if self.depth <= DEPTH {
            self.open.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        self.muted = self.muted.filter(|muted| *muted <= self.depth);
    }

    /// After a comma: an object or array that takes more than its share loses the rest, so that what stands behind it is
    /// still reached. The deeper it is, the smaller its share.
    fn is_too_much(&mut self) {
        let begins = self.open.last().filter(|_| self.muted.is_none() && (2..=DEPTH).contains(&self.depth));
        let share = SKELETON >> (2 * self.depth.saturating_sub(1)).min(16);
        if begins.is_some_and(|begins| self.out.len() - begins > share) {
            self.muted = Some(self.depth);
        }
    }

    fn put(&mut self, byte: u8) {
        self.full |= self.out.len() >= SKELETON;
        if !self.full && self.muted.is_none() && self.depth <= DEPTH {
            self.out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(json: &[u8], piece: usize) -> Document {
        let mut document = Document::default();
        json.chunks(piece).for_each(|piece| document.push(piece));
        document
    }

    #[test]
    fn a_huge_answer_is_decided_by_what_follows_its_text() {
        let text = "\\\"isError\\\":true ".repeat(200_000);
        for (flag, expected) in [("true", true), ("false", false)] {
            let json = format!(r#"{{"result":{{"content":[{{"text":"{text}"}}],"isError":{flag}}},"id":7}}"#);
            let parts = pushed(json.as_bytes(), 7_777).into_parts();
            let message = &parts.messages.list[0];
            assert!(message.whole && parts.shortened && parts.length == json.len() as u64);
            assert_eq!(message.result.as_ref().map(|result| result.is_error), Some(expected));
            assert!(parts.bytes.len() <= WHOLE);
        }
    }

    #[test]
    fn a_long_argument_is_left_out_and_its_neighbours_are_not() {
        let long = "x".repeat(2 << 20);
        let json = format!(
            r#"{{"id":1,"params":{{"arguments":{{"a":"{long}","b":2}},"name":"echo"}},"method":"tools/call"}}"#
        );
        let messages = pushed(json.as_bytes(), 65_536).messages();
        let params = &messages.list[0].params;
        assert_eq!((params.name.as_deref(), params.arguments.len()), (Some("echo"), 1));
    }

    #[test]
    fn what_stands_behind_something_huge_is_reached() {
        let (digits, list, text) = ("1".repeat(2 << 20), "1,".repeat(1 << 20), "x".repeat(2 << 20));
        let ids = [digits.clone(), format!("[{list}1]"), format!("{{\"a\":[{list}1]}}"), format!("\"{text}\"")];
        for id in ids {
            let json = format!(
                r#"{{"{}":1,"id":{id},"params":{{"arguments":{{"a":[{list}1]}},"name":"echo"}},"method":"tools/call"}}"#,
                "k".repeat(5_000)
            );
            let message = &pushed(json.as_bytes(), 65_536).messages().list[0];
            assert_eq!((message.params.name.as_deref(), message.method.as_deref()), (Some("echo"), Some("tools/call")));
            assert!(message.has_id && message.id.is_none() && message.whole);
        }
    }

    #[test]
    fn a_bomb_of_small_things_stays_bounded() {
        let parts = pushed(format!("[{}", "{},".repeat(2 << 20)).as_bytes(), 1 << 16).into_parts();
        assert!(parts.messages.list.is_empty());
    }
}
