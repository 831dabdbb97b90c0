//! Sign-in through an OpenID provider: away to it, back from it, and its own sign-out.
//!
//! A signed cookie in the browser carries the sign-in from the way there to the way back, so that the server keeps
//! nothing for visitors who never come back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_identity::{Oidc, OidcError, SignInAttempt};
use mcp_audit_log_model::time::{SECOND, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::page::{self, Wanted, local};
use crate::problem::Problem;
use crate::session::cookie;
use crate::site::Site;
use crate::ui::frame;

/// The cookie of a sign-in on its way.
const COOKIE_NAME: &str = "mcp_audit_log_sign_in";
/// The longest path to which a sign-in leads, in bytes: browsers keep no cookie above 4,096.
const LONGEST_NEXT: usize = 1_500;
/// How long a visitor waits for others who are signing in.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the way may take, in seconds.
const LASTS: i64 = 600;
/// The purposes of the folder's key: the cookie's signature, and the secrets of a sign-in.
const PURPOSE: &str = "oidc cookie";
const NONCE: &str = "oidc nonce";
const VERIFIER: &str = "oidc verifier";

/// The routes.
pub(super) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/sign-in/oidc", get(begin))
        .route("/sign-in/oidc/callback", get(finish))
        .route("/sign-in/oidc/logout", post(ended))
}

