//! The browser's session: a signed cookie that names a token. The token itself is looked up for every request, so that
//! a revoked one ends its sessions.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Site;
use crate::identity::SESSION_COOKIE;
use crate::secret::Secret;
use crate::time::{SECOND, Timestamp};

/// How long a session lasts, in seconds.
const LASTS: i64 = 12 * 3_600;
/// How many ended sessions are remembered.
const REMEMBERED: usize = 10_000;
/// What the signature is for.
const PURPOSE: &str = "cookie";

/// The `Set-Cookie` header that begins a session of the token `id`.
pub(super) fn begin(site: &Site, id: &str) -> String {
    let until = site.log.now().plus(LASTS * SECOND);
    set_cookie(site, &sign(site.log.secret(), id, until), LASTS)
}

/// The `Set-Cookie` header that ends the session. A copy of its cookie is worth nothing from then on.
pub(super) fn end(site: &Site, headers: &HeaderMap) -> String {
    genuine(site, headers).for_each(|session| site.ended.add(session, site.log.now()));
    set_cookie(site, "", 0)
}

/// The session that a request names, when it is genuine and not over.
pub(super) fn of(site: &Site, headers: &HeaderMap) -> Option<Session> {
    genuine(site, headers).find(|session| session.lasts(site))
}

/// A session, told from others of its token by its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    until: Timestamp,
    /// The id of its token.
    pub(super) id: String,
}

impl Session {
    /// Whether it is neither over nor signed out.
    pub(super) fn lasts(&self, site: &Site) -> bool {
        site.log.now() < self.until && !site.ended.contains(self)
    }
}

/// The sessions that were signed out before they were over, until the process ends.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<BTreeSet<Session>>);

impl Ended {
    fn add(&self, session: Session, now: Timestamp) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while ended.first().is_some_and(|first| first.until <= now || ended.len() >= REMEMBERED) {
            ended.pop_first();
        }
        ended.insert(session);
    }

    fn contains(&self, session: &Session) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(session)
    }
}

/// The genuine sessions that a request's cookies name.
fn genuine<'a>(site: &'a Site, headers: &'a HeaderMap) -> impl Iterator<Item = Session> + 'a {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let values = cookies.flat_map(|line| line.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == SESSION_COOKIE).then_some(value)
    });
    values.filter_map(|value| verify(site.log.secret(), value, site.log.now()))
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
    fn a_session_is_genuine_whole_and_in_time() {
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

    #[test]
    fn ended_sessions_are_forgotten_when_they_would_be_over() {
        let ended = Ended::default();
        let session = |until| Session { until: Timestamp::from_micros(until), id: "0192-a".to_owned() };
        (0..20_000).for_each(|until| ended.add(session(until), Timestamp::from_micros(-1)));
        assert_eq!(ended.0.lock().expect("a lock").len(), REMEMBERED);
        ended.add(session(30_000), Timestamp::from_micros(20_000));
        assert!(ended.contains(&session(30_000)) && !ended.contains(&session(19_999)));
    }
}
