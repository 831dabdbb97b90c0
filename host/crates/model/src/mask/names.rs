//! The names of secrets: one list for JSON keys, for names in texts, and for the fields of a change.
//!
//! The default policy uses the same list: it includes this file.
//!
//! Case, `-` and `_` and digits at the end of a name are ignored: `api_key` is `apiKey`, `API-Key` and `API_KEY_2`. A
//! name of five letters or more also hides longer names that end with it: `token` also hides `access_token`. A shorter
//! name must match completely, unless it is marked: `*` at the beginning also matches the end of a longer name, `-`
//! also its last word (`pass` matches `DB_PASS` and `smtpPass`, and not `bypass`).

/// Names, by their mask.
pub(crate) const LISTS: &[(&str, &[&str])] = &[("passwords", PASSWORDS), ("tokens", TOKENS), ("keys", KEYS)];

const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "*pwd",
    "passphrase",
    "passcode",
    "password_confirmation",
    "-pass",
    "pin",
    "otp",
    "totp",
    "mfa_code",
];
const TOKENS: &[&str] = &[
    "token",
    "jwt",
    "assertion",
    "authorization",
    "cookie",
    "session_id",
    "sid",
    "code_verifier",
    "authorization_code",
    "device_code",
    // Signatures in addresses, which grant access to anyone with the address.
    "sig",
    "amz_signature",
    "goog_signature",
];
const KEYS: &[&str] = &[
    "secret",
    "api_key",
    "access_key",
    "account_key",
    "subscription_key",
    "master_key",
    "secret_key",
    "private_key",
    "signing_key",
    "encryption_key",
    "service_account_key",
    "credential",
    "credentials",
];

/// MCP's own token that is not secret: it links progress to its call.
const PROGRESS_TOKEN: &str = "progresstoken";
/// The shortest name that also matches the end of longer names.
pub(crate) const WORD: usize = 5;
/// Environment variables that end with `_KEY` but hold no secret.
const OPEN_KEYS: &[&str] = &["PUBLIC", "PRIMARY", "FOREIGN", "SORT", "PARTITION", "HASH", "RANGE", "CACHE", "UNIQUE"];

/// The values that a name marks as secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Secrecy {
    /// Any value except numbers and booleans: `pass: 12`, `max_tokens: 4096`.
    Likely,
    /// Any value.
    Sure,
}

/// Whether `key`, in the spelling of the list, hides a value with this `name`.
pub(crate) fn hides(key: &str, name: &str) -> Option<Secrecy> {
    if matches(key, name) {
        // Names of so few letters, and plurals, are of other things as well.
        return Some(if key == "sig" || key == "-pass" { Secrecy::Likely } else { Secrecy::Sure });
    }
    let singular = name.trim_end_matches(|last: char| last.is_ascii_digit()).strip_suffix(['s', 'S']);
    singular.is_some_and(|singular| key.len() >= WORD && matches(key, singular)).then_some(Secrecy::Likely)
}

/// Whether a key of the mask, or of any mask, hides a value with this `name`.
pub(crate) fn secrecy<'a>(name: &str, keys: impl IntoIterator<Item = &'a str>) -> Option<Secrecy> {
    // Most names end differently from every listed name and need no closer look; list items have numbers for names.
    let last = end(name)?;
    if letters(name).eq(PROGRESS_TOKEN.chars().rev()) {
        return None;
    }
    let plural = name.trim_end_matches(is_tail).strip_suffix(['s', 'S']).and_then(end);
    let may_hide = |key: &&'a str| match key.as_bytes().last() {
        Some(end) if end.is_ascii() && last.is_ascii() => *end == last || Some(*end) == plural,
        _ => true,
    };
    keys.into_iter().filter(may_hide).filter_map(|key| hides(key, name)).max()
}

/// The last letter in lower case, without separators and digits.
fn end(name: &str) -> Option<u8> {
    name.trim_end_matches(is_tail).bytes().last().map(|last| last.to_ascii_lowercase())
}

pub(super) fn is_tail(letter: char) -> bool {
    letter.is_ascii_digit() || is_joint(letter)
}

/// Whether this is a variable of an environment that holds a key: `STRIPE_KEY`.
pub(crate) fn is_key_of_environment(name: &str) -> bool {
    let name = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    let is_variable = name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let before = name.strip_suffix("_KEY").filter(|_| is_variable);
    before
        .and_then(|before| before.rsplit('_').next())
        .is_some_and(|word| !word.is_empty() && !OPEN_KEYS.contains(&word))
}

fn matches(key: &str, name: &str) -> bool {
    match key.strip_prefix('-') {
        Some(word) => last_word(name).eq_ignore_ascii_case(word),
        None => ends(key, name),
    }
}

/// Compares from the end without allocating, because there are many keys and each is compared with all names.
fn ends(key: &str, name: &str) -> bool {
    let (anywhere, key) = key.strip_prefix('*').map_or((false, key), |key| (true, key));
    let mut rest = letters(name);
    let mut length = 0;
    for letter in key.chars().rev().filter(|letter| !is_joint(*letter)) {
        if rest.next() != Some(letter) {
            return false;
        }
        length += 1;
    }
    length > 0 && (anywhere || length >= WORD || rest.next().is_none())
}

/// The letters from the last to the first, in lower case, without separators and without digits at the end.
fn letters(name: &str) -> impl Iterator<Item = char> {
    let folded = name.chars().rev().filter(|letter| !is_joint(*letter));
    folded.skip_while(char::is_ascii_digit).flat_map(|letter| letter.to_lowercase().rev())
}

/// The part after the last separator or capital letter.
fn last_word(name: &str) -> &str {
    let name = name.trim_end_matches(is_tail);
    let mut start = 0;
    let mut before = ' ';
    for (at, letter) in name.char_indices() {
        if is_joint(letter) || letter == '.' {
            start = at + letter.len_utf8();
        } else if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            start = at;
        }
        before = letter;
    }
    name.get(start..).unwrap_or_default()
}

fn is_joint(letter: char) -> bool {
    matches!(letter, '-' | '_')
}
