//! The decoders. Each accepts everything that curl, browsers and Node accept.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Operation};

use super::decode::Coding;

/// Largest window that a zstd body may ask for, as a power of two; HTTP allows 8 MiB.
const ZSTD_WINDOW: u32 = 23;

/// The decoder of one content coding, with its state.
pub(crate) enum Stage {
    Gzip(Box<Gzip>),
    Deflate(Box<Deflate>),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(Box<Zstd>),
}

impl Stage {
    /// `None` for an unknown coding.
    pub(crate) fn new(coding: Coding) -> Option<Self> {
        Some(match coding {
            Coding::Gzip => Self::Gzip(Box::default()),
            Coding::Deflate => Self::Deflate(Box::default()),
            Coding::Brotli => Self::Brotli(Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new().ok()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW)).ok()?;
                Self::Zstd(Box::new(Zstd { decoder, frames: 0, ended: false }))
            }
            Coding::Other => return None,
        })
    }

    /// The most bytes of its window.
    pub(crate) fn window(&self) -> u64 {
        match self {
            Self::Gzip(_) | Self::Deflate(_) => 32 << 10,
            Self::Brotli(_) => 16 << 20,
            Self::Zstd(_) => 1 << ZSTD_WINDOW,
        }
    }

    /// Decodes from `input` into `output`; returns the number of bytes read and written, and `None` if the input cannot
    /// be decoded.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Deflate(deflate) => deflate.step(input, output),
            Self::Brotli(state) => brotli(state, input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }
}

fn brotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &[u8],
    output: &mut [u8],
) -> Option<(usize, usize)> {
    let (mut input_left, mut read, mut output_left, mut written) = (input.len(), 0, output.len(), 0);
    let result = BrotliDecompressStream(
        &mut input_left,
        &mut read,
        input,
        &mut output_left,
        &mut written,
        output,
        &mut 0,
        state,
    );
    (!matches!(result, BrotliResult::ResultFailure) || written > 0).then_some((read, written))
}

/// Consecutive frames; bytes after a complete one that are not a frame are ignored.
pub(crate) struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    frames: u64,
    ended: bool,
}

impl Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        if self.ended {
            return Some((input.len(), 0));
        }
        match self.decoder.run_on_buffers(input, output) {
            Ok(status) => {
                self.frames += u64::from(status.remaining == 0);
                Some((status.bytes_read, status.bytes_written))
            }
            Err(_) if self.frames > 0 => {
                self.ended = true;
                Some((input.len(), 0))
            }
            Err(_) => None,
        }
    }
}

/// Deflate. Some servers send it with zlib's header, as required, and some without.
#[derive(Default)]
pub(crate) struct Deflate {
    inflate: Option<Decompress>,
    /// The first byte, until the second one arrives: together they may be a header.
    first: Option<u8>,
    ended: bool,
}

impl Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        let Some(next) = input.first().copied() else { return self.run(input, output) };
        if self.inflate.is_none() {
            let Some(first) = self.first else {
                self.first = Some(next);
                return Some((1, 0));
            };
            let has_header = first & 0x0f == 8 && u16::from_be_bytes([first, next]).is_multiple_of(31);
            self.inflate = Some(Decompress::new(has_header));
            let (_, written) = self.run(&[first], output)?;
            let (read, more) = self.run(input, output.get_mut(written..)?)?;
            return Some((read, written + more));
        }
        self.run(input, output)
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        match &mut self.inflate {
            Some(inflate) if !self.ended => inflated(inflate, &mut self.ended, input, output),
            _ => Some((input.len(), 0)),
        }
    }
}

fn inflated(inflate: &mut Decompress, ended: &mut bool, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None);
    let read = usize::try_from(inflate.total_in() - read).ok()?;
    let written = usize::try_from(inflate.total_out() - written).ok()?;
    match status {
        Ok(Status::StreamEnd) => *ended = true,
        Ok(Status::Ok | Status::BufError) => {}
        Err(_) if written > 0 => {}
        Err(_) => return None,
    }
    Some((read, written))
}

/// Gzip: consecutive members; bytes after a complete one that are not a member are ignored. Checksums are ignored, as
/// in browsers.
#[derive(Default)]
pub(crate) struct Gzip {
    place: Place,
    /// The number of bytes seen of the current part of the header or trailer.
    seen: usize,
    flags: u8,
    /// The length of the extra field.
    extra: usize,
    inflate: Option<Decompress>,
    members: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Checksum,
    Body,
    Trailer,
    Ended,
}

impl Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        let mut read = 0;
        while !matches!(self.place, Place::Body | Place::Ended) {
            let Some(byte) = input.get(read) else { return Some((read, 0)) };
            match self.header(*byte) {
                Some(()) => read += 1,
                None if self.members > 0 => self.place = Place::Ended,
                None => return None,
            }
        }
        if self.place == Place::Ended {
            return Some((input.len(), 0));
        }
        let (inflate, mut ended) = (self.inflate.get_or_insert_with(|| Decompress::new(false)), false);
        let (more, written) = inflated(inflate, &mut ended, input.get(read..)?, output)?;
        if ended {
            self.inflate = None;
            self.members += 1;
            self.go(Place::Trailer);
        }
        Some((read + more, written))
    }

    /// One byte of a header or trailer; `None` if it is invalid.
    fn header(&mut self, byte: u8) -> Option<()> {
        let at = self.seen;
        self.seen += 1;
        match (self.place, at) {
            (Place::Fixed, 0) if byte != 0x1f => return None,
            (Place::Fixed, 1) if byte != 0x8b => return None,
            (Place::Fixed, 2) if byte != 8 => return None,
            (Place::Fixed, 3) => self.flags = byte,
            (Place::Fixed, 9) => self.next(),
            (Place::ExtraLength, 0) => self.extra = byte.into(),
            (Place::ExtraLength, _) => {
                self.extra |= usize::from(byte) << 8;
                match self.extra {
                    0 => self.next_after(Place::Extra),
                    _ => self.go(Place::Extra),
                }
            }
            (Place::Extra, at) if at + 1 >= self.extra => self.next(),
            (Place::Name | Place::Comment, _) if byte == 0 => self.next(),
            (Place::Checksum, 1) => self.next(),
            (Place::Trailer, 7) => self.go(Place::Fixed),
            _ => {}
        }
        Some(())
    }

    /// The next part after the current one.
    fn next(&mut self) {
        self.next_after(self.place);
    }

    fn next_after(&mut self, place: Place) {
        let parts = [(Place::ExtraLength, 4), (Place::Name, 8), (Place::Comment, 16), (Place::Checksum, 2)];
        let behind = match place {
            Place::Fixed => 0,
            Place::ExtraLength | Place::Extra => 1,
            Place::Name => 2,
            Place::Comment => 3,
            _ => 4,
        };
        let next = parts.iter().skip(behind).find(|(_, flag)| self.flags & flag != 0);
        self.go(next.map_or(Place::Body, |(place, _)| *place));
    }

    fn go(&mut self, place: Place) {
        (self.place, self.seen) = (place, 0);
    }
}
