//! An incremental JSON reader, fed in pieces of any size. It extracts the requested values and skips the rest. A
//! document of 64 MB, or one nested 100,000 levels deep, takes no more memory than a small one.
//!
//! It also accepts some invalid JSON that servers send: extra commas, invalid UTF-8. It stops where it understands
//! nothing more; values that it extracted before stay.

use std::hash::{DefaultHasher, Hasher};

use memchr::memchr2;

/// The longest key that is compared, in its raw form. No key of interest is longer.
const KEY: usize = 4_096;

/// Receives the parsed values. A place is an object or an array that was entered.
pub(crate) trait Reading {
    type Place: Copy;
    type Field: Copy;

    /// How to read a document that begins with this byte; `None` if no document begins with it.
    fn document(&mut self, first: u8) -> Option<Take<Self::Place, Self::Field>>;
    /// How to read the value of this key.
    fn member(&mut self, place: Self::Place, key: String) -> Take<Self::Place, Self::Field>;
    /// How to read an element of this array.
    fn element(&mut self, place: Self::Place) -> Take<Self::Place, Self::Field>;
    /// Whether this place is an array.
    fn is_array(place: Self::Place) -> bool;
    /// An object or array is entered, or was read to its end.
    fn entered(&mut self, place: Self::Place);
    fn left(&mut self, place: Self::Place);
    /// A requested value in its raw form; `None` if it is too long.
    fn value(&mut self, field: Self::Field, raw: Option<&[u8]>, sum: u64);
}

/// How to read a value: enter it if it is an object or array of the right kind; else copy it if it is short enough;
/// else skip it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<P, F> {
    pub(crate) inside: Option<P>,
    pub(crate) field: Option<(F, usize)>,
}

impl<P, F> Take<P, F> {
    pub(crate) const NOTHING: Self = Self { inside: None, field: None };

    pub(crate) fn inside(place: P) -> Self {
        Self { inside: Some(place), field: None }
    }

    pub(crate) fn field(field: F, longest: usize) -> Self {
        Self { inside: None, field: Some((field, longest)) }
    }
}

/// The state of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a document; the number of bytes of a byte order mark seen so far.
    Top(usize),
    /// Before a key, or the end of the object.
    Member,
    Key,
    Colon,
    /// Before an element, or the end of the array.
    Element,
    Value,
    Text,
    /// A number or a literal.
    Scalar,
    /// Between skipped brackets, and in a text there.
    Deep,
    DeepText,
    /// After the last document.
    After,
    /// The rest of the document cannot be understood.
    Broken,
}

/// The state of a reader.
#[derive(Debug)]
pub(crate) struct Lexer<R: Reading> {
    state: State,
    open: Vec<R::Place>,
    take: Take<R::Place, R::Field>,
    /// The number of open brackets that are skipped. They are counted, not matched, which takes no memory.
    depth: u64,
    /// Whether the last byte of a text was a backslash.
    escaped: bool,
    /// The value that is being copied, as far as it fits, and a checksum of all of it.
    raw: Vec<u8>,
    too_long: bool,
    sum: DefaultHasher,
    /// Whether a document was read to its end, and none is open.
    whole: bool,
}

impl<R: Reading> Default for Lexer<R> {
    fn default() -> Self {
        Self {
            state: State::Top(0),
            open: Vec::new(),
            take: Take::NOTHING,
            depth: 0,
            escaped: false,
            raw: Vec::new(),
            too_long: false,
            sum: DefaultHasher::new(),
            whole: false,
        }
    }
}

impl<R: Reading> Lexer<R> {
    /// Whether a document was read to its end, and none is open.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Takes the next step over `piece` and returns how many bytes it consumed. Each bracket of an entered place is a
    /// separate step.
    pub(crate) fn step(&mut self, piece: &[u8], reading: &mut R) -> usize {
        match self.state {
            State::Broken | State::After => piece.len(),
            State::Key | State::Text | State::DeepText => self.text(piece, reading),
            State::Scalar => self.scalar(piece, reading),
            State::Deep => self.deep(piece, reading),
            _ => self.between(piece, reading),
        }
    }

    /// Between values: whitespace, and one byte that decides what follows.
    fn between(&mut self, piece: &[u8], reading: &mut R) -> usize {
        let blanks = piece.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        let Some(byte) = piece.get(blanks).filter(|_| blanks == 0).copied() else { return blanks };
        match (self.state, byte) {
            (State::Top(seen), _) => return self.top(byte, seen, reading),
            (State::Member | State::Element, b',') => {}
            (State::Member, b'}') | (State::Element, b']') => self.close(reading),
            (State::Member, b'"') => self.begin(State::Key),
            (State::Colon, b':') => self.state = State::Value,
            (State::Element, _) => {
                self.take = self.open.last().map_or(Take::NOTHING, |place| reading.element(*place));
                self.state = State::Value;
                return 0;
            }
            (State::Value, b'{' | b'[') => self.open(byte, reading),
            (State::Value, b'"') => {
                self.begin(State::Text);
                self.keep(b"\"");
            }
            (State::Value, b'}' | b']' | b',' | b':') => self.state = State::Broken,
            (State::Value, byte) if byte.is_ascii_whitespace() => self.state = State::Broken,
            (State::Value, _) => {
                self.begin(State::Scalar);
                return 0;
            }
            _ => self.state = State::Broken,
        }
        1
    }

