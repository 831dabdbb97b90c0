//! Values that look like secrets under any name, and a quick search of raw bytes for anything that the masks could hide.
//!
//! If a pattern has a group, only the group is hidden, else the whole match. Hiding too much costs a reader a guess,
//! hiding too little may cost an account; so the patterns prefer to hide.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::{Mask, escapes, names};

/// Patterns by mask, and the text that must occur for any of them to match, in the original text.
pub(super) const LISTS: &[(&str, &[&str])] = &[
    ("passwords", &[URL_PASSWORD, CURL, SENTENCE]),
    ("tokens", &[BEARER, BASIC, AUTHORIZATION, COOKIE, JWT]),
    ("keys", &[OWN, SK, GITHUB, GITHUB_FINE, GITLAB, AWS, GOOGLE, SLACK, STRIPE, PEM]),
];

/// Each text that matches a pattern or contains a listed name contains one of these; JSON escapes of letters (`\u0070`)
/// aside. Written for bytes; case-insensitive unless marked otherwise.
pub(super) const SIGNS: &[&str] = &[
    r":\\*/\\*/[^/ @]+@",
    r"curl",
    r"bearer",
    r"basic(?:[ \t]|\\+t)+(?:\\*[a-z0-9+/]){6}",
    r"(?-i:eyJ)[a-z0-9_-]{6}",
    r"(?-i:mcpa_)",
    r"(?-i:sk-)[a-z0-9_-]{16}",
    r"(?-i:gh[oprsu]_)[a-z0-9]{20}",
    r"(?-i:github_pat_)",
    r"(?-i:glpat-)",
    r"(?-i:AKIA|ASIA)",
    r"(?-i:AIza)",
    r"(?-i:xox[abeoprs]-)",
    r"(?-i:[rs]k_(?:live|test)_)",
    r"(?-i:PRIVATE KEY-----)",
];

/// `postgres://user:password@host`, and a token instead of both.
const URL_PASSWORD: &str = r"://(?:[^/\s:@]*:[^/\s@]+|[^/\s:@]{16,})@";
/// `curl -u user:password …`, on one line.
const CURL: &str = r#"(?-u:\b)curl(?-u:\b)[^\r\n]*?[ \t](?:-u|--user|-U|--proxy-user)[ =]?["']?([^\s:"']+:[^\s"']+)"#;
/// `the password is hunter2`: a word with a digit in it, or one in quotes.
const SENTENCE: &str = r#"(?i)(?:password|passphrase|passcode)[ \t]+(?:is|was)[ \t]*:?[ \t]*(?:\\*["'`]([^"'`\r\n\\]{4,})|([^\s"'`,;]*[a-z][^\s"'`,;]*[0-9][^\s"'`,;]*|[^\s"'`,;]*[0-9][^\s"'`,;]*[a-z][^\s"'`,;]*))"#;
const BASIC: &str = r"(?i)(?-u:\b)basic[ \t]+([A-Za-z0-9+/]{6,}={1,2})";
const BEARER: &str = r"(?i)(?-u:\b)bearer\s+([A-Za-z0-9._~+/=-]{6,})";
const AUTHORIZATION: &str = r"(?i)(?-u:\b)(?:proxy-)?authorization\s*:\s*([^\r\n]+)";
/// `Cookie: name=value; …` and `Set-Cookie: …`.
const COOKIE: &str = r"(?i)(?-u:\b)cookie2?[ \t]*:[ \t]*([^\s=;,]+=[^\r\n]+)";
const JWT: &str = r"(?-u:\b)eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*";
/// A token of the log itself.
const OWN: &str = r"(?-u:\b)mcpa_[A-Za-z0-9_-]{20,}";
const SK: &str = r"(?-u:\b)sk-[A-Za-z0-9_-]{16,}";
const GITHUB: &str = r"(?-u:\b)gh[oprsu]_[A-Za-z0-9]{20,}";
const GITHUB_FINE: &str = r"(?-u:\b)github_pat_[A-Za-z0-9_]{20,}";
const GITLAB: &str = r"(?-u:\b)glpat-[A-Za-z0-9_-]{16,}";
const AWS: &str = r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)";
const GOOGLE: &str = r"(?-u:\b)AIza[A-Za-z0-9_-]{30,}";
const SLACK: &str = r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}";
const STRIPE: &str = r"(?-u:\b)[rs]k_(?:live|test)_[A-Za-z0-9]{10,}";
/// Also a truncated one.
const PEM: &str = r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)";

/// Recognises what the floor hides.
pub(super) static SIEVE: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(&[]));

/// Recognises bodies and texts in which there may be something to hide, in one pass over their bytes.
#[derive(Debug)]
pub(super) struct Prefilter(Option<Regex>);

impl Prefilter {
    /// Recognises what the floor and these masks hide.
    pub(super) fn new(own: &[Mask]) -> Self {
        Self(Self::compiled(own))
    }

    /// `None` where there is no such expression: then every text is masked in full, which is only slower.
    fn compiled(own: &[Mask]) -> Option<Regex> {
        let names = names::LISTS.iter().flat_map(|(_, keys)| keys.iter().copied());
        let mut signs: Vec<_> = names.map(sign).collect();
        signs.extend(SIGNS.iter().map(|sign| (*sign).to_owned()));
        // Letters in numeric escapes may be anything; the Kelvin sign is a k.
        signs.push(r"\\u(?:00|212a)".to_owned());
        // `STRIPE_KEY`.
        signs.push(r"(?-i:_KEY)[0-9_]*(?:[^a-z]|$)".to_owned());
        for key in own.iter().flat_map(|mask| &mask.keys) {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | ' ');
            if !key.trim_start_matches('*').chars().all(is_plain) {
                return None;
            }
            signs.push(sign(key));
        }
        for look in own.iter().flat_map(|mask| &mask.looks) {
            let written = escapes::in_json(regex_syntax::parse(look.pattern.as_str()).ok()?);
            signs.push(format!("(?u-i:{written})"));
        }
        let mut builder = RegexBuilder::new(&signs.join("|"));
        builder.unicode(false).case_insensitive(true).size_limit(SIZE).dfa_size_limit(CACHE).build().ok()
    }

    #[cfg(test)]
    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there may be something to hide.
    pub(super) fn finds(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|prefilter| prefilter.is_match(bytes))
    }
}

/// The memory that the compiled form of all masks may take, and that matching it may use, in bytes.
const SIZE: usize = 8 << 20;
const CACHE: usize = 4 << 20;

/// The spellings of a name: its letters, with separators between them. A space counts too: `API key: …`.
fn sign(key: &str) -> String {
    // The Kelvin sign is a k in lower case.
    let letter = |letter: char| match letter {
        'k' => r"(?:k|\xe2\x84\xaa)".to_owned(),
        letter => regex::escape(letter.encode_utf8(&mut [0; 4])),
    };
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
    let plural = if key.len() >= names::WORD { "s?" } else { "" };
    format!("{either}{plural}[-_0-9]*(?:[^a-z]|$)")
}
