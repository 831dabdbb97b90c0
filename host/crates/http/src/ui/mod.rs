//! Parts shared by all pages. The server draws them, they need no JavaScript, and they run the same searches as the
//! API.

pub(crate) mod assets;
pub(crate) mod frame;
pub(crate) mod row;
pub(crate) mod text;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::problem::Problem;

/// The page as an answer.
pub(crate) fn draw(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