    /// The beginning of a document. A byte order mark is ignored.
    fn top(&mut self, byte: u8, seen: usize, reading: &mut R) -> usize {
        const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        if !self.whole && MARK.get(seen) == Some(&byte) {
            self.state = State::Top(seen + 1);
            return 1;
        }
        let take = if matches!(seen, 1 | 2) { None } else { reading.document(byte) };
        // Invalid text after a complete document does not invalidate it.
        let nonsense = if self.whole { State::After } else { State::Broken };
        self.whole &= take.is_none();
        self.state = take.map_or(nonsense, |_| State::Value);
        self.take = take.unwrap_or(Take::NOTHING);
        0
    }

    fn open(&mut self, bracket: u8, reading: &mut R) {
        match self.take.inside.filter(|place| R::is_array(*place) == (bracket == b'[')) {
            Some(place) => {
                self.open.push(place);
                self.state = if bracket == b'[' { State::Element } else { State::Member };
                reading.entered(place);
            }
            None => {
                self.begin(State::Deep);
                self.depth = 1;
                self.keep(&[bracket]);
            }
        }
    }

    fn close(&mut self, reading: &mut R) {
        if let Some(place) = self.open.pop() {
            reading.left(place);
        }
        self.go_on();
    }

    /// A value is over.
    fn go_on(&mut self) {
        self.state = match self.open.last() {
            Some(place) if R::is_array(*place) => State::Element,
            Some(_) => State::Member,
            None => State::Top(0),
        };
        self.whole |= self.open.is_empty();
    }

    /// A text, up to its quote.
    fn text(&mut self, piece: &[u8], reading: &mut R) -> usize {
        let mut at = usize::from(std::mem::take(&mut self.escaped)).min(piece.len());
        let ended = loop {
            let Some(found) = piece.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) else { break false };
            at += found + 1;
            if piece[at - 1] == b'"' {
                break true;
            }
            self.escaped = at == piece.len();
            at = (at + 1).min(piece.len());
        };
        let at = if ended { at } else { piece.len() };
        match (self.state, ended) {
            (State::Key, _) => {
                self.keep_key(&piece[..at - usize::from(ended)]);
                if ended {
                    self.key(reading);
                }
            }
            (_, ended) => {
                self.keep(&piece[..at]);
                match (self.state, ended) {
                    (State::DeepText, true) => self.state = State::Deep,
                    (_, true) => self.taken(reading),
                    (_, false) => {}
                }
            }
        }
        at
    }

    fn key(&mut self, reading: &mut R) {
        let key = if self.too_long { None } else { Some(unescape(&self.raw)) };
        self.take = match (self.open.last(), key) {
            (Some(place), Some(key)) => reading.member(*place, key),
            _ => Take::NOTHING,
        };
        self.state = State::Colon;
    }

    /// Reads a number or a literal up to its end. One that reaches the end of the document may be truncated, so it does
    /// not count.
    fn scalar(&mut self, piece: &[u8], reading: &mut R) -> usize {
        let ends =
            |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']' | b'{' | b'[' | b'"') || byte.is_ascii_whitespace();
        let end = piece.iter().position(ends);
        let at = end.unwrap_or(piece.len());
        self.keep(&piece[..at]);
        if end.is_some() {
            self.taken(reading);
        }
        at
    }

    /// Skips the content of brackets.
    fn deep(&mut self, piece: &[u8], reading: &mut R) -> usize {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                b'"' => {
                    self.state = State::DeepText;
                    self.keep(&piece[..=at]);
                    return at + 1;
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 1 => {
                    self.keep(&piece[..=at]);
                    self.taken(reading);
                    return at + 1;
                }
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
        }
        self.keep(piece);
        piece.len()
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.raw.clear();
        self.too_long = false;
        if self.take.field.is_some() {
            self.sum = DefaultHasher::new();
        }
    }

    fn keep_key(&mut self, bytes: &[u8]) {
        self.too_long |= self.raw.len() + bytes.len() > KEY;
        if !self.too_long {
            self.raw.extend_from_slice(bytes);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let Some((_, longest)) = self.take.field else { return };
        self.sum.write(bytes);
        self.too_long |= self.raw.len() + bytes.len() > longest;
        if !self.too_long {
            self.raw.extend_from_slice(bytes);
        }
    }

    /// A value is read to its end.
    fn taken(&mut self, reading: &mut R) {
        if let Some((field, _)) = self.take.field.take() {
            reading.value(field, Some(self.raw.as_slice()).filter(|_| !self.too_long), self.sum.finish());
        }
        self.go_on();
    }
}

/// The text of a string between its quotes. Invalid UTF-8 and invalid escapes stay visible, so that they cannot hide a
/// name.
pub(crate) fn unescape(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return text.into_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned())
}

/// The text between the quotes.
pub(crate) fn text(raw: &[u8]) -> Option<String> {
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).map(unescape)
}

#[cfg(test)]
mod tests;
