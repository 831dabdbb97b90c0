//! Content codings of captured bodies. Only the copy is decoded, piece by piece, and decoded bytes are read at once, so
//! a body of any size needs only the memory of one piece and of its decoder's window.

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes};
use mcp_audit_log_core::recorder::BudgetShare;

use super::decoders::Stage;
use super::document::{Keep, Parts};
use super::reader::{Done, Format, Reader};

/// The limit on the growth of a body while it is decoded. Text rarely exceeds it; a decompression bomb does, and costs
/// time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// The decoded size that is always allowed, however short the body is on the wire.
    base: u64,
    /// The additional decoded bytes per byte on the wire.
    ratio: u64,
}

impl Growth {
    /// For a request that the sign-in refused: enough for a call's head, and too little for a stranger to cause work.
    pub(crate) const REFUSED: Self = Self { base: 64 << 10, ratio: 4 };
    /// For a request: clients rarely encode theirs.
    pub(crate) const REQUEST: Self = Self { base: 2 << 20, ratio: 25 };
    /// For an answer: the server is the operator's own.
    pub(crate) const ANSWER: Self = Self { base: 80 << 20, ratio: 100 };
}

/// The most nested codings, as in curl and Node.
const CODINGS: usize = 5;
/// The most bytes that a decoder returns at once.
const PIECE: usize = 16 << 10;
/// The most documents that are kept of the raw body, in case it is not encoded.
const ASIDE: usize = 64;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// An unknown coding.
    Other,
}

impl Coding {
    /// The codings in the values of `Content-Encoding`, in the order in which they were applied.
    pub(crate) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
        let codings = names.filter_map(|name| match name.as_str() {
            "" | "identity" | "none" => None,
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => Some(Self::Other),
        });
        let codings: Vec<_> = codings.take(CODINGS + 1).collect();
        if codings.len() > CODINGS { vec![Self::Other] } else { codings }
    }
}

/// A reader after a decoder.
pub(crate) struct Decoder {
    /// The decoders. The coding that was applied last comes first.
    levels: Vec<Level>,
    reader: Reader,
    /// A reader of the raw body, in case the header names a false encoding.
    plain: Option<Plain>,
    good: bool,
    work: Work,
}

/// One decoder.
struct Level {
    stage: Stage,
    /// Input that the decoder has not read yet.
    input: Bytes,
    /// Whether it may return more without more input.
    full: bool,
}

/// The raw body, read without decoding.
struct Plain {
    reader: Reader,
    /// Documents that count only if the decoded body has none.
    aside: Vec<Parts>,
}

/// The cost of decoding so far.
struct Work {
    growth: Growth,
    wire: u64,
    decoded: u64,
    /// The budget share for the decoders' windows.
    windows: BudgetShare,
    most: u64,
}

impl Decoder {
    pub(crate) fn new(codings: &[Coding], format: Format, growth: Growth, keep: &Keep, windows: BudgetShare) -> Self {
        let stages: Option<Vec<_>> = codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
        // Unknown coding: read the raw bytes, which may be useful.
        let (good, stages) = stages.map_or((false, Vec::new()), |stages| (true, stages));
        let plain =
            (!stages.is_empty()).then(|| Plain { reader: Reader::new(format, keep.clone()), aside: Vec::new() });
        let most = stages.iter().map(Stage::window).sum();
        let work = Work { growth, wire: 0, decoded: 0, windows, most };
        let levels = stages.into_iter().map(|stage| Level { stage, input: Bytes::new(), full: false }).collect();
        Self { levels, reader: Reader::new(format, keep.clone()), plain, good, work }
    }

    /// Sets the limit on growth from now on.
    pub(crate) fn bound(&mut self, growth: Growth) {
        self.work.growth = growth;
    }

    /// Adds the next raw piece, and decodes up to `quota` decoded bytes.
    pub(crate) fn push(&mut self, piece: &Bytes, quota: &mut u64, done: Done<'_>) {
        let Some(first) = self.levels.first_mut() else { return self.reader.push(piece, done) };
        self.work.wire += piece.len() as u64;
        if self.good {
            first.input = piece.clone();
        }
        if let Some(Plain { reader, aside }) = &mut self.plain {
            let room = ASIDE.saturating_sub(aside.len());
            let mut left = room;
            reader.push(piece, &mut |parts| {
                if left > 0 && !parts.messages.list.is_empty() {
                    left -= 1;
                    aside.push(parts);
                }
            });
        }
        self.go_on(quota, done);
    }

    /// Decodes up to `quota` bytes. It stops at input that cannot or must not be decoded.
    pub(crate) fn go_on(&mut self, quota: &mut u64, done: Done<'_>) {
        while self.is_behind() && *quota > 0 {
            match self.step(done) {
                Some(decoded) => *quota = quota.saturating_sub(decoded),
                None => self.stop(),
            }
        }
        if self.reader.found() {
            self.plain = None;
        }
    }

    /// Whether some input is not decoded yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.good && self.levels.iter().any(Level::is_busy)
    }

    /// Stops decoding.
    pub(crate) fn stop(&mut self) {
        self.good &= self.levels.is_empty();
        self.levels.iter_mut().for_each(Level::clear);
    }

    /// Runs the decoder that is furthest behind once, and returns the number of bytes that it produced.
    fn step(&mut self, done: Done<'_>) -> Option<u64> {
        let at = self.levels.iter().rposition(Level::is_busy)?;
        let mut out = [0; PIECE];
        let level = self.levels.get_mut(at)?;
        let (read, written) = level.stage.step(&level.input, &mut out)?;
        level.input.advance(read.min(level.input.len()));
        level.full = written == out.len();
        if read == 0 && written == 0 {
            // It is at its end, and what follows is nothing.
            level.clear();
        }
        let out = out.get(..written).filter(|out| !out.is_empty());
        let Some(out) = out else { return Some(0) };
        if !self.work.allows(written) {
            return None;
        }
        match self.levels.get_mut(at + 1) {
            Some(next) => next.input = Bytes::copy_from_slice(out),
            None => self.reader.push(out, done),
        }
        Some(written as u64)
    }

    /// The body has ended, `properly` or not: returns the rest of it.
    pub(crate) fn finish(&mut self, properly: bool, done: Done<'_>) {
        // A lie about the coding must not hide a message that a server reads all the same.
        let unread = !self.reader.found();
        let plain = self.plain.take().filter(|plain| unread && (plain.reader.found() || !self.good));
        if let Some(Plain { reader, aside }) = plain {
            self.good = false;
            self.reader = reader;
            aside.into_iter().for_each(&mut *done);
        }
        if properly {
            self.reader.finish(done);
        }
        let rest = self.reader.rest();
        if rest.length > 0 {
            done(rest);
        }
    }

    /// Whether everything could be decoded so far.
    pub(crate) fn is_good(&self) -> bool {
        self.good
    }

    /// The reader after the decoder.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Level {
    fn is_busy(&self) -> bool {
        self.full || !self.input.is_empty()
    }

    fn clear(&mut self) {
        (self.input, self.full) = (Bytes::new(), false);
    }
}

impl Work {
    fn allows(&mut self, bytes: usize) -> bool {
        self.decoded += bytes as u64;
        let window = usize::try_from(self.decoded.min(self.most)).unwrap_or(usize::MAX);
        let missing = window.saturating_sub(self.windows.bytes());
        self.decoded <= self.growth.base + self.growth.ratio * self.wire && (missing == 0 || self.windows.grow(missing))
    }
}
