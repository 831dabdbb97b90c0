//! Content codings of captured bodies. Only the copy is decoded, piece by piece, and decoded bytes are read at once, so
//! that a body of any size needs the memory of one piece and of its decoder's window.

use super::decoders::Stage;
use super::document::{Keep, Parts};
use super::reader::{Done, Format, Reader};
use crate::recorder::BudgetShare;

/// How far a body may grow when it is decoded. Text seldom shrinks by more; what does is a bomb, and costs time.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Growth {
    /// The decoded size that every body may have, however small it is on the wire.
    base: u64,
    /// How many more for each byte on the wire.
    ratio: u64,
}

impl Growth {
    /// Of a request that sign-in refused: enough for a call's head, and no work that a stranger can order.
    pub(in crate::capture) const REFUSED: Self = Self { base: 64 << 10, ratio: 4 };
    /// Of a request: clients seldom encode theirs.
    pub(in crate::capture) const REQUEST: Self = Self { base: 2 << 20, ratio: 25 };
    /// Of an answer: the server is the operator's own.
    pub(in crate::capture) const ANSWER: Self = Self { base: 80 << 20, ratio: 100 };
}

/// Most codings on top of each other, as in curl and Node.
const CODINGS: usize = 5;
/// How much comes out of a decoder at once.
const PIECE: usize = 16 << 10;
/// Most documents that are kept aside of a body that may not be encoded at all.
const ASIDE: usize = 64;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// One that is not known.
    Other,
}

