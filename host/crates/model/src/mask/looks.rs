//! Values that look like secrets under any name: the patterns of the floor, by their mask.
//!
//! If a pattern has a group, only the group is hidden, else the whole match. Hiding too much costs a reader a guess,
//! hiding too little may cost an account; so the patterns prefer to hide.

/// Patterns by mask, and by what must be there, in the text as it was sent, for any of them to match.
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
    r"basic(?:[ \t]|\\t)+[a-z0-9+/]{6}",
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
