//! Pages with a message: an error, or the confirmation of a link from another site that would change something.

use askama::Template;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::draw;
use super::frame::{Frame, Here};
use super::text::Shown;
use crate::http::Site;
use crate::http::problem::Problem;
use crate::http::session::auth::Visitor;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame,
    what: &'a str,
    action: String,
}

/// Asks the viewer to confirm `what`, which `uri` would do.
pub(in crate::http) fn confirm(visitor: &Visitor, uri: &Uri, what: &str) -> Response {
    let frame = Frame::new(&visitor.site, Some(visitor), Here::Elsewhere, "Do you want this?");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    draw(StatusCode::OK, &ConfirmPage { frame, what, action: format!("{}{path}", visitor.site.base) })
}

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
