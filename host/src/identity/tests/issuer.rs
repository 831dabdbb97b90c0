//! What the issuer signs with in tests: keys made on the spot, and JWTs of an RSA key that is gone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value as Json, json};

/// The modulus of the RSA key; its exponent is 65537.
pub(super) const RSA: &str = "nu0_lELVATD2QzhIKB0uO4DGrjfkurSD1y1oW8VbSejWzSzj5X8-lQjvHesaDHB_-MHgjjeiuuATPtgLvINyDvqc__RG8N7l_naiiYuxcDscWYF4\
    bS_EPpZ_dMLaguYp9ocW3nlQwWSjpKnfeNgnMo_7JiqaJISS8QRnehSEvtGx-7xuyf9fGTJodpwtgRmv9BuoQMdgVqxsFTC-TLxDR1Q7_vJ4Ct_G\
    uJUck4zI16izZsNutTqmjge0vKJ8pxGx508G97VQs8wbCo2ScRTYtwiW6x_Kiav9tqpvqYv_1Vs5E6RIRXlJd6HQL_OUY19MVGo0XLwlG__FC_cE\
    LiATfw";
/// For `rsa`, until 2100.
pub(super) const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJtY3AtYXVkaXQiLCJzdWIiOiJyc2E\
    iLCJuYmYiOjAsImV4cCI6NDEwMjQ0NDgwMH0.a5trL_3Uj8z7TJ9u5X4OLYxIatxvDq-nqgWAR3I7hIGtUATSEjty6JCsOFp0RMCoVGc2PZXh162\
    ROOn6SbKPSfXpBxkFxTFDWpEbLUk8_lZz14MHq1dOAGzOTGIHQmWeG4C_BNCPf9M2jrU5uJ95UobbLvVd-rxva5yMJsegTcUwMhG89Rw9CiQnkaT\
    wEWincoJ7txeVZwX2V-Th1glhsT6jnwLg-_RmuYBMmoc9Wp8sVlLLyNI5irDX0Zvvq0BUjxNFMafSOFo2CN5lTeTYaGJ1dd-VU_RV1Ppz_GTpO6Q\
    BT2RP0YA-Eb6ZovvBK-HJuSUgtgJs8QdOqTtu4vMLRw";
/// The same, signed in the newer way.
pub(super) const PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJtY3AtYXVkaXQiLCJzdWIiOiJyc2E\
    iLCJuYmYiOjAsImV4cCI6NDEwMjQ0NDgwMH0.gm14LHcnBicBmfDVzANWFF0N4tHUnuJ0jDBk0J5pZ3S-ivtTwfOkFVp-Qvuar_dt0WepJDrH0H3\
    qL6-9QT81PW9Z5oAyOWzgAQhiMkyu1ZnxsYH-szYn7Pq__gPtbsV9MBiljhuaxN0DgldIq6AYOgGXtSae_hfXZdFbyu61SNP0Bqopj-27DTuP4A7\
    838eiubVieYsnplwIsNgbxamfBv1lWnDU4xLdQGyXKQ9GLwnecWhfsmudzqRtsFYxR7-TUcGG3H6nf-T1KQDgGXJSvqqRxkiNc1AAV5rCx-xb342\
    _pxZIqxi6_fWEH-rTo4wXxnoi6Yi8yt_R9VeklqUhHw";

/// A key of the issuer.
pub(super) struct Issuer {
    kid: &'static str,
    key: Key,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Issuer {
    pub(super) fn p256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { kid, key: Key::P256(key.expect("a key")) }
    }

    pub(super) fn ed25519(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self { kid, key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key")) }
    }

    /// The public key as the issuer publishes it.
    pub(super) fn jwk(&self) -> Json {
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
    pub(super) fn jwt(&self, claims: &Json) -> String {
        let algorithm = if matches!(self.key, Key::P256(_)) { "ES256" } else { "EdDSA" };
        self.sign(&json!({"alg": algorithm, "kid": self.kid}), claims)
    }

    /// A JWT with any header.
    pub(super) fn sign(&self, header: &Json, claims: &Json) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = match &self.key {
            Key::P256(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).expect("signed").as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(&signature))
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