/// To the provider.
async fn begin(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Response {
    let Some(oidc) = site.identity.provider() else { return no_provider(&site) };
    let mut random = [0; 32];
    if let Err(error) = getrandom::fill(&mut random) {
        return frame::as_page(&site, None, Problem::internal(&error).into_response());
    }
    let under_way = UnderWay {
        state: URL_SAFE_NO_PAD.encode(random),
        until: site.log.view().now().plus(LASTS * SECOND),
        next: local(&wanted.next).filter(|next| next.len() <= LONGEST_NEXT).unwrap_or("/").to_owned(),
    };
    match oidc.begin(&under_way.attempt(site.log.secret())).await {
        Ok(address) => {
            let cookie = set_cookie(&site, &under_way.sign(site.log.secret()), LASTS);
            ([(SET_COOKIE, cookie)], Redirect::to(&address)).into_response()
        }
        Err(error) => told(&site, &wanted.next, &error),
    }
}

/// What the provider adds to the address.
#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Back from the provider.
async fn finish(
    State(site): State<Arc<Site>>,
    answer: Result<Query<Answer>, QueryRejection>,
    parts: Parts,
) -> Response {
    let Some(oidc) = site.identity.provider() else { return no_provider(&site) };
    let (secret, now) = (site.log.secret(), site.log.view().now());
    let answer = answer.ok().map(|Query(answer)| answer);
    let state = answer.as_ref().and_then(|answer| answer.state.as_deref()).unwrap_or_default();
    let Some(under_way) = UnderWay::of(&parts.headers, secret, state, now) else {
        site.sign_in_audit.refused_by_provider(&site.log, &parts, &OidcError::OtherSignIn);
        let error = "This sign-in was not begun in this browser, or it took longer than ten minutes. Sign in again.";
        return page::page(&site, StatusCode::FORBIDDEN, "", Some(error));
    };
    let until = now.plus(cookie::LASTS * SECOND);
    let session = match answer {
        // RFC 9207: another provider may have sent the browser here.
        Some(Answer { iss: Some(issuer), .. }) if issuer != oidc.issuer() => Err(OidcError::OtherSignIn),
        Some(Answer { error: Some(error), error_description, .. }) => {
            Err(OidcError::of_redirection(&error, error_description.as_deref()))
        }
        Some(Answer { code: Some(code), .. }) => {
            match tokio::time::timeout(PATIENCE, site.provider_turns.acquire()).await {
                Ok(_turn) => oidc.finish(&under_way.attempt(secret), &code, now, until).await,
                Err(_) => Err(OidcError::Unreachable("too many sign-ins wait for it".to_owned())),
            }
        }
        _ => Err(OidcError::Answer("redirection")),
    };
    let session = match session {
        Ok(session) => session,
        Err(error) => {
            if !error.is_failure() {
                site.sign_in_audit.refused_by_provider(&site.log, &parts, &error);
            }
            // One attempt has one code.
            return ([(SET_COOKIE, set_cookie(&site, "", 0))], told(&site, &under_way.next, &error)).into_response();
        }
    };
    let sessions = oidc.sessions().clone();
    let begun =
        site.scheduler.change(move || Ok(sessions.begin_provider_session(&session, now).map(|id| (id, session))?));
    match begun.await {
        Ok((id, session)) => {
            let caller = mcp_audit_log_identity::Person { viewer: session.viewer, connection: None }.caller();
            site.sign_in_audit.admitted(&site.log, &parts, caller, "oidc");
            let cookies = [cookie::of_session(&site, &id, until, now), set_cookie(&site, "", 0)];
            let headers = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
            (headers, Redirect::to(&site.address(&under_way.next))).into_response()
        }
        Err(problem) => frame::as_page(&site, None, problem.into_response()),
    }
}

/// What the provider sends when a user has signed out there.
#[derive(Deserialize)]
struct Logout {
    logout_token: String,
}

/// The provider ends sessions (OpenID Connect Back-Channel Logout 1.0).
async fn ended(State(site): State<Arc<Site>>, parts: Parts, sent: Result<Form<Logout>, FormRejection>) -> Response {
    let Some(oidc) = site.identity.provider() else { return Problem::no_route().into_response() };
    let (now, issuer, sessions) = (site.log.view().now(), oidc.issuer().to_owned(), oidc.sessions().clone());
    let Ok(Form(Logout { logout_token })) = sent else {
        return refused_logout(StatusCode::BAD_REQUEST, "the body must be a form with a logout_token");
    };
    let which = match tokio::time::timeout(PATIENCE, site.logout_turns.acquire()).await {
        Ok(_turn) => oidc.ended(&logout_token, now).await,
        Err(_) => Err(OidcError::Unreachable("too many logouts wait for its keys".to_owned())),
    };
    let which = match which {
        Ok(which) => which,
        Err(error) if error.is_failure() => {
            return refused_logout(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
        }
        Err(error) => return refused_logout(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let end = move || {
        let (subject, session) = (which.subject.as_deref(), which.session.as_deref());
        Ok(sessions.end_sessions_of_provider(&issuer, subject, session, now)?)
    };
    match site.scheduler.change(end).await {
        Ok(ended) => {
            ended.iter().for_each(|session| site.sign_in_audit.left(&site.log, &parts, session.caller(), "provider"));
            ([(CACHE_CONTROL, "no-store")], StatusCode::OK).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn refused_logout(status: StatusCode, reason: &str) -> Response {
    let body = Json(json!({"error": "invalid_request", "error_description": reason}));
    (status, [(CACHE_CONTROL, "no-store")], body).into_response()
}

fn no_provider(site: &Site) -> Response {
    frame::as_page(site, None, Problem::no_route().into_response())
}

/// The sign-in page with the error.
fn told(site: &Site, next: &str, error: &OidcError) -> Response {
    let status = if error.is_failure() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
    let mut said = error.to_string();
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    page::page(site, status, next, Some(&format!("{said}.")))
}

/// Where the sign-out page sends users who want to sign out at the provider too.
pub(super) async fn end_address(oidc: &Oidc, id_token: Option<&str>) -> Option<String> {
    oidc.end_address(id_token?).await
}

/// A sign-in on its way.
#[derive(Debug, PartialEq, Eq)]
struct UnderWay {
    state: String,
    until: Timestamp,
    /// The path to which it leads.
    next: String,
}

impl UnderWay {
    /// Its secrets, which follow from its random state and the folder's key.
    fn attempt(&self, secret: &Secret) -> SignInAttempt {
        let derived = |purpose| URL_SAFE_NO_PAD.encode(secret.code(purpose, &self.state));
        SignInAttempt { state: self.state.clone(), nonce: derived(NONCE), verifier: derived(VERIFIER) }
    }

    fn sign(&self, secret: &Secret) -> String {
        let next = URL_SAFE_NO_PAD.encode(&self.next);
        let text = format!("{}.{}.{next}", self.state, self.until.as_micros());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(secret.code(PURPOSE, &text)))
    }

    /// The one with this `state` that the browser began and that is not over.
    fn of(headers: &HeaderMap, secret: &Secret, state: &str, now: Timestamp) -> Option<Self> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        // A page of a neighbouring name may have added one.
        cookies
            .filter(|(name, _)| *name == COOKIE_NAME)
            .filter_map(|(_, value)| Self::read(value, secret))
            .find(|under_way| under_way.state == state && now < under_way.until)
    }

    fn read(value: &str, secret: &Secret) -> Option<Self> {
        let (text, code) = value.rsplit_once('.')?;
        if !secret.verify(PURPOSE, text, &URL_SAFE_NO_PAD.decode(code).ok()?) {
            return None;
        }
        let mut parts = text.split('.');
        let (state, until, next) = (parts.next()?, parts.next()?, parts.next()?);
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self { state: state.to_owned(), until: Timestamp::from_micros(until.parse().ok()?), next })
    }
}

fn set_cookie(site: &Site, value: &str, seconds: i64) -> String {
    let secure = if site.https { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path={}/sign-in; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", site.base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_comes_back_only_to_its_browser_and_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(folder.path()).expect("a key");
        let now = Timestamp::from_micros(1_000);
        let under_way =
            UnderWay { state: "a-state".to_owned(), until: now.plus(5), next: "/?q=tool:x.y ä".to_owned() };
        let value = under_way.sign(&secret);
        let found = |value: &str, state: &str, now| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, format!("a=b; {COOKIE_NAME}={value}").parse().expect("a header"));
            UnderWay::of(&headers, &secret, state, now)
        };
        assert_eq!(found(&value, "a-state", now).as_ref(), Some(&under_way));
        assert_eq!((found(&value, "other", now), found(&value, "", now)), (None, None));
        assert_eq!(found(&value, "a-state", now.plus(5)), None, "over");
        for at in 0..value.len() {
            assert_eq!(found(&value[..at], "a-state", now), None, "cut at {at}");
        }
        assert_eq!(found(&value.replace("a-state", "b-state"), "b-state", now), None, "forged");
        let (one, other) = (under_way.attempt(&secret), UnderWay { state: "other".to_owned(), ..under_way });
        let other = other.attempt(&secret);
        assert!(one.nonce != other.nonce && one.verifier != other.verifier && one.nonce != one.verifier);
        assert!((43..=128).contains(&one.verifier.len()), "as RFC 7636 wants it");
    }
}
