//! `[sign_in]`: the ways of signing in.

use std::path::Path;

use axum::http::HeaderName;
use mcp_audit_log::identity::{
    Algorithm, ClaimNames, GroupMap, HeaderNames, Jwt, JwtOptions, KeySource, KeySourceError,
};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::text::{Filled, Text};

/// The largest leeway, in seconds: with more, expired JWTs would stay valid for long.
const LONGEST_LEEWAY: u32 = 300;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct SignInTable {
    pub(in crate::cli) open: Option<bool>,
    pub(in crate::cli) tokens: Option<bool>,
    /// The policy's groups of every user of a header or a JWT.
    pub(in crate::cli) everybody: Option<Vec<String>>,
    pub(in crate::cli) header: Option<Header>,
    pub(in crate::cli) jwt: Option<JwtTable>,
}

/// Headers of a proxy that signs people in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Header {
    user: Text<HeaderName>,
    groups: Option<Text<HeaderName>>,
    instance: Option<Text<HeaderName>>,
    instance_optional: Option<bool>,
}

/// JWTs of an issuer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct JwtTable {
    issuer: Text<Filled>,
    #[serde(deserialize_with = "some")]
    audiences: Vec<Text<Filled>>,
    keys: Text<KeySource>,
    #[serde(deserialize_with = "some")]
    algorithms: Vec<Text<Algorithm>>,
    #[serde(default, deserialize_with = "short")]
    leeway_seconds: Option<u32>,
    requires_nbf: Option<bool>,
    user: Option<String>,
    groups: Option<String>,
    instance: Option<String>,
    instance_optional: Option<bool>,
    connection: Option<String>,
}

impl SignInTable {
    pub(super) fn beside(&mut self, folder: &Path) {
        if let Some(jwt) = &mut self.jwt
            && let KeySource::File(path) = jwt.keys.value_mut()
        {
            *path = folder.join(&path);
        }
    }
}

/// Headers with another meaning, whose values may be secrets.
const RESERVED: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "host",
    "origin",
    "forwarded",
    "x-forwarded-for",
    "user-agent",
    "content-type",
    "content-length",
    "mcp-session-id",
];

impl Header {
    /// A mistake in the combination of names that are valid alone.
    pub(super) fn mistake(&self) -> Option<String> {
        let names = self.names();
        let all: Vec<_> =
            [Some(&names.user), names.groups.as_ref(), names.instance.as_ref()].into_iter().flatten().collect();
        let reserved = all.iter().find(|name| RESERVED.contains(&name.as_str()));
        let twice = all.iter().enumerate().find(|(at, name)| all[..*at].contains(name)).map(|(_, name)| name);
        match (reserved, twice) {
            (Some(name), _) => Some(format!("the header {name} has another meaning; let the proxy use its own header")),
            (None, Some(name)) => Some(format!("the header {name} is used twice; use one header for each value")),
            (None, None) => None,
        }
    }

    pub(super) fn names(&self) -> HeaderNames {
        let name = |text: &Option<Text<HeaderName>>| text.as_ref().map(|text| text.value().clone());
        HeaderNames {
            groups: name(&self.groups),
            instance: name(&self.instance),
            instance_optional: self.instance_optional.unwrap_or(false),
            ..HeaderNames::new(self.user.value().clone())
        }
    }
}

impl JwtTable {
    /// The sign-in by JWT that this table configures.
    pub(in crate::cli) fn open(self, groups: GroupMap) -> Result<Jwt, KeySourceError> {
        let audiences = self.audiences.iter().map(|audience| audience.value().0.clone()).collect();
        let algorithms = self.algorithms.iter().map(|algorithm| *algorithm.value()).collect();
        let usual = JwtOptions::new(&*self.issuer.value().0, audiences, self.keys.value().clone(), algorithms);
        let claims = ClaimNames {
            user: self.user.unwrap_or(usual.claims.user),
            groups: self.groups,
            instance: self.instance,
            instance_optional: self.instance_optional.unwrap_or(false),
            connection: self.connection,
        };
        let options = JwtOptions {
            leeway_seconds: self.leeway_seconds.unwrap_or(usual.leeway_seconds),
            requires_nbf: self.requires_nbf.unwrap_or(usual.requires_nbf),
            claims,
            ..usual
        };
        Jwt::new(options, groups)
    }
}

/// A list that is not empty: an empty one would reject every caller.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() { Err(de::Error::custom("the list is empty; add at least one item")) } else { Ok(list) }
}

/// A leeway for clocks that is not too long.
fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        seconds if seconds > LONGEST_LEEWAY => {
            Err(de::Error::custom(format!("use at most {LONGEST_LEEWAY} seconds; correct the clocks instead")))
        }
        seconds => Ok(Some(seconds)),
    }
}
