//! A problem as a page.

use askama::Template;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::response::Response;

use super::draw;
use super::frame::{Frame, Here};
use super::text::Shown;
use crate::http::Site;
use crate::http::auth::Visitor;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "error.html")]
struct Page {
    frame: Frame,
    detail: Shown,
}

/// The answer itself, or the page of the problem that it is.
pub(in crate::http) fn as_page(site: &Site, visitor: Option<&Visitor>, response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let frame = Frame::new(site, visitor, Here::Elsewhere, problem.title());
    let mut page = draw(problem.status(), &Page { frame, detail: Shown::line(problem.detail()) });
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}
