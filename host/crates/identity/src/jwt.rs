//! Sign-in by a JWT of an external issuer.

use std::sync::Arc;

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_model::name;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use serde_json::{Map, Value as Json};

use super::jwks::{KeySource, KeySourceError, Keys};
use super::jws::{ACCESS, Algorithm, Signed};
use super::{GroupMap, Person};

/// How to read JWTs.
#[derive(Clone, Debug)]
pub struct JwtOptions {
    /// The issuer, exactly as in `iss`.
    pub issuer: String,
    /// The accepted audiences: `aud` must have one of these.
    pub audiences: Vec<String>,
    /// The source of the issuer's keys.
    pub keys: KeySource,
    /// The certificate authorities of a source with https.
    pub authorities: Authorities,
    /// How a JWT may be signed.
    pub algorithms: Vec<Algorithm>,
    /// The accepted difference of the issuer's clock, in seconds.
    pub leeway_seconds: u32,
    /// Whether a JWT without `nbf` is refused. If it has one, it is always checked.
    pub requires_nbf: bool,
    /// The names of the claims.
    pub claims: ClaimNames,
}

impl JwtOptions {
    /// JWTs of one issuer with one of these algorithms. By default the clocks may differ by a minute, and the user is
    /// in `sub`.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>, keys: KeySource, algorithms: Vec<Algorithm>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences,
            keys,
            authorities: Authorities::default(),
            algorithms,
            leeway_seconds: 60,
            requires_nbf: true,
            claims: ClaimNames::default(),
        }
    }
}

/// The names of the claims. If there is no claim with a name, its dots lead into objects: `realm_access.roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user's name.
    pub user: String,
    /// The user's groups: a list of texts, or one text.
    pub groups: Option<String>,
    /// The tenant of the platform.
    pub instance: Option<String>,
    /// Whether a user without a tenant may sign in although a claim for the tenant is configured. Such a user sees
    /// entries without a tenant, and may be allowed to change settings for all. With many issuers, clients choose their
    /// own claims.
    pub instance_optional: bool,
    /// The name of the connection: the client to which the JWT was issued.
    pub connection: Option<String>,
}

impl Default for ClaimNames {
    /// Only the user, from `sub`.
    fn default() -> Self {
        Self { user: "sub".to_owned(), groups: None, instance: None, instance_optional: false, connection: None }
    }
}

/// The reason why a JWT is not accepted. The texts contain nothing of the JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It cannot be read.
    #[error("it is not a signed JWT")]
    Malformed,
    /// Its signature algorithm is not allowed, or it is not signed.
    #[error("its signature algorithm is not allowed")]
    Algorithm,
    /// It is signed, but as a token of another kind.
    #[error("it is a token of another kind")]
    Kind,
    /// It names no key of the issuer.
    #[error("its issuer has no key with this id")]
    Key,
    /// There are no keys, because the issuer cannot be reached. The JWT was not checked.
    #[error("the keys of its issuer cannot be read now; try again later")]
    Unreachable,
    /// The key did not sign it.
    #[error("its signature is wrong")]
    Signature,
    /// This claim is missing or malformed.
    #[error("its claim {0} is missing or not valid")]
    Claim(&'static str),
    /// It is from another issuer.
    #[error("it comes from another issuer")]
    Issuer,
    /// It is for another audience.
    #[error("it is for another audience")]
    Audience,
    /// Its time has not come.
    #[error("it is not valid yet")]
    Early,
    /// Its time is over.
    #[error("it has expired; get a new one")]
    Expired,
}

/// The sign-in by JWT.
#[derive(Debug)]
pub struct Jwt {
    options: JwtOptions,
    groups: Arc<GroupMap>,
    keys: Keys,
}

impl Jwt {
    /// Accepts JWTs as configured by `options`; `groups` maps their groups to the policy's.
    ///
    /// # Errors
    /// The key file cannot be used, or the system has no certificates.
    pub fn new(options: JwtOptions, groups: GroupMap) -> Result<Self, KeySourceError> {
        Ok(Self { keys: Keys::open(&options.keys, &options.authorities)?, groups: Arc::new(groups), options })
    }

    /// Reads the keys if there are none yet.
    pub(super) async fn look_for_keys(&self) {
        self.keys.refresh().await;
    }

    /// The user of a JWT at `now`, and its expiry.
    pub(super) async fn person(&self, text: &str, now: Timestamp) -> Result<(Person, Timestamp), JwtError> {
        let (claims, until) = self.claims(text, ACCESS, now).await?;
        if claims.contains_key("events") {
            return Err(JwtError::Kind);
        }
        Ok((self.vouched(&claims)?, until))
    }

    /// The claims of a JWT of one of these types, and its expiry, if the issuer signed it for this audience and `now`.
    pub(super) async fn claims(
        &self,
        text: &str,
        kinds: &[&str],
        now: Timestamp,
    ) -> Result<(Map<String, Json>, Timestamp), JwtError> {
        let signed = Signed::read(text, &self.options.algorithms, kinds)?;
        // First, so that what is for others does not wait for our issuer.
        self.addressed(&read(signed.unbelieved())?)?;
        let claims = read(self.keys.claims(&signed).await?)?;
        let until = self.check(&claims, now)?;
        Ok((claims, until))
    }

