//! What sinks over HTTP have in common: the connection, and what an answer means for a batch.

use std::time::Duration;

use hyper::{StatusCode, Uri};
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::{Answer, HttpClient, HttpClientError, Post};
use mcp_audit_log_core::sink::SinkError;
use tokio::runtime::{Builder, Runtime};

/// Why a destination cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// Without TLS the network could read and change entries.
    #[error("entries must be sent with TLS, except to this machine")]
    Plain,
    /// The host is no name that a certificate can have.
    #[error("its host is not a name for TLS: {0}")]
    Name(String),
    /// The client.
    #[error(transparent)]
    Client(#[from] HttpClientError),
    /// The operating system cannot start a thread, or has no certificates.
    #[error("the system refuses it: {0}")]
    System(#[from] std::io::Error),
}

/// A connection to one URL.
pub(crate) struct HttpDestination {
    runtime: Runtime,
    client: HttpClient,
    url: Uri,
    patience: Duration,
}

impl HttpDestination {
    pub(crate) fn new(url: &Uri, authorities: &Authorities, patience: Duration) -> Result<Self, DestinationError> {
        if url.scheme_str() != Some("https") && !url.host().is_some_and(is_here) {
            return Err(DestinationError::Plain);
        }
        // A thread of its own, so that a connection that the server closes between two batches is known to be closed.
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("audit-sink-http").enable_all().build()?;
        Ok(Self { client: HttpClient::keeping(url, authorities)?, runtime, url: url.clone(), patience })
    }

    /// Sends a batch. The answer, if it is a success.
    pub(crate) fn post(&self, post: Post) -> Result<Answer, SinkError> {
        let post = Post { patience: self.patience, ..post };
        let answer = self.runtime.block_on(self.client.post(&self.url, post));
        answer.map_err(SinkError::Failed).and_then(judged)
    }
}

/// Whether a host is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "[::1]" | "::1")
}

/// What an answer means. The text of the server is not repeated: it may have parts of an entry in it.
fn judged(answer: Answer) -> Result<Answer, SinkError> {
    let status = answer.status;
    if status.is_success() {
        return Ok(answer);
    }
    let reason = format!("the server returned {status}");
    Err(match (status, answer.retry_after) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(rest)) => SinkError::Busy(reason, rest),
        _ if status.is_redirection() => SinkError::Failed(format!("{reason}; redirections are not followed")),
        _ if is_about_the_batch(status) => SinkError::Refused(reason),
        _ => SinkError::Failed(reason),
    })
}

/// Whether a status blames the batch. Any other one is about the destination, such as an expired token or an address that
/// is gone: to give entries up for these would lose all of them.
fn is_about_the_batch(status: StatusCode) -> bool {
    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY].contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, retry_after: Option<u64>) -> SinkError {
        let status = StatusCode::from_u16(status).expect("a status");
        let retry_after = retry_after.map(Duration::from_secs);
        judged(Answer { status, retry_after, body: Ok(Default::default()) }).expect_err("no success")
    }

    #[test]
    fn only_a_status_that_blames_the_batch_gives_entries_up() {
        for status in [400, 413, 422] {
            assert!(matches!(error(status, None), SinkError::Refused(_)), "{status}");
        }
        for status in [
            300, 302, 307, 401, 402, 403, 404, 405, 407, 408, 410, 411, 415, 421, 425, 426, 429, 431, 451, 500, 502,
            503, 504,
        ] {
            assert!(matches!(error(status, None), SinkError::Failed(_)), "{status}");
        }
        for status in [429, 503] {
            let busy = error(status, Some(7));
            assert!(matches!(busy, SinkError::Busy(_, rest) if rest == Duration::from_secs(7)), "{busy:?}");
        }
        assert!(matches!(error(400, Some(7)), SinkError::Refused(_)));
    }

    #[test]
    fn entries_leave_the_machine_only_over_tls() {
        let system = Authorities::default();
        let open =
            |url: &str| HttpDestination::new(&url.parse().expect("a URL"), &system, Duration::from_secs(1)).map(drop);
        assert!(matches!(open("http://siem.example.com/"), Err(DestinationError::Plain)));
        assert!(matches!(open("http://127.0.0.1.example.com/"), Err(DestinationError::Plain)));
        for url in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]:1/"] {
            open(url).expect(url);
        }
    }
}
