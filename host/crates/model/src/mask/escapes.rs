//! Patterns as they may be written in JSON, so that raw bytes can be searched for what a pattern would hide in the texts.
//!
//! The result matches wherever the pattern matches in a text that was read out of the bytes, however deep in JSON within
//! JSON, and in more places. A text in which it matches nothing needs no closer look.

use std::sync::LazyLock;

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};

/// A short escape, after as many backslashes as the depth needs.
static SHORT: LazyLock<Hir> = LazyLock::new(|| parsed(r#"\\+[nrtbf"/\\]"#));
/// A letter that is not ASCII. It may take two escapes. Of an ASCII letter, a numeric escape is another sign already.
static NUMERIC: LazyLock<Hir> = LazyLock::new(|| parsed(r"\\+u[0-9a-fA-F]{4}(?:\\+u[0-9a-fA-F]{4})?"));
/// What a space may stand for in a truncated body, of whose line feeds the letter counts as one.
static LETTER: LazyLock<Hir> = LazyLock::new(|| parsed("[nrt]"));

fn parsed(pattern: &str) -> Hir {
    // A pattern that were none would match everywhere, which is only slower.
    regex_syntax::parse(pattern).unwrap_or_else(|_| Hir::empty())
}

/// What a pattern matches, and what the same texts are in JSON. Word boundaries and anchors are left out: an escape ends
/// with a letter, which would change them.
pub(super) fn in_json(pattern: Hir) -> Hir {
    let each = |parts: Vec<Hir>| parts.into_iter().map(in_json).collect::<Vec<_>>();
    match pattern.into_kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) if text.chars().any(may_be_escaped) => {
                let letter = |letter| class(ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]));
                Hir::concat(text.chars().map(letter).collect())
            }
            _ => Hir::literal(literal.0),
        },
        HirKind::Class(Class::Unicode(letters)) => class(letters),
        HirKind::Class(Class::Bytes(bytes)) => match bytes.to_unicode_class() {
            Some(letters) => class(letters),
            None => Hir::class(Class::Bytes(bytes)),
        },
        HirKind::Repetition(Repetition { min, max, greedy, sub }) => {
            Hir::repetition(Repetition { min, max, greedy, sub: Box::new(in_json(*sub)) })
        }
        HirKind::Capture(capture) => in_json(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(each(parts)),
        HirKind::Alternation(parts) => Hir::alternation(each(parts)),
    }
}

fn may_be_escaped(letter: char) -> bool {
    letter <= ' ' || matches!(letter, '"' | '\\' | '/') || !letter.is_ascii()
}

fn class(letters: ClassUnicode) -> Hir {
    let has = |from: char, to: char| letters.iter().any(|range| range.start() <= to && from <= range.end());
    let mut written = Vec::new();
    if ['"', '\\', '/'].into_iter().any(|letter| has(letter, letter)) || has('\0', '\x1f') {
        written.push(SHORT.clone());
    }
    if has('\u{80}', char::MAX) {
        written.push(NUMERIC.clone());
    }
    if has(' ', ' ') {
        written.push(LETTER.clone());
    }
    if has(char::REPLACEMENT_CHARACTER, char::REPLACEMENT_CHARACTER) {
        // Bytes that are no UTF-8 become one such character for at most three of them.
        let byte = Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(0x80, 0xff)])));
        written.push(Hir::repetition(Repetition { min: 1, max: Some(3), greedy: true, sub: Box::new(byte) }));
    }
    written.push(Hir::class(Class::Unicode(letters)));
    Hir::alternation(written)
}
