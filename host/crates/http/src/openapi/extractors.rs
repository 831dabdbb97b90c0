//! Extractors of the API: JSON bodies, and ids and names in the path.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::openapi::{Input, Operation};
use crate::problem::{BODY, MEDIA, MISSING, Problem, SLOW, TOO_LONG};
use mcp_audit_log_model::format::prefix;

/// A type that can be sent as JSON.
pub(crate) trait Sendable: DeserializeOwned + JsonSchema {
    /// An example, for the document and for error messages.
    const EXAMPLE: &'static str;
}

/// A body that was not read yet, so that a caller without the right does not learn what is accepted.
pub(crate) struct Sent<T> {
    headers: HeaderMap,
    body: Result<Bytes, Problem>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Sendable> Sent<T> {
    /// Reads it.
    pub(crate) fn read(self) -> Result<T, Problem> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && kind != "application/merge-patch+json" {
            return Err(Problem::media_type("application/json"));
        }
        serde_json::from_slice(&self.body?).map_err(|error| {
            let what = if error.is_data() { "not what is expected" } else { "not JSON" };
            let why = error.to_string();
            let why = prefix(&why, 200);
            Problem::body(format!("This is {what}: {why}. Send an object such as {}.", T::EXAMPLE))
        })
    }
}

impl<T, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(Problem::from);
        Ok(Self { headers, body, kind: PhantomData })
    }
}

impl<T: Sendable> Input for Sent<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<T>(T::EXAMPLE);
        [BODY, SLOW, TOO_LONG, MEDIA].into_iter().for_each(|kind| operation.refuses(kind));
    }
}

/// A long body that was not read yet: that of a caller without the right is never read.
pub(crate) struct Upload<T> {
    request: Request,
    kind: PhantomData<fn() -> T>,
}

/// The longest such body, in bytes: some components in Base64.
pub(crate) const UPLOAD: usize = 64 << 20;

impl<T: Sendable> Upload<T> {
    /// Reads it.
    pub(crate) async fn read(self) -> Result<T, Problem> {
        let (parts, body) = self.request.into_parts();
        let body = Limited::new(body, UPLOAD).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::too_long(format!("A body may have at most {UPLOAD} bytes; nothing was changed.")),
            false => Problem::body("The body ended early. Send it again."),
        });
        Sent { headers: parts.headers, body: body.map(|body| body.to_bytes()), kind: PhantomData }.read()
    }
}

impl<T, S: Send + Sync> FromRequest<S> for Upload<T> {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(Self { request, kind: PhantomData })
    }
}

impl<T: Sendable> Input for Upload<T> {
    fn describe(operation: &mut Operation<'_>) {
        Sent::<T>::describe(operation);
    }
}

/// An id; `None` if it cannot be read.
pub(crate) struct Id(Option<Uuid>);

/// A name; empty if it is not text.
pub(crate) struct Name(pub(crate) String);

impl Id {
    /// The id in a text that is not part of a path.
    #[cfg(feature = "mcp")]
    pub(crate) fn parse(text: &str) -> Self {
        Self(Uuid::parse_str(text.trim()).ok())
    }

    /// The id of a `what`, or the problem that it does not exist.
    pub(crate) fn of(&self, what: &str) -> Result<Uuid, Problem> {
        self.0.ok_or_else(|| Problem::missing(what))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(read(parts, state).await))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(read(parts, state).await.unwrap_or_default()))
    }
}

async fn read<T: DeserializeOwned + Send, S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<T> {
    Path::from_request_parts(parts, state).await.ok().map(|Path(part)| part)
}

impl Input for Id {
    fn describe(operation: &mut Operation<'_>) {
        operation.segment("The id.", json!({ "type": "string", "format": "uuid" }));
        operation.refuses(MISSING);
    }
}

impl Input for Name {
    fn describe(operation: &mut Operation<'_>) {
        operation.segment("The name.", json!({ "type": "string" }));
        operation.refuses(MISSING);
    }
}
