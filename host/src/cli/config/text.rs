//! Reads the text of the configuration file, and reports mistakes with their position and the remedy.

use std::fmt;
use std::net::SocketAddr;

use axum::http::HeaderName;
use mcp_audit_log::filter::meant;
use mcp_audit_log::identity::{Algorithm, KeySource, Network};
use mcp_audit_log::ledger::VerifierKey;
use mcp_audit_log::mask;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A value, and how it is written.
#[derive(Clone)]
pub(in crate::cli) struct Text<T> {
    text: String,
    value: T,
}

impl<T> Text<T> {
    pub(super) fn of(text: &str, value: T) -> Self {
        Self { text: text.to_owned(), value }
    }

    pub(in crate::cli) fn value(&self) -> &T {
        &self.value
    }

    pub(super) fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Only the value, which may hide what was written.
impl<T: fmt::Debug> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ToString> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self { text: value.to_string(), value }
    }
}

/// A value that can be read from a text; the error is a sentence about what is allowed.
pub(super) trait Read: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Read for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            // A port alone, or behind a name that would have to be resolved.
            let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
            let port = port.unwrap_or(8_700);
            format!("{text:?} is not an address; write one such as 127.0.0.1:{port} or [::1]:{port}")
        })
    }
}

/// An address on the command line.
pub(in crate::cli) fn address(text: &str) -> Result<SocketAddr, String> {
    SocketAddr::read(text)
}

impl Read for Network {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: mcp_audit_log::identity::NetworkError| error.to_string())
    }
}

impl Read for HeaderName {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("{text:?} is not a header name; write one such as X-Auth-User"))
    }
}

impl Read for KeySource {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}

/// A text with something in it.
#[derive(Clone, Debug)]
pub(super) struct Filled(pub(super) String);

impl Read for Filled {
    fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            Err("the value is empty; write it as the issuer has it".to_owned())
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// A path below which everything is served: empty for the root, else with a slash in front and none at its end.
#[derive(Clone, Debug)]
pub(in crate::cli) struct BasePath(pub(in crate::cli) String);

impl Read for BasePath {
    fn read(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_segment =
            |part: &str| !part.is_empty() && part.bytes().all(is_plain) && !part.trim_matches('.').is_empty();
        let inside = text.strip_prefix('/').map(|inside| inside.trim_end_matches('/'));
        match inside {
            Some("") => Ok(Self(String::new())),
            Some(inside) if inside.split('/').all(is_segment) => Ok(Self(format!("/{inside}"))),
            _ => Err(format!("{text:?} is not a path to serve below; write one such as /audit")),
        }
    }
}

/// A path on the command line.
pub(in crate::cli) fn base_path(text: &str) -> Result<BasePath, String> {
    BasePath::read(text)
}

impl std::fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// The name of one of the host's own masks.
#[derive(Clone, Debug)]
pub(in crate::cli) struct MaskName(pub(super) String);

impl Read for MaskName {
    fn read(text: &str) -> Result<Self, String> {
        match mask::floor().find(|name| *name == text) {
            Some(name) => Ok(Self(name.to_owned())),
            None => {
                Err(format!("unknown mask {text:?}; known masks: {}", mask::floor().collect::<Vec<_>>().join(", ")))
            }
        }
    }
}

impl Read for VerifierKey {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| format!("{text:?} is not a verification key: {error}"))
    }
}

impl Read for Algorithm {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
            let secret =
                if text.starts_with("HS") || text == "none" { ", because only public keys are accepted" } else { "" };
            format!("{text:?} is not an allowed algorithm{secret}; use one of {}", all.join(", "))
        })
    }
}

impl<'de, T: Read> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = T::read(&text).map_err(de::Error::custom)?;
        Ok(Self { text, value })
    }
}

impl<T> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// A mistake with its position.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Counted from 1.
    line: usize,
    /// With its table's name in front.
    key: String,
    what: String,
}

impl Mistake {
    /// The mistake that the TOML reader found in `text`.
    pub(super) fn new(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.get(..at).unwrap_or_default().matches('\n').count();
        let message = error.message().trim();
        let what = unknown(message).unwrap_or_else(|| message.lines().collect::<Vec<_>>().join("; "));
        Self { line: line + 1, key: key(text, line), what }
    }

    /// A mistake in the table that begins with the line `head`.
    pub(super) fn of(text: &str, head: &str, what: &str) -> Self {
        let line = text.lines().position(|line| line.trim() == head).unwrap_or(0);
        Self { line: line + 1, key: head.trim_matches(['[', ']']).to_owned(), what: what.to_owned() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, what } = self;
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        write!(f, "line {line}: {key}{what} (docs/mcp-audit-log.toml explains every option)")
    }
}

/// The advice on a name that is no option's.
fn unknown(message: &str) -> Option<String> {
    let (name, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<_> = rest.split('`').skip(1).step_by(2).collect();
    let advice = match meant(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known options: {}", known.join(", ")),
    };
    Some(format!("unknown option {name:?}; {advice}"))
}

/// The key on a line, with the name of its table.
fn key(text: &str, line: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).take(line + 1).collect();
    let is_head = |line: &&&str| line.starts_with('[') && line.ends_with(']') && !line.contains('=');
    let head = |line: &str| line.trim_matches(['[', ']', ' ']).to_owned();
    match lines.last() {
        Some(last) if is_head(&last) => return head(last),
        _ => {}
    }
    let table = lines.iter().rev().find(is_head).map(|line| format!("{}.", head(line))).unwrap_or_default();
    // A list may go on over several lines.
    let own = lines.iter().rev().find_map(|line| Some(line.split_once('=')?.0.trim()));
    own.map_or_else(String::new, |own| format!("{table}{own}"))
}
