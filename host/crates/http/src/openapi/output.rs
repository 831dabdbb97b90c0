//! The outputs of handlers, and their part of an operation's documentation.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, NoContent, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Operation;
use crate::problem::Problem;

/// An output of a handler.
pub(crate) trait Output {
    /// Adds its possible answers.
    fn describe(operation: &mut Operation<'_>);
}

/// A created object: status 201.
pub(crate) struct Created<T>(pub(crate) T);

/// An accepted job: status 202.
pub(crate) struct Accepted<T>(pub(crate) T);

/// Plain text.
pub(crate) struct Text(pub(crate) String);

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Output for Text {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer(StatusCode::OK, "text/plain", json!({ "type": "string" }));
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Output for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json::<T>(StatusCode::OK);
    }
}

impl<T: JsonSchema> Output for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json::<T>(StatusCode::CREATED);
    }
}

impl<T: JsonSchema> Output for Accepted<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json::<T>(StatusCode::ACCEPTED);
    }
}

impl Output for NoContent {
    fn describe(operation: &mut Operation<'_>) {
        operation.nothing(StatusCode::NO_CONTENT);
    }
}

impl<T: Output, E: Output> Output for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        E::describe(operation);
    }
}

/// The inputs and the route list the kinds of problems.
impl Output for Problem {
    fn describe(_: &mut Operation<'_>) {}
}
