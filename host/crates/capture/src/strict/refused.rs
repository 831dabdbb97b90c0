//! The answer to a call that is not forwarded, because it could not be recorded.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use mcp_audit_log_core::recorder::RecordError;
use serde_json::json;

use crate::parse::jsonrpc::Id;

/// The JSON-RPC error code: the first of the range that the specification leaves to servers.
const CODE: i64 = -32_000;
/// The value of `Retry-After`, in seconds. A failing store is retried by then.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The reason a request is not forwarded, and the data for the answer.
pub(super) struct Refused {
    status: StatusCode,
    message: String,
    /// The ids of the requests in it; several for a batch.
    ids: Vec<Option<Id>>,
    is_batch: bool,
}

impl Refused {
    /// The layer is not inside of an [`crate::AuditLayer`].
    pub(super) fn misplaced() -> Self {
        let message = "strict recording is misconfigured: put StrictLayer inside AuditLayer";
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
    }

    /// The client broke off.
    pub(super) fn broken(error: &axum::Error) -> Self {
        Self::of(StatusCode::BAD_REQUEST, format!("the request ended early: {error}; send it again"))
    }

    /// Its intent could not be recorded.
    pub(super) fn unrecorded(error: &RecordError, ids: Vec<Option<Id>>, is_batch: bool) -> Self {
        let why = match error {
            RecordError::Full => "the log's queue is full",
            RecordError::Closed => "the log is closed",
            RecordError::Refused(reason) => reason,
            _ => "the log is not writable at present",
        };
        let message = format!("The call was not forwarded because {why}. The server has not seen it; try again later.");
        Self { ids, is_batch, ..Self::of(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    fn of(status: StatusCode, message: String) -> Self {
        Self { status, message, ids: Vec::new(), is_batch: false }
    }

    /// The HTTP status is for proxies and monitors, the JSON-RPC error for the client.
    pub(super) fn response(self) -> Response<Body> {
        let error = |id: Option<&Id>| {
            let id = id.map_or(serde_json::Value::Null, Id::json);
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": CODE, "message": self.message } })
        };
        let body = match self.is_batch {
            true => self.ids.iter().map(|id| error(id.as_ref())).collect(),
            false => error(self.ids.first().and_then(Option::as_ref)),
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
