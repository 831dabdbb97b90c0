//! The browser's session, a signed cookie that names a token.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_identity::{SESSION_COOKIE, SignInError};
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_store::{Token, TokenError};

use crate::site::Site;

/// The lifetime of a session, in seconds.
pub(crate) const LASTS: i64 = 12 * 3_600;
/// The purpose of the signature.
const PURPOSE: &str = "cookie";

/// The `Set-Cookie` header that begins a session for the token `id`.
pub(crate) fn begin(site: &Site, id: &str) -> String {
    let now = site.log.view().now();
    of_session(site, id, now.plus(LASTS * SECOND), now)
}

/// The `Set-Cookie` header of the session `id` that is over at `until`.
pub(crate) fn of_session(site: &Site, id: &str, until: Timestamp, now: Timestamp) -> String {
    set_cookie(site, &sign(site.log.secret(), id, until), (until.as_micros() - now.as_micros()) / SECOND)
}

/// Ends the sessions that a request names. Returns the `Set-Cookie` header that removes the cookie, and the ID token if an
/// OpenID provider signed the browser in. A copy of the cookie is then worthless.
///
/// # Errors
/// The sign-out cannot be stored, so a copy of the cookie would stay valid.
pub(crate) async fn end(site: &Site, headers: &HeaderMap) -> Result<(String, Option<String>), TokenError> {
    let mut id_token = None;
    for session in of(site, headers) {
        id_token = site.identity.end_session(&session.id, session.until).await?.or(id_token);
    }
    Ok((set_cookie(site, "", 0), id_token))
}

/// The sessions in a request that are genuine and not expired. Only their token knows whether one was signed out.
pub(crate) fn of(site: &Site, headers: &HeaderMap) -> Vec<Session> {
    genuine(site, headers).collect()
}

/// A session, identified among those of its token by its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    until: Timestamp,
    /// The id of its token.
    id: String,
}

impl Session {
    /// Its token, unless the session is over or was signed out.
    pub(crate) async fn token(&self, site: &Site) -> Result<Arc<Token>, SignInError> {
        if site.log.view().now() >= self.until {
            return Err(SignInError::Unknown);
        }
        site.identity.by_session(&self.id, self.until).await
    }
}

/// The genuine sessions that a request's cookies name.
fn genuine<'a>(site: &'a Site, headers: &'a HeaderMap) -> impl Iterator<Item = Session> + 'a {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let values = cookies.flat_map(|line| line.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == SESSION_COOKIE).then_some(value)
    });
    values.filter_map(|value| verify(site.log.secret(), value, site.log.view().now()))
}

fn sign(secret: &Secret, id: &str, until: Timestamp) -> String {
    let text = format!("{id}.{}", until.as_micros());
    let code = URL_SAFE_NO_PAD.encode(secret.code(PURPOSE, &text));
    format!("{text}.{code}")
}

fn verify(secret: &Secret, value: &str, now: Timestamp) -> Option<Session> {
    let (text, code) = value.rsplit_once('.')?;
    let code = URL_SAFE_NO_PAD.decode(code).ok()?;
    let (id, until) = text.rsplit_once('.')?;
    let until = Timestamp::from_micros(until.parse().ok()?);
    (secret.verify(PURPOSE, text, &code) && now < until).then(|| Session { until, id: id.to_owned() })
}

fn set_cookie(site: &Site, value: &str, seconds: i64) -> String {
    let secure = if site.https { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={value}; Path={}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", site.home())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_genuine_unexpired_sessions_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(folder.path()).expect("a key");
        let now = Timestamp::from_micros(1_000);
        let value = sign(&secret, "0192-a", now.plus(1));
        assert_eq!(verify(&secret, &value, now).map(|session| session.id).as_deref(), Some("0192-a"));
        assert_eq!(verify(&secret, &value, now.plus(1)), None, "over");
        for forged in [value.replace("0192", "0193"), value.replace("1001", "9001"), format!("{value}A"), String::new()]
        {
            assert_eq!(verify(&secret, &forged, now), None, "{forged}");
        }
        for at in 0..value.len() {
            assert_eq!(verify(&secret, &value[..at], now), None, "cut at {at}");
        }
    }
}
