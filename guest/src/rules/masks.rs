//! The masks: which parts of a payload are never stored, even where payloads are. The host applies them.
//!
//! Hiding too much costs a reader a guess, hiding too little costs somebody an account; so these err on hiding.

use crate::contract::Mask;

/// A line of the table: what a mask hides by JSON key, and what by its looks.
struct Rule {
    name: &'static str,
    keys: &'static [&'static str],
    patterns: &'static [&'static str],
}

const MASKS: &[Rule] = &[
    Rule { name: "passwords", keys: PASSWORDS, patterns: &[ASSIGNMENT, OPTION, ELEMENT, URL_PASSWORD] },
    Rule { name: "tokens", keys: TOKENS, patterns: &[BEARER, BASIC, HEADER, JWT] },
    Rule {
        name: "keys",
        keys: KEYS,
        patterns: &[OWN, SK, GITHUB, GITHUB_FINE, GITLAB, AWS, GOOGLE, SLACK, STRIPE, PEM],
    },
];

// `-`, `_` and case make no difference to the host: `api_key` is `apikey`, `API-Key` and `apiKey`.
const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "old_password",
    "new_password",
    "current_password",
    "confirm_password",
    "password_confirmation",
    "user_password",
    "db_password",
    "admin_password",
    "master_pwd",
    "smtp_pass",
    "pin",
    "otp",
    "totp",
    "mfa_code",
];
const TOKENS: &[&str] = &[
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "bearer_token",
    "session_token",
    "csrf_token",
    "api_token",
    "bot_token",
    "jwt",
    "assertion",
    "client_assertion",
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "session_id",
    "sid",
    "mcp_session_id",
    "code_verifier",
    "authorization_code",
    "device_code",
];
const KEYS: &[&str] = &[
    "secret",
    "client_secret",
    "shared_secret",
    "webhook_secret",
    "signing_secret",
    "totp_secret",
    "api_key",
    "x_api_key",
    "api_secret",
    "app_secret",
    "access_key",
    "secret_key",
    "secret_access_key",
    "aws_secret_access_key",
    "private_key",
    "signing_key",
    "encryption_key",
    "service_account_key",
    "credential",
    "credentials",
];

/// `password=…`, `"api_key": "…"` and `'token': 'two words'` inside a text.
const ASSIGNMENT: &str = r#"(?i)\b[a-z0-9_-]*(?:password|passwd|pwd|secret|token|api[_-]?key)s?[0-9]*\\*["']?\s*[=:]\s*(?:\\*"[^"\r\n]*"?|'[^'\r\n]*'?|[^\s"'&,;]+)"#;
/// `--password …` on a command line.
const OPTION: &str = r"(?i)--?(?:password|passwd|secret|token|api[_-]?key)[ =]\S+";
/// `<password>…</password>`.
const ELEMENT: &str = r"(?i)<[a-z0-9_:-]*(?:password|passwd|secret|token|api[_-]?key)>[^<]*";
/// `postgres://user:password@host`, and a token in place of both.
const URL_PASSWORD: &str = r"://(?:[^/\s:@]*:[^/\s@]+|[^/\s:@]{16,})@";
const BASIC: &str = r"(?i)\bbasic\s+[A-Za-z0-9+/]{6,}={1,2}";
const BEARER: &str = r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{6,}";
const HEADER: &str = r"(?i)\b(?:proxy-)?authorization\s*:\s*[^\r\n]+";
const JWT: &str = r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*";
/// A token of the log itself.
const OWN: &str = r"\bmcpa_[A-Za-z0-9_-]{20,}";
const SK: &str = r"\bsk-[A-Za-z0-9_-]{16,}";
const GITHUB: &str = r"\bgh[oprsu]_[A-Za-z0-9]{20,}";
const GITHUB_FINE: &str = r"\bgithub_pat_[A-Za-z0-9_]{20,}";
const GITLAB: &str = r"\bglpat-[A-Za-z0-9_-]{16,}";
const AWS: &str = r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b";
const GOOGLE: &str = r"\bAIza[A-Za-z0-9_-]{30,}";
const SLACK: &str = r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}";
const STRIPE: &str = r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}";
/// Also one whose end was cut off.
const PEM: &str = r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)";

/// The masks for the manifest.
pub(crate) fn declared() -> Vec<Mask> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let mask =
        |rule: &Rule| Mask { name: rule.name.to_owned(), keys: owned(rule.keys), patterns: owned(rule.patterns) };
    MASKS.iter().map(mask).collect()
}

/// The names of all masks: every payload goes through each.
pub(super) fn names() -> Vec<String> {
    MASKS.iter().map(|mask| mask.name.to_owned()).collect()
}

/// A mask's key that is at least so long also hides names that end with it.
const WORD: usize = 5;

/// Whether a field of this name, or a part of this path, holds something that a mask hides.
pub(super) fn is_secret(field: &str) -> bool {
    field.split('.').any(|name| {
        let name = folded(name);
        let name = name.trim_end_matches(|last: char| last.is_ascii_digit());
        MASKS.iter().flat_map(|mask| mask.keys).any(|key| hides(key, name))
    })
}

/// Compares from the end and makes no text of the key: there are many keys, and this asks each of them.
fn hides(key: &str, name: &str) -> bool {
    let mut rest = name.bytes().rev();
    let letters = || key.bytes().rev().filter(|letter| *letter != b'_');
    letters().all(|letter| rest.next() == Some(letter)) && (rest.len() == 0 || letters().count() >= WORD)
}

/// Spelled as the host compares: without regard to case, `-` and `_`.
fn folded(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '-' | '_')).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_in_every_spelling() {
        for field in [
            "password",
            "API-Key",
            "apiKey",
            "Set-Cookie",
            "clientSecret",
            "CODE_VERIFIER",
            "providers.openai.api_key",
            "stripe_api_key",
            "token2",
            "credentials.user",
        ] {
            assert!(is_secret(field), "{field}");
        }
        for field in ["", "model", "retention_days", "token_name", "max_tokens", "name", "shipping", "model.name"] {
            assert!(!is_secret(field), "{field}");
        }
    }

    #[test]
    fn no_mask_is_declared_twice() {
        let names = names();
        assert!(names.iter().enumerate().all(|(at, name)| !names.iter().skip(at + 1).any(|other| other == name)));
    }
}
