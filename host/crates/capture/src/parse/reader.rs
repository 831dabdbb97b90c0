//! Splits a body into documents: one JSON text, one per event of a stream, or one per line.

use super::document::{Document, Keep, Parts};
use super::sse;

/// The format of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Not known yet; the first bytes decide.
    #[default]
    Unknown,
    Json,
    Events,
    Lines,
}

impl Format {
    /// The format that a `Content-Type` header names.
    pub(crate) fn of(header: &str) -> Self {
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

    /// The format of a body that begins with `piece`, without a header.
    fn sniff(piece: &[u8]) -> Self {
        let fields: [&[u8]; 5] = [b"data", b"event", b"id:", b"retry", b":"];
        match fields.iter().any(|field| piece.starts_with(field)) {
            true => Self::Events,
            false => Self::Json,
        }
    }
}

/// Receives the documents of a body, each as soon as it is complete.
pub(crate) type Done<'a> = &'a mut dyn FnMut(Parts);

/// Reads documents off a body.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    format: Format,
    current: Document,
    events: sse::Parser,
    keep: Keep,
    /// Whether a line or event had a message.
    found: bool,
}

impl Reader {
    pub(crate) fn new(format: Format, keep: Keep) -> Self {
        Self { format, current: Document::new(keep.clone()), keep, ..Self::default() }
    }

    /// Sets the parts to keep of the documents that begin from now on.
    pub(crate) fn keep(&mut self, keep: Keep) {
        if self.current.is_empty() {
            self.current = Document::new(keep.clone());
        }
        self.keep = keep;
    }

    /// Takes the next decoded piece.
    pub(crate) fn push(&mut self, piece: &[u8], done: Done<'_>) {
        if self.format == Format::Unknown && !piece.is_empty() {
            self.format = Format::sniff(piece);
        }
        let Self { format, current, events, keep, found } = self;
        let mut take = |document: Document| {
            let parts = document.into_parts();
            *found |= !parts.messages.list.is_empty();
            done(parts);
        };
        let new = || Document::new(keep.clone());
        match format {
            Format::Events => events.push(piece, new, take),
            Format::Lines => lines(current, piece, new, &mut take),
            Format::Json | Format::Unknown => current.push(piece),
        }
    }

    /// The body ended properly: an event that lacks only its final blank line counts.
    pub(crate) fn finish(&mut self, done: Done<'_>) {
        if self.format == Format::Events {
            self.push(b"\n\n", done);
        }
    }

    /// The rest when the body has ended. An event without an end is dropped.
    pub(crate) fn rest(&mut self) -> Parts {
        std::mem::replace(&mut self.current, Document::new(self.keep.clone())).into_parts()
    }

    /// Whether a body that is one document is complete.
    pub(crate) fn is_whole(&self) -> bool {
        self.current.is_whole()
    }

    /// Whether a message was found yet.
    pub(crate) fn found(&self) -> bool {
        self.found || self.current.found()
    }

    /// The id of the last event of a stream.
    pub(crate) fn last_event_id(&self) -> Option<&[u8]> {
        Some(self.events.last_id.as_slice()).filter(|id| !id.is_empty())
    }

    /// Other findings in an event stream.
    pub(crate) fn seen(&self) -> Option<sse::Seen> {
        (self.format == Format::Events).then_some(self.events.seen)
    }
}

fn lines(current: &mut Document, piece: &[u8], new: impl Fn() -> Document, take: &mut impl FnMut(Document)) {
    for line in piece.split_inclusive(|byte| *byte == b'\n') {
        current.push(line.strip_suffix(b"\n").unwrap_or(line));
        if line.ends_with(b"\n") && !current.is_empty() {
            take(std::mem::replace(current, new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_or_else_the_first_bytes_decide_the_format() {
        assert_eq!(Format::of("text/event-stream; charset=utf-8"), Format::Events);
        assert_eq!(Format::of("Application/JSON"), Format::Json);
        assert_eq!(Format::of("application/problem+json"), Format::Json);
        for (body, expected) in [("data: {}\n\n", 1), ("{}", 0)] {
            let (mut reader, mut count) = (Reader::new(Format::of("text/plain"), Keep::default()), 0);
            reader.push(body.as_bytes(), &mut |_| count += 1);
            assert_eq!(count, expected);
        }
    }

    #[test]
    fn each_line_is_a_document() {
        let (mut reader, mut count) = (Reader::new(Format::Lines, Keep::default()), 0);
        reader.push(b"{\"a\":1}\n{\"b\"", &mut |_| count += 1);
        reader.push(b":2}\n\n{\"c\":3}", &mut |_| count += 1);
        assert_eq!((count, reader.rest().blank), (2, false));
    }
}
