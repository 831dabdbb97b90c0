//! The confirmation page for a link from another site that would change something.

use askama::Template;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::response::Response;

use super::draw;
use super::frame::{Frame, Here};
use crate::http::auth::Visitor;

#[derive(Template)]
#[template(path = "confirm.html")]
struct Page<'a> {
    frame: Frame,
    what: &'a str,
    action: String,
}

/// Asks the viewer to confirm `what`, which `uri` would do.
pub(super) fn page(visitor: &Visitor, uri: &Uri, what: &str) -> Response {
    let frame = Frame::new(&visitor.site, Some(visitor), Here::Elsewhere, "Do you want this?");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    draw(StatusCode::OK, &Page { frame, what, action: format!("{}{path}", visitor.site.base) })
}
