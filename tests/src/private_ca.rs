//! A certificate authority of a test's own, and a server's certificate that it vouches for.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority that no system trusts; its files are removed at the end.
#[derive(Debug)]
pub struct PrivateCa(TempDir);

impl PrivateCa {
    /// A new one, with the certificate of a server at 127.0.0.1.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "The authority of a test");
        let key = KeyPair::generate().expect("a key");
        let vouching = authority.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(authority, key);
        let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");
        let write = |name, kind, bytes: &[u8]| fs::write(folder.path().join(name), pem(kind, bytes)).expect("written");
        write("ca.pem", "CERTIFICATE", vouching.der());
        write("server.pem", "CERTIFICATE", certificate.der());
        write("server.key", "PRIVATE KEY", &key.serialize_der());
        Self(folder)
    }

    /// The certificate of the authority, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.file("server.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.0.path()).join(name)
    }
}

impl Default for PrivateCa {
    fn default() -> Self {
        Self::new()
    }
}

fn pem(kind: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