    /// Whether it claims to be issued for this log.
    pub(super) fn is_meant_for_us(&self, text: &str) -> bool {
        let signed = Signed::read(text, Algorithm::ALL, ACCESS);
        let claims = signed.and_then(|signed| read(signed.unbelieved()));
        claims.is_ok_and(|claims| self.is_audience(&claims) == Ok(true))
    }

    /// Checks issuer and audience.
    fn addressed(&self, claims: &Map<String, Json>) -> Result<(), JwtError> {
        let issuer = claims.get("iss").and_then(Json::as_str).ok_or(JwtError::Claim("iss"))?;
        if issuer != self.options.issuer {
            return Err(JwtError::Issuer);
        }
        if self.is_audience(claims)? { Ok(()) } else { Err(JwtError::Audience) }
    }

    fn is_audience(&self, claims: &Map<String, Json>) -> Result<bool, JwtError> {
        let audiences = texts(claims.get("aud")).ok_or(JwtError::Claim("aud"))?;
        Ok(audiences.iter().any(|audience| self.options.audiences.iter().any(|own| own == audience)))
    }

    /// Checks issuer, audience and time; returns the expiry.
    fn check(&self, claims: &Map<String, Json>, now: Timestamp) -> Result<Timestamp, JwtError> {
        self.addressed(claims)?;
        let leeway = i64::from(self.options.leeway_seconds) * SECOND;
        let begin = moment(claims, "nbf")?;
        match begin {
            Some(begin) if now < begin.plus(-leeway) => return Err(JwtError::Early),
            None if self.options.requires_nbf => return Err(JwtError::Claim("nbf")),
            _ => {}
        }
        let end = moment(claims, "exp")?.ok_or(JwtError::Claim("exp"))?.plus(leeway);
        if now < end { Ok(end) } else { Err(JwtError::Expired) }
    }

    /// Whether `claims` lacks one that it reads.
    pub(super) fn lacks(&self, claims: &Map<String, Json>) -> bool {
        let ClaimNames { user, groups, instance, .. } = &self.options.claims;
        [Some(user), groups.as_ref(), instance.as_ref()]
            .into_iter()
            .flatten()
            .any(|name| claim(claims, name) == Ok(None))
    }

    /// The user that these claims name.
    pub(super) fn vouched(&self, claims: &Map<String, Json>) -> Result<Person, JwtError> {
        let names = &self.options.claims;
        let user = text(claims, &names.user, "user")?.ok_or(JwtError::Claim("that names the user"))?;
        let optional = |name: &Option<String>, what| name.as_ref().map_or(Ok(None), |name| text(claims, name, what));
        let groups = names.groups.as_ref().map(|name| claim(claims, name)).transpose();
        let groups = match groups.map_err(|()| JwtError::Claim("with the groups"))?.flatten() {
            None | Some(Json::Null) => Vec::new(),
            groups => texts(groups).ok_or(JwtError::Claim("with the groups"))?,
        };
        let instance = optional(&names.instance, "with the tenant")?;
        if names.instance.is_some() && instance.is_none() && !names.instance_optional {
            return Err(JwtError::Claim("with the tenant"));
        }
        let viewer = Viewer { user, groups: self.groups.map(groups), instance };
        Ok(Person { viewer, connection: optional(&names.connection, "with the connection")? })
    }
}

fn read(claims: &[u8]) -> Result<Map<String, Json>, JwtError> {
    serde_json::from_slice(claims).map_err(|_| JwtError::Malformed)
}

/// The claim with this name, possibly inside objects. If a part of the path is not an object, that is an error, because
/// the claim may be in it.
fn claim<'a>(claims: &'a Map<String, Json>, name: &str) -> Result<Option<&'a Json>, ()> {
    match (claims.get(name), name.split_once('.')) {
        (None, Some((first, rest))) => match claims.get(first) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Object(deeper)) => claim(deeper, rest),
            Some(_) => Err(()),
        },
        (found, _) => Ok(found),
    }
}

/// A claim with a name. A malformed one never counts as missing.
fn text(claims: &Map<String, Json>, name: &str, what: &'static str) -> Result<Option<String>, JwtError> {
    match claim(claims, name) {
        Ok(None | Some(Json::Null)) => Ok(None),
        Ok(Some(Json::String(text))) if name::check(text).is_ok() => Ok(Some(text.clone())),
        _ => Err(JwtError::Claim(what)),
    }
}

/// A text, or a list of texts only.
fn texts(claim: Option<&Json>) -> Option<Vec<&str>> {
    match claim? {
        Json::String(text) => Some(vec![text]),
        Json::Array(list) => list.iter().map(Json::as_str).collect(),
        _ => None,
    }
}

/// A moment in seconds, which may have a fraction.
fn moment(claims: &Map<String, Json>, name: &'static str) -> Result<Option<Timestamp>, JwtError> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    let seconds = claim.as_i64().or_else(|| claim.as_f64().filter(|seconds| seconds.is_finite()).map(|it| it as i64));
    let seconds = seconds.ok_or(JwtError::Claim(name))?;
    Ok(Some(Timestamp::from_micros(seconds.saturating_mul(SECOND))))
}
