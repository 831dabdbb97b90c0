//! The part of a path that names something. What cannot be one names nothing, so that it is simply not found.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::http::openapi::{Input, Operation};
use crate::http::problem::{MISSING, Problem};

/// An id; `None` where none can be read.
pub(in crate::http) struct Id(Option<Uuid>);

/// A name; empty where it is no text.
pub(in crate::http) struct Name(pub(in crate::http) String);

impl Id {
    /// The id of a `what`, or the problem that there is no such thing.
    pub(in crate::http) fn of(&self, what: &str) -> Result<Uuid, Problem> {
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
