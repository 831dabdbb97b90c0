//! The gate: lets signed-in visitors through to the API and the pages, and answers others.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::page;
use crate::problem::Problem;
use crate::session::auth::{admit, sent_token};
use crate::session::times::TimePreferences;
use crate::site::Site;
use crate::ui::frame::as_page;

/// Lets signed-in programs through to the API.
pub(crate) async fn for_api(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&site, &mut parts, TimePreferences::default()).await {
        Ok(_) => answer(&site, next.run(Request::from_parts(parts, body))).await,
        Err(problem) => {
            // People without a session are on their way to the sign-in; a program without a token is turned away. One
            // with a wrong token is recorded where that is found.
            if problem.status() == StatusCode::UNAUTHORIZED && sent_token(&parts.headers).is_none() {
                site.sign_in_audit.refused(&site.log, &parts, "token");
            }
            problem.into_response()
        }
    }
}

/// Lets signed-in people through to the pages, redirects others to the sign-in, and shows problems as pages.
pub(crate) async fn for_pages(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // If there is no page, a program gets a problem in JSON, and no visitor is sent to the sign-in in vain.
    let is_page = parts.extensions.get::<MatchedPath>().is_some();
    if !is_page && !wants_page(&parts.headers) {
        return Problem::no_route().into_response();
    }
    let kept = TimePreferences::of(&parts.headers);
    match admit(&site, &mut parts, kept).await {
        Ok(visitor) => {
            let answered = answer(&site, next.run(Request::from_parts(parts, body))).await;
            as_page(&site, Some(&visitor), answered)
        }
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED && !is_page => {
            as_page(&site, None, Problem::no_route().into_response())
        }
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            let wanted =
                parts.uri.path_and_query().filter(|_| parts.method.is_safe()).map_or("/", |path| path.as_str());
            Redirect::to(&page::address(&site, wanted)).into_response()
        }
        Err(problem) => as_page(&site, None, problem.into_response()),
    }
}

/// Whether a browser requests a page.
fn wants_page(headers: &HeaderMap) -> bool {
    let wanted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    wanted.flat_map(|value| value.split(',')).any(|kind| kind.trim_start().starts_with("text/html"))
}

/// Reading, counting and rendering never delay callers of an MCP server.
async fn answer(site: &Site, answering: impl Future<Output = Response> + Send + 'static) -> Response {
    site.scheduler.answer(answering).await.unwrap_or_else(Problem::into_response)
}
