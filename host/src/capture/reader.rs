//! From a body's bytes to the documents in it: one of JSON, one for each event of a stream, or one for each line.

use super::document::Document;
use super::sse;

/// Most documents that wait to be looked at; a hostile stream of tiny events cannot take more.
const WAITING: usize = 65_536;

/// What a body is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// Not known yet; the first bytes will tell.
    #[default]
    Unknown,
    Json,
    Events,
    Lines,
}

impl Format {
    /// The format that a `Content-Type` header names.
    pub(super) fn of(header: &str) -> Self {
        let media = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "text/event-stream" => Self::Events,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Self::Lines
            }
            "application/json" => Self::Json,
            media if media.ends_with("+json") => Self::Json,
            _ => Self::Unknown,
        }
    }

    /// The format of what begins with `piece`, when nobody named it.
    fn sniff(piece: &[u8]) -> Self {
        let fields: [&[u8]; 5] = [b"data", b"event", b"id:", b"retry", b":"];
        match fields.iter().any(|field| piece.starts_with(field)) {
            true => Self::Events,
            false => Self::Json,
        }
    }
}

/// Reads documents off a body.
#[derive(Debug, Default)]
pub(super) struct Reader {
    format: Format,
    current: Document,
    events: sse::Parser,
    ready: Vec<Document>,
    /// Whether documents had to be left out.
    pub(super) overrun: bool,
}

impl Reader {
    pub(super) fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// Takes the next decoded piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.format == Format::Unknown && !piece.is_empty() {
            self.format = Format::sniff(piece);
        }
        let Self { format, current, events, ready, overrun } = self;
        let mut take = |document: Document| match ready.len() < WAITING {
            true => ready.push(document),
            false => *overrun = true,
        };
        match format {
            Format::Events => events.push(piece, take),
            Format::Lines => lines(current, piece, &mut take),
            Format::Json | Format::Unknown => current.push(piece),
        }
    }

    /// The documents that became complete since the last time.
    pub(super) fn ready(&mut self) -> Vec<Document> {
        std::mem::take(&mut self.ready)
    }

    /// The body came to its proper end: an event that lacks only the blank line behind it is one.
    pub(super) fn finish(&mut self) {
        if self.format == Format::Events {
            self.push(b"\n\n");
        }
    }

    /// What is left when the body has ended. An event without its end is none.
    pub(super) fn rest(&mut self) -> Document {
        std::mem::take(&mut self.current)
    }

    /// What has come so far of a body that is one document.
    pub(super) fn so_far(&self) -> &Document {
        &self.current
    }

    /// Whether anything was found yet that makes sense.
    pub(super) fn found(&self) -> bool {
        self.events.seen.events > 0 || !self.ready.is_empty() || !self.current.messages().list.is_empty()
    }

    /// What else was seen in an event stream.
    pub(super) fn seen(&self) -> Option<sse::Seen> {
        (self.format == Format::Events).then_some(self.events.seen)
    }
}

fn lines(current: &mut Document, piece: &[u8], take: &mut impl FnMut(Document)) {
    for line in piece.split_inclusive(|byte| *byte == b'\n') {
        current.push(line.strip_suffix(b"\n").unwrap_or(line));
        if line.ends_with(b"\n") && !current.is_empty() {
            take(std::mem::take(current));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_format_and_else_the_first_bytes() {
        assert_eq!(Format::of("text/event-stream; charset=utf-8"), Format::Events);
        assert_eq!(Format::of("Application/JSON"), Format::Json);
        assert_eq!(Format::of("application/problem+json"), Format::Json);
        for (body, count) in [("data: {}\n\n", 1), ("{}", 0)] {
            let mut reader = Reader::new(Format::of("text/plain"));
            reader.push(body.as_bytes());
            assert_eq!(reader.ready().len(), count);
        }
    }

    #[test]
    fn lines_are_documents() {
        let mut reader = Reader::new(Format::Lines);
        reader.push(b"{\"a\":1}\n{\"b\"");
        reader.push(b":2}\n\n{\"c\":3}");
        assert_eq!((reader.ready().len(), reader.rest().is_empty()), (2, false));
    }
}
