//! TLS of the host's own clients: whose certificates they trust.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// The certificate authorities that a client trusts: by default those of the operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(Option<Arc<[CertificateDer<'static>]>>);

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct AuthoritiesError {
    path: PathBuf,
    reason: String,
}

impl Authorities {
    /// Those of a file in PEM, instead of the system's.
    ///
    /// # Errors
    /// The file cannot be read, has no certificate, or has one that cannot vouch for others.
    pub fn of_file(path: &Path) -> Result<Self, AuthoritiesError> {
        let unusable = |reason: String| AuthoritiesError { path: path.to_owned(), reason };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = read.map_err(|error| unusable(error.to_string()))?;
        if certificates.is_empty() {
            return Err(unusable("it has no certificate; write them in PEM (-----BEGIN CERTIFICATE-----)".to_owned()));
        }
        roots(&certificates).map_err(|error| unusable(error.to_string()))?;
        Ok(Self(Some(certificates.into())))
    }

    /// A client's configuration of TLS 1.2 and 1.3 without a certificate of its own, and without ALPN.
    ///
    /// # Errors
    /// The operating system has no certificates.
    pub fn client_config(&self) -> io::Result<ClientConfig> {
        // The library's choice of cryptography for the whole process is not ours to make.
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let builder = match &self.0 {
            Some(certificates) => builder.with_root_certificates(roots(certificates).map_err(io::Error::other)?),
            None => builder.with_native_roots()?,
        };
        Ok(builder.with_no_client_auth())
    }
}

fn roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, tokio_rustls::rustls::Error> {
    let mut roots = RootCertStore::empty();
    certificates.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    Ok(roots)
}
