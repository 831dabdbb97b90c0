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
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b' ' | b'\t' | b'\r' | b'\n' => return,
            _ => {}
        }
        self.put(byte);
        if matches!(byte, b'{' | b'[') {
            self.depth += 1;
        }
    }

    fn put(&mut self, byte: u8) {
        self.full |= self.out.len() >= SKELETON;
        if !self.full && self.depth <= DEPTH {
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
    fn a_bomb_of_small_things_stays_bounded() {
        let parts = pushed(format!("[{}", "{},".repeat(2 << 20)).as_bytes(), 1 << 16).into_parts();
        assert!(parts.messages.list.is_empty());
    }
}
