//! The page of the sign-in.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::draw;
use super::frame::{Frame, Here};
use crate::http::Site;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    frame: Frame,
    next: &'a str,
    error: Option<&'a str>,
}

/// The form, with what went wrong before.
pub(in crate::http) fn page(site: &Site, status: StatusCode, next: &str, error: Option<&str>) -> Response {
    draw(status, &Page { frame: Frame::new(site, None, Here::Elsewhere, "Sign in"), next, error })
}
