//! A parser of server-sent events that accepts any chunks and any line ends.

use super::document::Document;

/// The longest field name that matters, and the longest line that is not data.
const FIELD: usize = 64;
/// The longest event id; a longer one is truncated and not used.
const ID: usize = 1_024;

/// The state of a parser.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The name of the field at the beginning of the line, while it is being read.
    name: Vec<u8>,
    place: Place,
    /// Whether the last byte was a carriage return, so that a line feed now belongs to it.
    after_return: bool,
    data: Option<Document>,
    /// The number of bytes of a byte order mark seen so far; 3 if none can follow.
    mark: usize,
    pub(crate) seen: Seen,
    /// The id in this line, or of the event that is being read.
    id: Vec<u8>,
    /// The id of the last event that was complete.
    pub(crate) last_id: Vec<u8>,
}

/// Other findings in an event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Events with data.
    pub(crate) events: u64,
    /// Lines that begin with a colon.
    pub(crate) comments: u64,
    /// Whether an event had an id, so that the stream can be resumed.
    pub(crate) ids: bool,
    /// Whether the server asked to be called again.
    pub(crate) retry: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In the name, or at the line's beginning.
    #[default]
    Name,
    /// After the colon, where one space does not count.
    Colon,
    /// In the value of a data line.
    Data,
    /// After the colon before an id.
    IdColon,
    /// In the id of an event.
    Id,
    /// In anything else.
    Rest,
}

impl Parser {
    /// Parses the next piece, and calls `event` with the data of each complete event. An event without data, or with
    /// empty data, is ignored.
    pub(crate) fn push(&mut self, piece: &[u8], new: impl Fn() -> Document, mut event: impl FnMut(Document)) {
        let mut rest = self.without_mark(piece);
        while let Some(byte) = rest.first().copied() {
            rest = match (self.place, byte) {
                (_, b'\n') if std::mem::take(&mut self.after_return) => &rest[1..],
                (_, b'\r' | b'\n') => {
                    self.after_return = byte == b'\r';
                    self.line(&new, &mut event);
                    &rest[1..]
                }
                (Place::Data | Place::Id | Place::Rest, _) => self.value(rest),
                _ => {
                    self.after_return = false;
                    self.head(byte, &new);
                    &rest[1..]
                }
            };
        }
    }

    /// One byte before the value.
    fn head(&mut self, byte: u8, new: &impl Fn() -> Document) {
        match (self.place, byte) {
            (Place::Name, b':') => self.colon(new),
            (Place::Name, _) if self.name.len() < FIELD => self.name.push(byte),
            (Place::Colon | Place::IdColon, _) => {
                self.place = if self.place == Place::Colon { Place::Data } else { Place::Id };
                if byte != b' ' {
                    self.value(&[byte]);
                }
            }
            _ => {}
        }
    }

    fn colon(&mut self, new: &impl Fn() -> Document) {
        self.place = Place::Rest;
        match self.name.as_slice() {
            b"data" => self.begin_data(new),
            b"" => self.seen.comments += 1,
            b"id" => {
                self.seen.ids = true;
                self.id.clear();
                self.place = Place::IdColon;
            }
            b"retry" => self.seen.retry = true,
            _ => {}
        }
    }

    /// Several data lines are one text with line feeds between.
    fn begin_data(&mut self, new: &impl Fn() -> Document) {
        self.place = Place::Colon;
        match &mut self.data {
            Some(data) => data.push(b"\n"),
            none => *none = Some(new()),
        }
    }

    /// The value up to the line's end; returns the rest.
    fn value<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.after_return = false;
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let (value, rest) = rest.split_at(end);
        if self.place == Place::Id {
            self.id.extend_from_slice(&value[..value.len().min(ID - self.id.len().min(ID))]);
        }
        if let (Place::Data, Some(data)) = (self.place, &mut self.data) {
            data.push(value);
        }
        rest
    }

    fn line(&mut self, new: &impl Fn() -> Document, event: &mut impl FnMut(Document)) {
        let empty = self.place == Place::Name && self.name.is_empty();
        // A line without a colon is a field with an empty value.
        if self.place == Place::Name && self.name == b"data" {
            self.begin_data(new);
        }
        self.name.clear();
        self.place = Place::Name;
        if empty {
            self.last_id.clone_from(&self.id);
        }
        if let Some(data) = self.data.take_if(|_| empty).filter(|data| !data.is_empty()) {
            self.seen.events += 1;
            event(data);
        }
    }

    /// A byte order mark at the very beginning does not count.
    fn without_mark<'a>(&mut self, mut piece: &'a [u8]) -> &'a [u8] {
        const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        while let (Some(expected), Some(byte)) = (MARK.get(self.mark), piece.first()) {
            if byte == expected {
                self.mark += 1;
                piece = &piece[1..];
            } else {
                self.mark = MARK.len();
            }
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Keep;
    use super::*;
    use mcp_audit_log_core::recorder::Budget;

    fn new() -> Document {
        Document::new(Keep { bodies: Some(Budget::new(1 << 20)), ..Keep::default() })
    }

    fn events(stream: &[u8], piece: usize) -> (Vec<String>, Seen) {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in stream.chunks(piece) {
            parser.push(piece, new, |data| {
                let body = data.into_parts().raw.expect("kept");
                events.push(String::from_utf8_lossy(&body.bytes).into_owned());
            });
        }
        (events, parser.seen)
    }

    #[test]
    fn pieces_and_line_ends_do_not_matter() {
        let stream = "\u{feff}id: 1\ndata: \n\n: hi\nevent: message\nid: 2\nretry: 500\ndata: {\"a\":\ndata:1}\n\ndata\ndata: x\n\nother: y\n\ndata:  two\n\ndata: unfinished";
        for ends in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ends);
            for piece in 1..stream.len() {
                let (events, seen) = events(stream.as_bytes(), piece);
                assert_eq!(events, ["{\"a\":\n1}", "x", "two"], "{ends:?} {piece}");
                assert_eq!(seen, Seen { events: 3, comments: 1, ids: true, retry: true });
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut parser = Parser::default();
        for _ in 0..100 {
            parser.push(&[b'x'; 100_000], new, |_| {});
        }
        assert!(parser.name.len() <= FIELD);
        parser.push(b"\nid:", new, |_| {});
        for _ in 0..100 {
            parser.push(&[b'x'; 100_000], new, |_| {});
        }
        assert!(parser.id.len() <= ID);
    }

    #[test]
    fn the_last_complete_event_sets_the_id() {
        for (stream, expected) in [
            ("id: e1\nretry: 10\ndata: \n\n", "e1"),
            ("id:e1\ndata: x\n\nid: e2\ndata: y\n", "e1"),
            ("id: e1\n\ndata: x\n\n", "e1"),
            ("id: a: b\n\n", "a: b"),
            ("id: a\n\nid\n\n", "a"),
            ("data: x\n\n", ""),
        ] {
            for piece in 1..=stream.len() {
                let mut parser = Parser::default();
                stream.as_bytes().chunks(piece).for_each(|piece| parser.push(piece, new, |_| {}));
                assert_eq!(String::from_utf8_lossy(&parser.last_id), expected, "{stream:?}");
            }
        }
    }
}