impl Coding {
    /// The codings that the values of `Content-Encoding` name, in the order in which they were applied.
    pub(in crate::capture) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Self> {
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
pub(in crate::capture) struct Decoder {
    /// The decoders, the one first that was applied last.
    stages: Vec<Stage>,
    reader: Reader,
    /// The same body as it is on the wire, in case it is not encoded as its header says.
    plain: Option<Plain>,
    good: bool,
    work: Work,
}

/// The raw body, read without decoding.
struct Plain {
    reader: Reader,
    /// Documents that count only if the other reader finds none.
    aside: Vec<Parts>,
}

/// What decoding has cost.
struct Work {
    growth: Growth,
    wire: u64,
    decoded: u64,
    /// Room for the decoders' windows.
    windows: BudgetShare,
    most: u64,
}

impl Decoder {
    pub(in crate::capture) fn new(
        codings: &[Coding],
        format: Format,
        growth: Growth,
        keep: &Keep,
        windows: BudgetShare,
    ) -> Self {
        let stages: Option<Vec<_>> = codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
        // Unknown coding: read the raw bytes, which may be useful.
        let (good, stages) = stages.map_or((false, Vec::new()), |stages| (true, stages));
        let plain =
            (!stages.is_empty()).then(|| Plain { reader: Reader::new(format, keep.clone()), aside: Vec::new() });
        let most = stages.iter().map(Stage::window).sum();
        let work = Work { growth, wire: 0, decoded: 0, windows, most };
        Self { stages, reader: Reader::new(format, keep.clone()), plain, good, work }
    }

    /// Takes the next piece as it was on the wire.
    pub(in crate::capture) fn push(&mut self, piece: &[u8], done: Done<'_>) {
        if self.stages.is_empty() {
            return self.reader.push(piece, done);
        }
        self.work.wire += piece.len() as u64;
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
        if self.good {
            self.good = through(&mut self.stages, piece, &mut self.work, &mut self.reader, done);
        }
        if self.reader.found() {
            self.plain = None;
        }
    }

    /// The body has ended, `properly` or not: hands over what is left of it.
    pub(in crate::capture) fn finish(&mut self, properly: bool, done: Done<'_>) {
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
    pub(in crate::capture) fn is_good(&self) -> bool {
        self.good
    }

    /// The reader after the decoder.
    pub(in crate::capture) fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// Hands a piece through the decoders and to the reader; `false` when it cannot be decoded, or should not be.
fn through(stages: &mut [Stage], mut piece: &[u8], work: &mut Work, reader: &mut Reader, done: Done<'_>) -> bool {
    let Some((stage, rest)) = stages.split_first_mut() else {
        reader.push(piece, done);
        return true;
    };
    let mut out = [0; PIECE];
    loop {
        let Some((read, written)) = stage.step(piece, &mut out) else { return false };
        piece = piece.get(read..).unwrap_or_default();
        if written > 0 {
            let fits = work.allows(written);
            if !fits || !through(rest, &out[..written], work, reader, done) {
                return false;
            }
        }
        // No more output for this input, or the decoder has ended and ignores the rest.
        if (piece.is_empty() && written < out.len()) || (read == 0 && written == 0) {
            return true;
        }
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::recorder::Budget;

    const JSON: &[u8] = br#"{"id":1,"result":{}}"#;

    /// Whether all could be decoded, how many messages there were, and how many documents.
    fn read(coding: &str, body: &[u8], piece: usize) -> (bool, usize) {
        grown(coding, body, piece, Growth::ANSWER)
    }

    fn grown(coding: &str, body: &[u8], piece: usize, growth: Growth) -> (bool, usize) {
        let windows = Budget::new(256 << 20).nothing();
        let codings = Coding::of([coding].into_iter());
        let mut decoder = Decoder::new(&codings, Format::Json, growth, &Keep::default(), windows);
        let mut found = 0;
        for piece in body.chunks(piece) {
            decoder.push(piece, &mut |parts| found += parts.messages.list.len());
        }
        decoder.finish(true, &mut |parts| found += parts.messages.list.len());
        (decoder.is_good(), found)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).expect("written");
        gzip.finish().expect("finished")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(bytes).expect("written");
        zlib.finish().expect("finished")
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        raw.write_all(bytes).expect("written");
        raw.finish().expect("finished")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("encoded")
    }

    /// One uncompressed metablock, then the empty last one.
    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let head = u32::try_from(bytes.len() - 1).expect("short") << 4 | 1 << 20;
        [&head.to_le_bytes()[..3], bytes, &[0x03]].concat()
    }

    /// A gzip member with every part that a header may have.
    fn adorned(bytes: &[u8]) -> Vec<u8> {
        let plain = gzip(bytes);
        let extras = [&[3, 0][..], b"abc", b"name\0", b"comment\0", &[1, 2]].concat();
        [&plain[..3], &[4 | 8 | 16 | 2], &plain[4..10], &extras, &plain[10..]].concat()
    }

    #[test]
    fn every_coding_of_clients_is_decoded_in_any_pieces() {
        let (head, tail) = JSON.split_at(7);
        let bodies = [
            ("identity", JSON.to_vec()),
            ("", JSON.to_vec()),
            ("gzip", gzip(JSON)),
            ("X-GZip", gzip(JSON)),
            ("gzip", adorned(JSON)),
            ("gzip", [gzip(head), gzip(b""), adorned(tail)].concat()),
            ("gzip", [gzip(JSON), b"\0\0\0 trailing garbage".to_vec()].concat()),
            ("gzip", [gzip(JSON), vec![0x1f, 0x8b, 0]].concat()),
            ("deflate", zlib(JSON)),
            ("deflate", raw(JSON)),
            ("deflate", [raw(JSON), b"more".to_vec()].concat()),
            ("zstd", zstd(JSON)),
            ("zstd", [zstd(head), zstd(tail)].concat()),
            ("zstd", [zstd(JSON), b"trailing garbage".to_vec()].concat()),
            ("br", brotli(JSON)),
            ("gzip, br", brotli(&gzip(JSON))),
            (" , GZIP ,identity,, deflate ,", zlib(&gzip(JSON))),
            ("deflate,zstd,gzip,br,x-gzip", gzip(&brotli(&gzip(&zstd(&zlib(JSON)))))),
        ];
        for (coding, body) in bodies {
            for piece in [1, 3, 1_000] {
                assert_eq!(read(coding, &body, piece), (true, 1), "{coding:?} in pieces of {piece}");
            }
        }
        assert!(!read("gzip", b"not gzip at all", 100).0);
        assert!(!read("gzip, br", JSON, 100).0);
        assert!(!read("gzip", &gzip(JSON)[1..], 100).0);
    }

    #[test]
    fn a_wrong_coding_header_hides_nothing() {
        let long = [br#"{"params":{"name":""#.as_slice(), &b"x".repeat(1 << 20), br#""},"method":"m"}"#].concat();
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, br", "rot13", "br, rot13", "br,br,br,br,br,br"] {
            for (body, piece) in [(JSON, 1), (JSON, 3), (JSON, 1_000), (&long, 70_000)] {
                assert_eq!(read(coding, body, piece), (false, 1), "{coding} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_highly_compressed_answer_is_read_and_a_bomb_is_not() {
        let blanks = |length: usize| [&b" ".repeat(length)[..], JSON].concat();
        assert_eq!(read("zstd", &zstd(&blanks(64 << 20)), 1 << 20), (true, 1));
        assert_eq!(read("zstd", &zstd(&blanks(82 << 20)), 1 << 20), (false, 0));
        assert_eq!(grown("zstd", &zstd(&blanks(1 << 20)), 1 << 20, Growth::REQUEST), (true, 1));
        assert_eq!(grown("zstd", &zstd(&blanks(3 << 20)), 1 << 20, Growth::REQUEST), (false, 0), "a stranger's bomb");
        let twice = gzip(&zstd(&blanks(64 << 20)));
        assert!(twice.len() < 10_000 && read("zstd, gzip", &twice, 100) == (true, 1));
    }

    #[test]
    fn without_room_for_its_window_a_body_is_not_decoded() {
        let budget = Budget::new(1 << 20);
        let keep = Keep::default();
        let codings = Coding::of(["zstd"].into_iter());
        let mut decoders: Vec<_> =
            (0..3).map(|_| Decoder::new(&codings, Format::Json, Growth::ANSWER, &keep, budget.nothing())).collect();
        let body = zstd(&[&b" ".repeat(500_000)[..], JSON].concat());
        decoders.iter_mut().for_each(|decoder| decoder.push(&body, &mut |_| {}));
        assert_eq!(decoders.iter().map(Decoder::is_good).collect::<Vec<_>>(), [true, true, false]);
        decoders.remove(0);
        let mut again = Decoder::new(&codings, Format::Json, Growth::ANSWER, &keep, budget.nothing());
        again.push(&body, &mut |_| {});
        assert!(again.is_good() && budget.held() <= 1 << 20);
    }
}
