//! Content codings of captured bodies. Only the copy is decoded, and no further than is reasonable.

use std::io::{self, Write};

use super::reader::{Format, Reader};

/// Most decoded bytes of one body: what lies beyond is not read.
const DECODED: usize = 32 << 20;
/// Largest window that a zstd body may ask for, as a power of two; HTTP allows 8 MiB.
const ZSTD_WINDOW: u32 = 23;
const BROTLI_BUFFER: usize = 4_096;

/// A body's content coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// One that is not known, or several on top of each other.
    Other,
}

impl Coding {
    /// The coding that a `Content-Encoding` header names.
    pub(super) fn of(header: &str) -> Self {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Identity,
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => Self::Other,
        }
    }
}

/// How much is kept of a body's beginning as it was on the wire, should it turn out not to be encoded as its header says.
const BEGINNING: usize = 64 << 10;

/// A reader behind a decoder.
pub(super) struct Decoder {
    way: Way,
    format: Format,
    /// The body so far, until that is too much.
    beginning: Option<Vec<u8>>,
}

enum Way {
    Plain(Reader),
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>),
    Zlib(Box<flate2::write::ZlibDecoder<Sink>>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Sink>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>),
    /// Not encoded in a way that is known: read as it is, which may be worth something.
    Raw(Reader),
    /// Nothing can be read any more.
    Blind(Reader),
}

/// Where decoded bytes go.
pub(super) struct Sink {
    reader: Reader,
    left: usize,
}

impl Decoder {
    pub(super) fn new(coding: Coding, format: Format) -> Self {
        let beginning = (coding != Coding::Identity).then(Vec::new);
        Self { way: Way::new(coding, Reader::new(format)), format, beginning }
    }

    /// Takes the next piece as it was on the wire; `false` when it cannot be decoded.
    pub(super) fn push(&mut self, piece: &[u8]) -> bool {
        let fits = |start: &Vec<u8>| start.is_empty() || start.len() + piece.len() <= BEGINNING;
        self.beginning = self.beginning.take().filter(fits);
        if let Some(beginning) = &mut self.beginning {
            beginning.extend_from_slice(piece);
        }
        let good = self.way.push(piece);
        if !good && !matches!(self.way, Way::Raw(_) | Way::Blind(_)) {
            self.give_up();
        }
        good
    }

    /// A lie about the coding must not hide a message that a server reads all the same.
    fn give_up(&mut self) {
        let mut reader = std::mem::take(self.reader());
        let undecoded = self.beginning.take().filter(|_| !reader.found());
        self.way = match undecoded {
            Some(beginning) => {
                reader = Reader::new(self.format);
                reader.push(&beginning);
                Way::Raw(reader)
            }
            None => Way::Blind(reader),
        };
    }

    /// The reader behind the decoder.
    pub(super) fn reader(&mut self) -> &mut Reader {
        self.way.reader()
    }
}

impl Way {
    fn new(coding: Coding, reader: Reader) -> Self {
        let sink = |reader| Sink { reader, left: DECODED };
        match coding {
            Coding::Identity => Self::Plain(reader),
            Coding::Gzip => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(sink(reader)))),
            Coding::Deflate => Self::Zlib(Box::new(flate2::write::ZlibDecoder::new(sink(reader)))),
            Coding::Brotli => {
                let decoder = brotli_decompressor::DecompressorWriter::new(sink(reader), BROTLI_BUFFER);
                Self::Brotli(Box::new(decoder))
            }
            Coding::Zstd => Self::zstd(sink(reader)),
            Coding::Other => Self::Raw(reader),
        }
    }

    fn zstd(sink: Sink) -> Self {
        let Ok(mut decoder) = zstd::stream::raw::Decoder::new() else { return Self::Blind(sink.reader) };
        match decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW)) {
            Ok(()) => Self::Zstd(Box::new(zstd::stream::write::Decoder::with_decoder(sink, decoder))),
            Err(_) => Self::Blind(sink.reader),
        }
    }

    fn push(&mut self, piece: &[u8]) -> bool {
        match self {
            Self::Plain(reader) => {
                reader.push(piece);
                true
            }
            Self::Gzip(decoder) => through(decoder, piece),
            Self::Zlib(decoder) => through(decoder, piece),
            Self::Brotli(decoder) => through(decoder, piece),
            Self::Zstd(decoder) => through(decoder, piece),
            Self::Raw(reader) => {
                reader.push(piece);
                false
            }
            Self::Blind(_) => false,
        }
    }

    fn reader(&mut self) -> &mut Reader {
        match self {
            Self::Plain(reader) | Self::Raw(reader) | Self::Blind(reader) => reader,
            Self::Gzip(decoder) => &mut decoder.get_mut().reader,
            Self::Zlib(decoder) => &mut decoder.get_mut().reader,
            Self::Brotli(decoder) => &mut decoder.get_mut().reader,
            Self::Zstd(decoder) => &mut decoder.get_mut().reader,
        }
    }
}

/// Writes and flushes, so that everything decodable is out.
fn through(decoder: &mut impl Write, piece: &[u8]) -> bool {
    decoder.write_all(piece).and_then(|()| decoder.flush()).is_ok()
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let taken = piece.len().min(self.left);
        if taken == 0 && !piece.is_empty() {
            return Err(io::Error::other("more than is read of one body"));
        }
        self.left -= taken;
        self.reader.push(&piece[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = br#"{"id":1,"result":{}}"#;

    fn read(coding: &str, body: &[u8], piece: usize) -> (bool, usize) {
        let mut decoder = Decoder::new(Coding::of(coding), Format::Json);
        let mut good = true;
        for piece in body.chunks(piece) {
            good &= decoder.push(piece);
        }
        (good, decoder.reader().rest().messages().list.len())
    }

    #[test]
    fn every_coding_is_read_in_any_pieces() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(JSON).expect("written");
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(JSON).expect("written");
        // One uncompressed metablock of 20 bytes, then the empty last one.
        let brotli = [&[0x0c, 0x09, 0x80][..0], &[0x8b, 0x09, 0x80], JSON, &[0x03]].concat();
        let bodies = [
            ("identity", JSON.to_vec()),
            ("gzip", gzip.finish().expect("finished")),
            ("deflate", zlib.finish().expect("finished")),
            ("zstd", zstd::encode_all(JSON, 3).expect("encoded")),
            ("br", brotli),
        ];
        for (coding, body) in bodies {
            for piece in [1, 3, 1_000] {
                assert_eq!(read(coding, &body, piece), (true, 1), "{coding} in pieces of {piece}");
            }
        }
        assert!(!read("gzip", b"not gzip at all", 100).0);
        assert!(!read("gzip, br", JSON, 100).0);
    }

    #[test]
    fn a_lie_about_the_coding_hides_nothing() {
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, br", "rot13"] {
            for piece in [1, 3, 1_000] {
                assert_eq!(read(coding, JSON, piece), (false, 1), "{coding} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::encode_all(&vec![b' '; DECODED + 1][..], 3).expect("encoded");
        assert!(!read("zstd", &bomb, bomb.len()).0);
    }
}
