//! A quick search of raw bytes for anything that the floor could hide.
//!
//! One automaton over all names and patterns, so that a body without any of them, which is the usual case, is read once
//! and not parsed. It may find too much, and must never find too little.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::{looks, names};

pub(super) static SIEVE: LazyLock<Sieve> = LazyLock::new(Sieve::new);

pub(super) struct Sieve(Option<Regex>);

impl Sieve {
    fn new() -> Self {
        let names = names::LISTS.iter().flat_map(|(_, keys)| keys.iter().copied());
        let mut signs: Vec<_> = names.map(sign).collect();
        signs.extend(looks::SIGNS.iter().map(|sign| (*sign).to_owned()));
        // Letters in numeric escapes may be anything.
        signs.push(r"\\u00".to_owned());
        // `STRIPE_KEY`.
        signs.push(r"(?-i:_KEY)[0-9_]*(?:[^a-z]|$)".to_owned());
        let pattern = signs.join("|");
        // Without it every text is masked in full, which is only slower; a test checks that it exists.
        Self(RegexBuilder::new(&pattern).unicode(false).case_insensitive(true).build().ok())
    }

    #[cfg(test)]
    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there may be something to hide.
    pub(super) fn finds(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|sieve| sieve.is_match(bytes))
    }
}

/// The spellings of a name: its letters, with separators between them. A space counts too: `API key: …`.
fn sign(key: &str) -> String {
    // The Kelvin sign is a k in lower case.
    let letter = |letter: char| if letter == 'k' { r"(?:k|\xe2\x84\xaa)".to_owned() } else { letter.to_string() };
    let name = key.trim_start_matches(['*', '-']);
    let letters: Vec<_> = name.chars().filter(|letter| !matches!(letter, '-' | '_')).map(letter).collect();
    let stem = letters.join("[-_ ]*");
    let is_short = letters.len() < 5 && !key.starts_with('*');
    if !is_short {
        return stem;
    }
    // A short one must be separate; a letter before it may belong to an escape, such as the n of a line feed.
    let alone = format!(r"(?:^|[^a-z]|\\[nrtbf]){stem}");
    let (first, rest) = name.split_at(1);
    let hump = format!(r"(?-i:[a-z]{}){rest}", first.to_uppercase());
    let either = if key.starts_with('-') { format!("(?:{alone}|{hump})") } else { alone };
    format!("{either}[-_0-9]*(?:[^a-z]|$)")
}
