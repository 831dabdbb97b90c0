//! An issuer for tests: keys made on the spot, and JWTs of an RSA key that no longer exists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value as Json, json};

/// The modulus of the RSA key; its exponent is 65537.
pub(crate) const RSA: &str = "yIk_gJuJOfRxqCLxDvLZd22wmXeWr9DZ_83h-Gk_d6fXy8BMsQ3zKx1DJa3c7BfGDtVQgnrxzKcDW34rY9a2Jff\
    QBlSKOcHZjUmpQFUr9lobDwFT36wAEt0MrcYK8wKICY_KMcFEj-vkEljrfbsskF5D9tW_jvpcv2DlrMgIjG_7nBw30gH12EQWk6Wl4swXyLjnnfs\
    ZAvh4eAdbRfZnCYIycVhkycI1z8973dsy2TvTSTwOgtCCtn0dgukVJXYmYeZNpZM_NjrtqzSbJAhMAMxk2qWua4pu3_izBGtB4rsXb2_Eitn0JYJ\
    7iZ7GTVnsimssFSq4hNqoKYrfYxLrkQ";
/// For `rsa`, until 2100.
pub(crate) const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJt\
    Y3AtYXVkaXQtbG9nIiwic3ViIjoicnNhIiwibmJmIjowLCJleHAiOjQxMDI0NDQ4MDB9.iwsQqoXSGg1YZrqsu0W-qmqD2LYi-uN8iMfa2nx0yN2\
    xo_zI9FGsk7FURSZ-ofmS2MsrRwTeML_x1-k7_iUW95psbtWDBi1_GEAzTiNpXuuHtLxejeGrkqW_gDjSl1btBAaUOWMitCcUIr2RcQenfHhcvY5\
    vbyT3eZ3NZfDvIu9GumrooHUnVIk1NmdULNljAJsU8nywhH_dvz-tyk727xV9nHaHd9MW64tgoSWLsnjopujgjitcBQIX1cliK0ugFcLKpai3Ftw\
    oEsB7MrvpbfE27ycmva9psZOhhXFapY2C60BgqpDzIO37xF7qOmxbKPcX7v7iUmowg_WVB0Rs9Q";
/// The same claims, signed with the newer algorithm.
pub(crate) const PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJt\
    Y3AtYXVkaXQtbG9nIiwic3ViIjoicnNhIiwibmJmIjowLCJleHAiOjQxMDI0NDQ4MDB9.QcOFlrawlgZr30E8cjhG_CTZvWFoIBRkXqJPJe4fgTH\
    4tuHReiglB0f4rv9IfIe3QxiIrBV4_7luJfMxkyKoMMBGWjmOLCsutiKbVC3HW9BgtkVB_b-rm9P9DeGPHeNCf_D0AkKctTM2UFebt_IqSGk32Kd\
    G2DWrT9tFROy36nlwKhBtAl5vsKdQnrVFbWewh2GyBg4PI0-gLACNko9JmEasXvlEQAshfNeMNoBpjW9NbMb-2fwTt841CL2bPdsxEPBm_1yqSwe\
    mbZYDijy8rHn_xqHoC6B8UX3XgmI1MFAxqUcJ0_tRatAAmrAVVJ6K1nun1Swi5nMLFlnZrqM4pw";

/// A key of the issuer.
pub(crate) struct Issuer {
    kid: &'static str,
    key: Key,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Issuer {
    pub(crate) fn p256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { kid, key: Key::P256(key.expect("a key")) }
    }

    pub(crate) fn ed25519(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self { kid, key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key")) }
    }

    /// The public key as the issuer publishes it.
    pub(crate) fn jwk(&self) -> Json {
        match &self.key {
            Key::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kid": self.kid, "kty": "EC", "crv": "P-256", "use": "sig", "x": x, "y": y})
            }
            Key::Ed25519(pair) => {
                json!({"kid": self.kid, "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        }
    }

    /// A JWT as the issuer makes it.
    pub(crate) fn jwt(&self, claims: &Json) -> String {
        let algorithm = if matches!(self.key, Key::P256(_)) { "ES256" } else { "EdDSA" };
        self.sign(&json!({"alg": algorithm, "kid": self.kid}), claims)
    }

    /// A JWT with any header.
    pub(crate) fn sign(&self, header: &Json, claims: &Json) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = match &self.key {
            Key::P256(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).expect("signed").as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(&signature))
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
