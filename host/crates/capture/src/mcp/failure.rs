//! Reasons of failures, in the log's own sentences; the peer's text belongs to the payload.

use mcp_audit_log_model::event::{Detail, Failure, sentence};

use crate::tap::transport::Transport;

/// The failure for `detail`; `None` if nothing failed.
pub fn failure(detail: Detail, status: Option<u16>, code: Option<i64>, failed: Option<Transport>) -> Option<Failure> {
    if let Some(failed) = failed.filter(|failed| failed.explains(detail)) {
        return Some(Failure { kind: failed.as_str().to_owned(), message: failed.sentence().to_owned(), code });
    }
    let (kind, message) = match detail {
        Detail::Ok
        | Detail::Accepted
        | Detail::InputRequired
        | Detail::TaskCreated
        | Detail::Intended
        | Detail::Deferred => return None,
        Detail::TransportError => transport(Transport::UpstreamClosed),
        Detail::Denied | Detail::Rejected => match status {
            // Prefer the code: the same fault has different statuses in different revisions.
            Some(status) => (code.map_or(status.to_string(), |code| code.to_string()), rejected(status, code)),
            None => (detail.as_str().to_owned(), "The request was refused".to_owned()),
        },
        Detail::RpcError => (code.map_or("rpc_error".to_owned(), |code| code.to_string()), rpc(code).to_owned()),
        Detail::ToolError => ("tool_error".to_owned(), "The tool reported an error".to_owned()),
        Detail::Cancelled => ("cancelled".to_owned(), "The call was cancelled".to_owned()),
        Detail::ClientClosed => transport(Transport::ClientClosed),
        Detail::Incomplete => ("incomplete".to_owned(), "The server's response ended early".to_owned()),
        _ => ("unknown".to_owned(), "The response could not be parsed".to_owned()),
    };
    Some(Failure { kind, message, code })
}

fn transport(failed: Transport) -> (String, String) {
    (failed.as_str().to_owned(), failed.sentence().to_owned())
}

/// The reason why a request has no answer although its exchange ended properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The answer's document ended before it was complete.
    CutOff,
    /// The stream of events ended before the answer came.
    StreamEnded,
    /// There was no body.
    Empty,
    /// The response is not an MCP message: a page, or other JSON.
    NotMcp,
    /// There are answers, but none of them matches the request.
    AnotherId,
    /// The response could not be decoded or was not seen completely.
    Unreadable,
    /// The log dropped the call because too many calls waited.
    GivenUp,
}

impl NoAnswer {
    /// The outcome of a request with only this reason known.
    pub(crate) fn detail(self) -> Detail {
        match self {
            Self::CutOff | Self::StreamEnded | Self::Empty | Self::AnotherId => Detail::Incomplete,
            Self::NotMcp | Self::Unreadable | Self::GivenUp => Detail::Unknown,
        }
    }

    pub(crate) fn failure(self) -> Failure {
        let (kind, message) = match self {
            Self::CutOff => ("incomplete", "The server's response ended early"),
            Self::StreamEnded => ("no_answer", "The server ended the stream without a response"),
            Self::Empty => ("no_answer", "The server's response had no body"),
            Self::NotMcp => ("not_mcp", "The server's response is not an MCP message"),
            Self::AnotherId => ("no_answer", "No response of the server has the request's id"),
            Self::Unreadable => ("unreadable", "The response could not be parsed"),
            Self::GivenUp => ("given_up", "Too many calls waited for a response; the log stopped waiting for this one"),
        };
        Failure { kind: kind.to_owned(), message: message.to_owned(), code: None }
    }
}

/// The status in words, or the JSON-RPC code if it is more specific.
fn rejected(status: u16, code: Option<i64>) -> String {
    let status = sentence(status);
    match code {
        Some(code) => format!("{status}: {}", rpc(Some(code))),
        None => status.to_owned(),
    }
}

fn rpc(code: Option<i64>) -> &'static str {
    match code {
        Some(-32700) => "Parse error",
        Some(-32600) => "Invalid request",
        Some(-32601) => "Method not found",
        Some(-32602) => "Invalid params",
        Some(-32603) => "Internal error",
        Some(-32000) => "Server error",
        Some(-32001) => "Session not found or expired",
        Some(-32002) => "Resource not found",
        Some(-32020) => "Headers and body do not match",
        Some(-32021) => "A required client capability is missing",
        Some(-32022) => "Unsupported protocol version",
        Some(-32042) => "The client must open a URL first",
        Some(-32099..=-32000) => "Server error",
        _ => "The server returned an error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_a_type_and_a_message() {
        let of =
            |detail, status, code| failure(detail, status, code, None).map(|failure| (failure.kind, failure.message));
        assert_eq!(of(Detail::Ok, Some(200), None), None);
        assert_eq!(of(Detail::RpcError, Some(200), Some(-32602)), Some(("-32602".into(), "Invalid params".into())));
        assert_eq!(
            of(Detail::Rejected, Some(404), Some(-32601)),
            Some(("-32601".into(), "Not found: Method not found".into()))
        );
        assert_eq!(of(Detail::Denied, Some(401), None), Some(("401".into(), "Unauthorized: no valid token".into())));
        assert_eq!(of(Detail::Denied, None, None), Some(("denied".into(), "The request was refused".into())));
        assert_eq!(of(Detail::TransportError, None, None).map(|(kind, _)| kind), Some("upstream_closed".into()));
        let failed = |failed, detail| failure(detail, Some(502), None, Some(failed)).map(|failure| failure.kind);
        assert_eq!(failed(Transport::UpstreamName, Detail::TransportError), Some("upstream_name".into()));
        assert_eq!(failed(Transport::UpstreamCutOff, Detail::Incomplete), Some("upstream_cut_off".into()));
        // A transport failure does not change the outcome of an answer that arrived.
        assert_eq!(failed(Transport::UpstreamCutOff, Detail::Ok), None);
        assert_eq!(of(Detail::Rejected, Some(418), None).map(|(kind, _)| kind), Some("418".into()));
    }
}
