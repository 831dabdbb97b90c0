//! Masks: secrets in payloads, changes and facts are hidden by name and by pattern, before anything is stored.
//!
//! The floor's masks (`names.rs`, `patterns.rs`) always apply, in addition to the masks that a policy declares. Only
//! the operator's file turns one off. The raw bytes are first searched for anything that the masks could hide. Usually
//! they contain nothing of the kind, and then nothing is parsed.

mod assignments;
mod escapes;
mod json;
mod names;
mod patterns;
mod ranges;
mod text;

use std::sync::{Arc, LazyLock, OnceLock};

use regex::Regex;
use regex_syntax::hir::Hir;

use crate::value::Value;

use self::json::Masker;
use self::names::Secrecy;
use self::patterns::{Prefilter, SIEVE};

/// The replacement for hidden text.
pub const MASKED: &str = "[masked]";

/// The most patterns of one mask, and the longest pattern in bytes.
const PATTERNS: usize = 64;
const PATTERN: usize = 4_096;
/// The most names of one mask, and the longest name in bytes.
const KEYS: usize = 500;
const KEY: usize = 128;
/// The memory that the compiled form of one pattern may take, in bytes, in the steps in which they are tried.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// The same of all patterns of a policy.
pub const ALL_PATTERNS: usize = 4 << 20;
/// The memory that matching a pattern may use, in bytes.
const CACHE: usize = 256 << 10;

/// A named rule for hiding.
#[derive(Clone, Debug)]
pub struct Mask {
    /// Its name in verdicts.
    pub name: String,
    keys: Vec<String>,
    looks: Vec<MaskPattern>,
    /// The most memory that its patterns take.
    size: usize,
}

/// A pattern.
#[derive(Clone, Debug)]
struct MaskPattern {
    pattern: Regex,
    /// Whether only its groups are hidden.
    by_group: bool,
}

impl Mask {
    /// A mask of names and regular expressions.
    ///
    /// # Errors
    /// There are too many, one is too long, a pattern is no regular expression, is too large, or matches where there is
    /// nothing.
    pub fn new(name: String, keys: &[String], patterns: &[String]) -> Result<Self, String> {
        let refuse = |reason: String| format!("mask {name:?}: {reason}");
        if keys.len() > KEYS || patterns.len() > PATTERNS {
            return Err(refuse(format!(
                "it has {} keys and {} patterns; at most {KEYS} and {PATTERNS} are allowed",
                keys.len(),
                patterns.len()
            )));
        }
        if let Some(key) = keys.iter().find(|key| key.len() > KEY || key.trim_matches(['-', '_', '*']).is_empty()) {
            return Err(refuse(format!("a key has 1 to {KEY} bytes, but one has {}", key.len())));
        }
        let (mut looks, mut size) = (Vec::new(), 0);
        for pattern in patterns {
            let (pattern, bytes) = compiled(pattern).map_err(refuse)?;
            looks.push(MaskPattern { pattern, by_group: false });
            size += bytes;
        }
        let plain = |key: &String| {
            // Of the marks of the floor's own list, the contract has the star alone.
            let star = if key.starts_with('*') { "*" } else { "" };
            let name = key.trim_start_matches(['-', '*']).trim_end_matches(names::is_tail).to_lowercase();
            format!("{star}{name}")
        };
        let keys = keys.iter().map(plain).collect();
        Ok(Self { name, keys, looks, size })
    }

    /// The most memory that its patterns take.
    #[doc(hidden)]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The names whose values it hides, in lower case.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The patterns of the texts that it hides.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.looks.iter().map(|look| look.pattern.as_str())
    }

    /// The same mask, which also hides what `other` hides.
    #[doc(hidden)]
    pub fn united(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self.looks.extend(other.looks);
        self.size += other.size;
        self
    }

    /// A mask of the floor.
    fn of_the_floor(name: &str) -> Self {
        let list = |lists: &'static [(&str, &[&str])]| {
            let list = lists.iter().find(|(of, _)| *of == name);
            list.into_iter().flat_map(|(_, list)| list.iter().copied())
        };
        let look = |pattern| {
            // One that does not compile fails the test that counts them.
            let pattern = Regex::new(pattern).ok()?;
            Some(MaskPattern { by_group: pattern.captures_len() > 1, pattern })
        };
        let looks = list(patterns::LISTS).filter_map(look).collect();
        Self { name: name.to_owned(), keys: list(names::LISTS).map(str::to_owned).collect(), looks, size: 0 }
    }
}

