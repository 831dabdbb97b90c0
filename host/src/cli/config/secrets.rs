//! What the configuration file only points to: secrets in files and in the environment, and certificates.

use std::fmt;
use std::path::{Path, PathBuf};

use axum::http::HeaderValue;
use mcp_audit_log::client_tls::{Authorities, AuthoritiesError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::advice::{Failure, unreadable};

/// A secret from a file or from the environment.
pub(super) fn secret(what: &str, file: Option<&Path>, variable: Option<&str>) -> Result<Option<String>, Failure> {
    match (file, variable) {
        (Some(_), Some(_)) => Err(format!("{what} comes from a file or from the environment, not from both").into()),
        (Some(path), None) => Ok(Some(std::fs::read_to_string(path).map_err(unreadable(path, what))?)),
        (None, Some(variable)) => match std::env::var(variable) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(format!("the environment has no {variable}, which {what} names").into()),
        },
        (None, None) => Ok(None),
    }
}

/// The same for a secret that is sent as it is, in a header.
pub(super) fn secret_line(what: &str, file: Option<&Path>, variable: Option<&str>) -> Result<Option<String>, Failure> {
    let text = secret(what, file, variable)?.map(|text| text.trim().to_owned());
    match text {
        Some(text) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(format!("its {what} must be one line of visible characters").into())
        }
        text => Ok(text),
    }
}

/// The authorities of a file, or the system's.
pub(in crate::cli) fn authorities(file: Option<&Path>) -> Result<Authorities, AuthoritiesError> {
    file.map_or_else(|| Ok(Authorities::default()), Authorities::of_file)
}

/// Where the value of a header is.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum HeaderSource {
    /// In the configuration file itself.
    Here(String),
    /// In another file, or in the environment.
    Elsewhere(Elsewhere),
}

/// Where a secret value is, and what is sent before it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Elsewhere {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

impl HeaderSource {
    pub(super) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Here(_) => None,
            Self::Elsewhere(elsewhere) => elsewhere.file.as_mut(),
        }
    }

    /// The value of the header `name`.
    pub(super) fn value(&self, name: &str) -> Result<HeaderValue, Failure> {
        let unusable = || Failure::from(format!("the header {name} must be one line of visible characters"));
        let text = match self {
            Self::Here(text) => text.clone(),
            Self::Elsewhere(Elsewhere { file, env, prefix }) => {
                let read = secret(name, file.as_deref(), env.as_deref())?;
                let read = read.ok_or_else(|| format!("the header {name} needs `file` or `env`"))?;
                let read = Some(read.trim()).filter(|read| !read.is_empty()).ok_or_else(unusable)?;
                format!("{}{read}", prefix.as_deref().unwrap_or_default())
            }
        };
        let is_filled = !text.trim().is_empty();
        let value = HeaderValue::from_str(&text).ok().filter(|value| is_filled && value.to_str().is_ok());
        value.ok_or_else(unusable)
    }
}

impl fmt::Debug for HeaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderSource")
    }
}

impl<'de> Deserialize<'de> for HeaderSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = HeaderSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the value, or { file = \"…\" } or { env = \"…\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HeaderSource, E> {
                Ok(HeaderSource::Here(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderSource, A::Error> {
                Elsewhere::deserialize(MapAccessDeserializer::new(map)).map(HeaderSource::Elsewhere)
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}
