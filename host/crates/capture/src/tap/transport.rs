//! Transport failures: the failing party and the reason, as codes, and the slot in which they are reported.

use std::any::Any;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use mcp_audit_log_model::event::Detail;
use mcp_audit_log_model::vocabulary;

vocabulary! {
    /// A transport failure. The first part of the code is the failing party: the client, the proxy or its upstream.
    #[non_exhaustive]
    Transport {
        /// The client hung up before the answer, inside or after its request.
        ClientClosed = "client_closed",
        /// The client's body has invalid HTTP framing: a broken chunk.
        ClientBrokenBody = "client_broken_body",
        /// The client's token was revoked or expired during the call.
        ClientSignedOut = "client_signed_out",
        /// The system has no trusted certificates, so no server with TLS can be reached.
        ProxyNoCertificates = "proxy_no_certificates",
        /// The proxy was stopped.
        ProxyStopped = "proxy_stopped",
        /// The proxy, or the wrapped service, failed.
        ProxyFailed = "proxy_failed",
        /// Strict recording: the call could not be recorded, so the proxy did not forward it.
        ProxyUnrecorded = "proxy_unrecorded",
        /// The upstream's name could not be resolved.
        UpstreamName = "upstream_name",
        /// The upstream refused the connection.
        UpstreamRefused = "upstream_refused",
        /// The upstream was unreachable.
        UpstreamUnreachable = "upstream_unreachable",
        /// The upstream took too long to accept the connection.
        UpstreamConnectTimeout = "upstream_connect_timeout",
        /// The upstream's certificate is not trusted, or belongs to another server.
        UpstreamCertificate = "upstream_certificate",
        /// The upstream does not support TLS, or no TLS version of this proxy.
        UpstreamTls = "upstream_tls",
        /// The upstream took too long to finish TLS.
        UpstreamTlsTimeout = "upstream_tls_timeout",
        /// The upstream took too long to begin its answer.
        UpstreamFirstByteTimeout = "upstream_first_byte_timeout",
        /// The upstream closed the connection before it answered.
        UpstreamClosed = "upstream_closed",
        /// The upstream's response is not HTTP.
        UpstreamNoHttp = "upstream_no_http",
        /// The upstream's answer ended before its declared length, or before its last chunk.
        UpstreamCutOff = "upstream_cut_off",
        /// A chunk of the upstream's answer has invalid HTTP framing.
        UpstreamBrokenChunk = "upstream_broken_chunk",
        /// The upstream sent nothing for too long within its answer.
        UpstreamIdleTimeout = "upstream_idle_timeout",
    }
}

impl Transport {
    /// The outcome of a request with this failure before its answer; `None` if there may be an answer, whose outcome
    /// then counts.
    pub(crate) fn unanswered(self) -> Option<Detail> {
        match self {
            Self::ClientClosed => Some(Detail::ClientClosed),
            Self::ClientBrokenBody | Self::ProxyUnrecorded => Some(Detail::Rejected),
            Self::ClientSignedOut | Self::ProxyStopped | Self::ProxyFailed => None,
            Self::UpstreamCutOff | Self::UpstreamBrokenChunk | Self::UpstreamIdleTimeout => None,
            _ => Some(Detail::TransportError),
        }
    }

    /// Whether this failure is the cause of an error.
    pub(crate) fn explains(self, detail: Detail) -> bool {
        match self.unanswered() {
            Some(unanswered) => unanswered == detail,
            None => matches!(detail, Detail::TransportError | Detail::Incomplete),
        }
    }

    /// A sentence about it, for the entry.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::ClientClosed => "The client disconnected before the response",
            Self::ClientBrokenBody => "The client's body had invalid HTTP framing",
            Self::ClientSignedOut => "The client's token was revoked or expired before the response was complete",
            Self::ProxyNoCertificates => "The proxy could not reach the server: no trusted certificates are installed",
            Self::ProxyStopped => "The proxy was stopped before the response was complete",
            Self::ProxyFailed => "The proxy failed before the response was complete",
            Self::ProxyUnrecorded => "The proxy did not forward the call because it could not be recorded",
            Self::UpstreamName => "The server's host name did not resolve",
            Self::UpstreamRefused => "The server refused the connection",
            Self::UpstreamUnreachable => "The server was unreachable",
            Self::UpstreamConnectTimeout => "The connection to the server timed out",
            Self::UpstreamCertificate => "The server's certificate was not trusted",
            Self::UpstreamTls => "TLS with the server failed",
            Self::UpstreamTlsTimeout => "The server did not finish the TLS handshake in time",
            Self::UpstreamFirstByteTimeout => "The server did not begin its response in time",
            Self::UpstreamClosed => "The server closed the connection before it responded",
            Self::UpstreamNoHttp => "The server's response was not HTTP",
            Self::UpstreamCutOff => "The server's response was cut off",
            Self::UpstreamBrokenChunk => "A chunk of the server's response had invalid HTTP framing",
            Self::UpstreamIdleTimeout => "The server was silent for too long inside its response",
        }
    }

    /// The failure of a request whose body could not be read completely.
    pub(crate) fn of_request(error: &dyn Any) -> Self {
        let axum = error.downcast_ref::<axum::Error>().map(|error| error as &dyn Error);
        let error = axum.or_else(|| error.downcast_ref::<hyper::Error>().map(|error| error as &dyn Error));
        if error.is_some_and(is_framing) { Self::ClientBrokenBody } else { Self::ClientClosed }
    }

    /// The failure of an answer whose body could not be read completely.
    pub(crate) fn of_answer(error: &(dyn Error + 'static)) -> Self {
        if is_framing(error) { Self::UpstreamBrokenChunk } else { Self::UpstreamCutOff }
    }
}

/// Whether a body broke because of invalid framing, and not because the connection ended. hyper reports both with these
/// kinds of errors.
fn is_framing(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput};
    causes(error).any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| matches!(io.kind(), InvalidData | InvalidInput))
    })
}

/// An error and its causes.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// A slot in a request's extensions. A service that forwards a request and gets no complete answer sets the reason
/// here; clones share the slot.
#[derive(Clone, Debug, Default)]
pub struct FailureSlot(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    failed: OnceLock<Transport>,
    resent: AtomicBool,
}

impl FailureSlot {
    /// Sets the failure. Only the first call has an effect, because later failures follow from it.
    pub fn set(&self, failure: Transport) {
        let _ = self.0.failed.set(failure);
    }

    /// The failure, if there was one.
    pub fn get(&self) -> Option<Transport> {
        self.0.failed.get().copied()
    }

    /// Reports that the request was resent, because the server had closed the first connection.
    pub fn resent(&self) {
        self.0.resent.store(true, Ordering::Relaxed);
    }

    /// Whether it was.
    pub(crate) fn is_resent(&self) -> bool {
        self.0.resent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_names_its_party_and_outcome() {
        for failure in Transport::ALL {
            let (who, _) = failure.as_str().split_once('_').expect("who and why");
            assert!(matches!(who, "client" | "proxy" | "upstream"), "{failure}");
            assert!(Detail::ALL.iter().any(|detail| failure.explains(*detail)) && !failure.explains(Detail::Ok));
            assert!(who != "upstream" || failure.sentence().to_lowercase().contains("the server"), "{failure}");
            assert!(who != "client" || failure.sentence().starts_with("The client"), "{failure}");
        }
    }
}