/// The pattern, and the most memory that it takes.
fn compiled(pattern: &str) -> Result<(Regex, usize), String> {
    if pattern.len() > PATTERN {
        return Err(format!("a pattern has {} bytes; at most {PATTERN} are allowed", pattern.len()));
    }
    let tree: Hir = regex_syntax::parse(pattern).map_err(|error| error.to_string())?;
    if tree.properties().minimum_len().is_none_or(|least| least == 0) {
        return Err(format!("the pattern {pattern:?} matches an empty text, so it would mask everything"));
    }
    let compile = |size| regex::RegexBuilder::new(pattern).size_limit(size).dfa_size_limit(CACHE).build();
    let mut compiled = SIZES.iter().map(|size| compile(*size).map(|regex| (regex, *size)));
    let last = compiled.find(Result::is_ok).unwrap_or_else(|| compile(0).map(|regex| (regex, 0)));
    last.map_err(|_| format!("the compiled pattern {pattern:?} is larger than {} bytes", SIZES[3]))
}

static FLOOR: LazyLock<Vec<Mask>> =
    LazyLock::new(|| names::LISTS.iter().map(|(name, _)| Mask::of_the_floor(name)).collect());

/// The names of the floor's masks.
pub fn floor() -> impl Iterator<Item = &'static str> {
    names::LISTS.iter().map(|(name, _)| *name)
}

/// All masks to apply: the floor, and a policy's own masks.
#[derive(Clone, Debug)]
pub struct Masks {
    floor: Vec<&'static Mask>,
    own: Vec<Mask>,
    /// Recognises what the floor and all masks of the policy hide; made when it is needed.
    prefilter: OnceLock<Arc<Prefilter>>,
}

impl Masks {
    /// The floor except these masks, and a policy's own masks.
    pub fn new(off: &[String], own: &[Mask]) -> Self {
        let floor = FLOOR.iter().filter(|mask| !off.contains(&mask.name)).collect();
        Self { floor, own: own.to_vec(), prefilter: OnceLock::new() }
    }

    /// Hides secrets in a body: by the floor, and by the policy's masks with these indexes. JSON is masked by name and
    /// by pattern. Text is masked by pattern and by a search for names that needs no parsing, so that a truncated body
    /// is covered too. Returns the masked text and whether anything was hidden.
    ///
    /// Invalid UTF-8 becomes replacement characters: binary data is useless to a reader of the log.
    pub fn body(&self, own: &[usize], bytes: &[u8]) -> (String, bool) {
        self.masker(own.iter().filter_map(|at| self.own.get(*at))).body(bytes)
    }

    /// Hides secrets in a text of an entry, with all masks.
    pub fn text(&self, text: &str) -> (String, bool) {
        self.masker(self.own.iter()).body(text.as_bytes())
    }

    /// Whether a value with this name, or inside a value with a name on this path, is hidden. A number or a boolean is
    /// not hidden where the name also has other meanings.
    pub fn hides(&self, path: &str, is_plain: bool) -> bool {
        let masker = self.masker(self.own.iter());
        let secrecy = path.split('.').filter_map(|name| masker.secrecy(name)).max();
        secrecy.is_some_and(|secrecy| !is_plain || secrecy == Secrecy::Sure)
    }

    /// A value as it may be shown under its name: hidden where the name or the value looks secret.
    pub fn value(&self, name: &str, value: Value) -> Value {
        match value {
            Value::Text(_) if self.hides(name, false) => MASKED.into(),
            Value::Text(text) => Value::Text(self.text(&text).0),
            Value::Integer(_) if self.hides(name, true) => MASKED.into(),
            other => other,
        }
    }

    fn masker<'a>(&'a self, own: impl Iterator<Item = &'a Mask>) -> Masker<'a> {
        let own: Vec<_> = own.filter(|mask| !mask.keys.is_empty() || !mask.looks.is_empty()).collect();
        let prefilter = match own.is_empty() {
            true => &*SIEVE,
            false => self.prefilter.get_or_init(|| Arc::new(Prefilter::new(&self.own))),
        };
        Masker { floor: &self.floor, prefilter: Some(prefilter), own }
    }
}

#[cfg(test)]
mod prefilter_tests;
#[cfg(test)]
mod tests;
