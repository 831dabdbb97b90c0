//! `[sign_in]`: the ways of signing in.

use std::path::{Path, PathBuf};

use axum::http::{HeaderName, Uri};
use mcp_audit_log::identity::{
    Algorithm, ClaimNames, GroupMap, HeaderNames, Jwt, JwtOptions, KeySource, Oidc, OidcOptions,
};
use mcp_audit_log::tokens::Tokens;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::super::advice::Failure;
use super::secrets::{authorities, secret_line};
use super::text::{Filled, Text};

/// The path to which an OpenID provider sends browsers back, below the site.
const REDIRECT: &str = "/sign-in/oidc/callback";

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
    pub(in crate::cli) oidc: Option<OidcTable>,
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
    ca_file: Option<PathBuf>,
}

/// An OpenID provider that signs browsers in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct OidcTable {
    issuer: Text<Filled>,
    client_id: Text<Filled>,
    client_secret_file: Option<PathBuf>,
    client_secret_env: Option<String>,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    user: Option<String>,
    groups: Option<String>,
    instance: Option<String>,
    instance_optional: Option<bool>,
    ca_file: Option<PathBuf>,
}

impl SignInTable {
    pub(super) fn beside(&mut self, folder: &Path) {
        let keys = self.jwt.iter_mut().filter_map(|jwt| match jwt.keys.value_mut() {
            KeySource::File(path) => Some(path),
            _ => None,
        });
        keys.for_each(|path| *path = folder.join(&path));
        let jwt = self.jwt.iter_mut().map(|jwt| &mut jwt.ca_file);
        let oidc = self.oidc.iter_mut().flat_map(|oidc| [&mut oidc.client_secret_file, &mut oidc.ca_file]);
        jwt.chain(oidc).flatten().for_each(|path| *path = folder.join(&path));
    }
}

impl OidcTable {
    /// The sign-in by OpenID Connect that this table configures. `site` is the public address of the site, and `sessions`
    /// stores who is signed in.
    pub(in crate::cli) fn open(
        self,
        site: Option<String>,
        groups: GroupMap,
        sessions: Tokens,
    ) -> Result<Oidc, Failure> {
        let site =
            site.ok_or("[sign_in.oidc] needs the address to which the provider sends browsers back; set --public-url")?;
        let issuer = self.issuer.value().0.clone();
        let secret =
            secret_line("client secret", self.client_secret_file.as_deref(), self.client_secret_env.as_deref());
        let in_table = |error: Failure| format!("[sign_in.oidc]: {error}");
        let host = issuer.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        let options = OidcOptions {
            client_id: self.client_id.value().0.clone(),
            client_secret: secret.map_err(in_table)?,
            redirect: format!("{site}{REDIRECT}"),
            scopes: self.scopes.unwrap_or_default().into_iter().filter(|scope| scope != "openid").collect(),
            claims: ClaimNames {
                user: self.user.unwrap_or_else(|| ClaimNames::default().user),
                groups: self.groups,
                instance: self.instance,
                instance_optional: self.instance_optional.unwrap_or(false),
                connection: None,
            },
            authorities: authorities(self.ca_file.as_deref())?,
            name: self.name.or(host).unwrap_or_else(|| issuer.clone()),
            issuer,
        };
        Oidc::new(options, groups, sessions).map_err(|error| in_table(error.into()).into())
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
    pub(in crate::cli) fn open(self, groups: GroupMap) -> Result<Jwt, Failure> {
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
            authorities: authorities(self.ca_file.as_deref())?,
            leeway_seconds: self.leeway_seconds.unwrap_or(usual.leeway_seconds),
            requires_nbf: self.requires_nbf.unwrap_or(usual.requires_nbf),
            claims,
            ..usual
        };
        Ok(Jwt::new(options, groups)?)
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
