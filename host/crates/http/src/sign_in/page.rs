//! The sign-in page: signs browsers in by a token or a link, and signs them out.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mcp_audit_log_identity::{ConnectionStanding, SignInError, is_own};
use mcp_audit_log_store::Token;
use serde::Deserialize;

use super::oidc;
use crate::problem::Problem;
use crate::query::search::encode;
use crate::session::cookie;
use crate::site::Site;
use crate::ui::frame::Frame;
use crate::ui::{draw, frame};

/// The routes.
pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/sign-in", get(form).post(by_form))
        .route("/sign-in/{code}", get(by_link))
        .route("/sign-out", post(out))
        .merge(oidc::router())
}

/// The address of the sign-in page that redirects to `next` afterwards.
pub(crate) fn address(site: &Site, next: &str) -> String {
    match next {
        "/" => format!("{}/sign-in", site.base),
        _ => format!("{}/sign-in?next={}", site.base, encode(next)),
    }
}

/// The address to which a sign-in leads.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) next: String,
}

async fn form(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Response {
    page(&site, StatusCode::OK, &wanted.next, None)
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

async fn by_form(
    State(site): State<Arc<Site>>,
    parts: Parts,
    sent: Result<Form<Credentials>, FormRejection>,
) -> Response {
    if !is_own(&parts.headers) {
        return frame::as_page(&site, None, Problem::cross_site().into_response());
    }
    let sent = match sent {
        Ok(Form(sent)) => sent,
        Err(rejection) => return frame::as_page(&site, None, Problem::from(rejection).into_response()),
    };
    match site.identity.by_secret(sent.token.trim()).await {
        Ok(token) => {
            ConnectionStanding::is_known_by(&parts.extensions);
            site.sign_in_audit.admitted(&site.log, &parts, token.caller(), "token");
            enter(&site, &token, &sent.next)
        }
        Err(SignInError::Tokens(error)) => frame::as_page(&site, None, Problem::from(error).into_response()),
        Err(error) => {
            site.sign_in_audit.refused_for(&site.log, &parts, "token", &error);
            let expired = Problem::from(error);
            page(&site, StatusCode::FORBIDDEN, &sent.next, Some(expired.detail()))
        }
    }
}

async fn by_link(State(site): State<Arc<Site>>, code: Result<Path<String>, PathRejection>, parts: Parts) -> Response {
    let id = code.ok().and_then(|Path(code)| site.links.token_id(&code, site.log.view().now()));
    let token = match id {
        Some(id) => site.identity.by_id(&id).await,
        None => Err(SignInError::Unknown),
    };
    match token {
        Ok(token) => {
            site.sign_in_audit.admitted(&site.log, &parts, token.caller(), "link");
            enter(&site, &token, "/")
        }
        Err(SignInError::Tokens(error)) => frame::as_page(&site, None, Problem::from(error).into_response()),
        Err(_) => {
            site.sign_in_audit.refused(&site.log, &parts, "link");
            let error = "This sign-in link is not valid, or no longer valid: links expire when the log restarts. Use \
                         the latest link, or sign in with a token.";
            page(&site, StatusCode::FORBIDDEN, "", Some(error))
        }
    }
}

async fn out(State(site): State<Arc<Site>>, parts: Parts) -> Response {
    if !is_own(&parts.headers) {
        return frame::as_page(&site, None, Problem::cross_site().into_response());
    }
    // Only a session that exists can be signed out.
    for session in cookie::of(&site, &parts.headers) {
        if let Ok(token) = session.token(&site).await {
            site.sign_in_audit.left(&site.log, &parts, token.caller(), "user");
        }
    }
    match cookie::end(&site, &parts.headers).await {
        Ok((cookie, id_token)) => {
            let elsewhere = match site.identity.provider() {
                Some(provider) => oidc::end_address(provider, id_token.as_deref()).await,
                None => None,
            };
            let answer = match elsewhere {
                Some(address) => signed_out(&site, &address),
                None => Redirect::to(&address(&site, "/")).into_response(),
            };
            ([(SET_COOKIE, cookie)], answer).into_response()
        }
        Err(error) => frame::as_page(&site, None, Problem::from(error).into_response()),
    }
}

fn enter(site: &Site, token: &Token, next: &str) -> Response {
    let to = site.address(local(next).unwrap_or("/"));
    ([(SET_COOKIE, cookie::begin(site, &token.id))], Redirect::to(&to)).into_response()
}

/// A path of this site. Browsers read `//host`, `/\host` and paths with line breaks in them as other sites.
pub(super) fn local(next: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    (next.starts_with('/') && !next.starts_with("//") && next.bytes().all(plain)).then_some(next)
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    frame: Frame,
    next: &'a str,
    error: Option<&'a str>,
    /// The name of the OpenID provider, and the address of the way to it.
    provider: Option<(&'a str, String)>,
    takes_tokens: bool,
    /// The address at the provider where a user who has signed out here signs out too.
    signed_out: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn new(site: &'a Site, next: &'a str) -> Self {
        let to_provider = |next| match next {
            "" | "/" => format!("{}/sign-in/oidc", site.base),
            _ => format!("{}/sign-in/oidc?next={}", site.base, encode(next)),
        };
        let provider = site.identity.provider().map(|provider| (provider.name(), to_provider(next)));
        let takes_tokens = site.identity.tokens().is_some() || provider.is_none();
        Self {
            frame: Frame::new(site, None, "", "Sign in"),
            next,
            error: None,
            provider,
            takes_tokens,
            signed_out: None,
        }
    }
}

/// The form, for a user who is signed out here but perhaps not at the provider.
fn signed_out(site: &Site, elsewhere: &str) -> Response {
    draw(StatusCode::OK, &Page { signed_out: Some(elsewhere), ..Page::new(site, "") })
}

/// The form, with the error of the last attempt.
pub(crate) fn page(site: &Site, status: StatusCode, next: &str, error: Option<&str>) -> Response {
    draw(status, &Page { error, ..Page::new(site, next) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_address_is_always_on_this_site() {
        for own in ["/", "/settings", "/?outcome=error&from=-7d", "/entries/0192#payload"] {
            assert_eq!(local(own), Some(own));
        }
        for foreign in
            ["", "settings", "//evil.example", "/\\evil.example", "https://evil.example", "/\n/x", "/\t/x", "/ä"]
        {
            assert_eq!(local(foreign), None, "{foreign}");
        }
    }
}
