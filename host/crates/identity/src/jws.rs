//! The signed form of a JWT (RFC 7515), parsed and checked. Only signatures with public keys are supported: neither
//! `none` nor a shared secret, for which an attacker could use a public key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::jwt::JwtError;

/// Longer ones are not read.
const LONGEST: usize = 16 << 10;

/// How a JWT may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 7518 and RFC 8037")]
#[non_exhaustive]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in a JWT.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == name)
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::ES256 | Self::ES384 | Self::EdDSA => None,
        }
    }

    fn curve(self) -> Option<(&'static str, &'static dyn VerificationAlgorithm)> {
        match self {
            Self::ES256 => Some(("P-256", &signature::ECDSA_P256_SHA256_FIXED)),
            Self::ES384 => Some(("P-384", &signature::ECDSA_P384_SHA384_FIXED)),
            Self::EdDSA => Some(("Ed25519", &signature::ED25519)),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// The type of token, if it has one.
    #[serde(default)]
    typ: Option<String>,
    /// Whether it has extensions that must be understood; none is supported. A member with the value `null` counts too.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// The accepted types of access tokens (RFC 8725, 3.11): the same issuer signs logout tokens, proofs and events for the
/// same audience.
pub(super) const ACCESS: &[&str] = &["jwt", "at+jwt", "application/at+jwt"];
/// The accepted types of ID tokens.
pub(super) const ID: &[&str] = &["jwt"];
/// The accepted types of logout tokens.
pub(super) const LOGOUT: &[&str] = &["jwt", "logout+jwt", "application/logout+jwt"];

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A JWT in its three parts, not verified yet.
pub(super) struct Signed<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    message: &'a str,
    signature: Vec<u8>,
    claims: Vec<u8>,
}

impl<'a> Signed<'a> {
    /// Reads one that is signed with an algorithm of `allowed` and is of one of the types `kinds`, if it names its type.
    pub(super) fn read(text: &'a str, allowed: &[Algorithm], kinds: &[&str]) -> Result<Self, JwtError> {
        if text.len() > LONGEST {
            return Err(JwtError::Malformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(JwtError::Malformed)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed);
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| JwtError::Malformed)?;
        let algorithm = Algorithm::parse(&header.alg).filter(|algorithm| allowed.contains(algorithm));
        let algorithm = algorithm.filter(|_| !header.crit).ok_or(JwtError::Algorithm)?;
        if header.typ.is_some_and(|kind| !kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))) {
            return Err(JwtError::Kind);
        }
        Ok(Self { algorithm, key: header.kid, message, signature: decoded(signature)?, claims: decoded(claims)? })
    }

    /// The unverified claims. Use them only to reject the JWT early.
    pub(super) fn unbelieved(&self) -> &[u8] {
        &self.claims
    }

    /// The claims, if `key` signed them.
    pub(super) fn claims(&self, key: &Key) -> Option<&[u8]> {
        key.verifies(self.algorithm, self.message.as_bytes(), &self.signature).then_some(&self.claims)
    }
}

/// A public key, as an issuer publishes it (RFC 7517).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Key {
    kid: Option<String>,
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// Whether `signed` may be signed with this key.
    pub(super) fn fits(&self, signed: &Signed<'_>) -> bool {
        let named = signed.key.is_none() || self.kid == signed.key;
        let same = |text: &Option<String>, expected: &str| text.as_deref().is_none_or(|text| text == expected);
        let kind = match signed.algorithm.curve() {
            None => self.kty == "RSA",
            Some((curve, _)) => self.kty != "RSA" && self.crv.as_deref() == Some(curve),
        };
        named && kind && same(&self.purpose, "sig") && same(&self.alg, signed.algorithm.as_str())
    }

    /// Whether some algorithm can use it.
    pub(super) fn is_usable(&self) -> bool {
        let curves = || Algorithm::ALL.iter().filter_map(|algorithm| algorithm.curve());
        let curve = curves().any(|(curve, _)| self.crv.as_deref() == Some(curve));
        let complete = match self.kty.as_str() {
            "RSA" => self.n.is_some() && self.e.is_some(),
            "EC" => curve && self.x.is_some() && self.y.is_some(),
            "OKP" => curve && self.x.is_some(),
            _ => false,
        };
        complete && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"))
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = || match (algorithm.rsa(), algorithm.curve()) {
            (Some(parameters), _) => {
                let key = RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? };
                key.verify(parameters, message, signature).ok()
            }
            (None, Some((_, algorithm))) => {
                UnparsedPublicKey::new(algorithm, self.point()?).verify(message, signature).ok()
            }
            (None, None) => None,
        };
        verified().is_some()
    }

    /// The point on its curve, in the form that its algorithm needs.
    fn point(&self) -> Option<Vec<u8>> {
        let x = bytes(&self.x)?;
        match self.kty.as_str() {
            "OKP" => Some(x),
            // Uncompressed.
            "EC" => Some([vec![4], x, bytes(&self.y)?].concat()),
            _ => None,
        }
    }
}

fn bytes(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok()
}

/// The number without leading zeros, which some issuers write.
fn number(text: &Option<String>) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes[zeros..].to_vec())
}
