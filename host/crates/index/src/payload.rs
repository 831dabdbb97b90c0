//! Payloads, when they are written and when they are read. Bodies are compressed before the thread that commits gets
//! them.

use std::cell::RefCell;

use zstd::bulk::Compressor;

use mcp_audit_log_ledger::{Hash, commitment};
use mcp_audit_log_model::entry::Details;

/// zstd's fastest level: bodies are compressed while events come in, and higher levels gain little on a few kilobytes.
const LEVEL: i32 = 1;
/// Bodies shorter than this, in bytes, are not compressed: the header of a frame is longer than the gain.
const SHORTEST: usize = 128;
/// The longest body, in bytes, that is decompressed; far more than the recorder keeps.
const LONGEST: usize = 16 << 20;

/// A payload as it is stored: masked, cut, salted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPayload {
    /// Random bytes that keep the commitment from being guessed.
    pub salt: [u8; 32],
    /// The request.
    pub request: Option<String>,
    /// The response.
    pub response: Option<String>,
    /// Lengths and marks.
    pub notes: Details,
}

/// The same payload, with its bodies as they are stored in the file.
#[derive(Clone, Debug)]
pub struct PackedPayload {
    /// See [`StoredPayload::salt`].
    pub salt: [u8; 32],
    /// The request.
    pub request: Option<Packed>,
    /// The response.
    pub response: Option<Packed>,
    /// The notes: a JSON object.
    pub notes: String,
}

/// A body: the text itself, or a zstd frame that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed {
    /// The text.
    Text(String),
    /// The frame.
    Frame(Vec<u8>),
}

impl StoredPayload {
    /// The commitment to the payload, which its entry contains: see [`commitment`].
    pub fn commitment(&self) -> Hash {
        commitment(&self.salt, self.request.as_deref(), self.response.as_deref(), &self.notes_text())
    }

    /// The notes as they are stored.
    fn notes_text(&self) -> String {
        serde_json::to_string(&self.notes).unwrap_or_else(|_| "{}".to_owned())
    }

    /// The payload with its bodies compressed, if that makes them smaller.
    pub(crate) fn pack(self) -> PackedPayload {
        let notes = self.notes_text();
        let Self { salt, request, response, .. } = self;
        PackedPayload { salt, request: request.map(Packed::new), response: response.map(Packed::new), notes }
    }
}

impl PackedPayload {
    /// The payload; `None` if a frame is damaged.
    pub fn unpack(self) -> Option<StoredPayload> {
        let body = |body: Option<Packed>| body.map_or(Some(None), |body| body.unpack().map(Some));
        let notes = serde_json::from_str(&self.notes).unwrap_or_default();
        Some(StoredPayload { salt: self.salt, request: body(self.request)?, response: body(self.response)?, notes })
    }
}

impl Packed {
    fn new(text: String) -> Self {
        if text.len() < SHORTEST {
            return Self::Text(text);
        }
        match frame(text.as_bytes()) {
            Some(frame) if frame.len() < text.len() => Self::Frame(frame),
            _ => Self::Text(text),
        }
    }

    /// The text; `None` if the frame is damaged.
    pub fn unpack(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Frame(frame) => {
                // The header's claim is not believed beyond the limit.
                let length = zstd::zstd_safe::get_frame_content_size(&frame).ok()??;
                let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST)?;
                String::from_utf8(zstd::bulk::decompress(&frame, length).ok()?).ok()
            }
        }
    }
}

/// The zstd frame. `None` if zstd fails, which happens only when there is no memory.
fn frame(bytes: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        // Its tables are larger than most bodies; they are made once.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    }
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_went_in() {
        let json = |length: usize| format!(r#"{{"rows":[{}0]}}"#, r#"{"name":"grün","value":42},"#.repeat(length));
        for text in [String::new(), "short".to_owned(), json(10), json(2_000)] {
            assert_eq!(Packed::new(text.clone()).unpack(), Some(text));
        }
        assert!(matches!(Packed::new(json(10)), Packed::Frame(frame) if frame.len() * 3 < json(10).len()));
    }

    #[test]
    fn damaged_frames_and_bombs_are_no_text() {
        let Packed::Frame(mut frame) = Packed::new("a".repeat(4_000)) else { panic!("not packed") };
        let bomb = zstd::bulk::compress(&vec![b'a'; LONGEST + 1], 1).expect("compressed");
        assert_eq!(Packed::Frame(bomb).unpack(), None);
        frame.truncate(frame.len() - 1);
        assert_eq!(Packed::Frame(frame).unpack(), None);
        assert_eq!(Packed::Frame(b"no frame".to_vec()).unpack(), None);
    }
}
