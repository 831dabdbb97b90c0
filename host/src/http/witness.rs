//! Sign-ins as events: who came in by browser, and who was not let in.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::extract::ConnectInfo;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::AuditLog;
use crate::event::{Caller, Channel, Client, Detail, Event, Failure, Kind};
use crate::identity::SignInError;
use crate::time::{SECOND, Timestamp};

/// How many refusals of one second are recorded one by one. Whoever has no token could otherwise fill the log and push
/// out of the queue what it is there for; the rest is counted in the next one.
const REFUSALS: u32 = 10;

/// Records sign-ins.
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<Second>);

/// The refusals of the present second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Timestamp>,
    recorded: u32,
    passed_over: i64,
}

impl Witness {
    /// Somebody came in by browser.
    pub(super) fn admitted(&self, log: &AuditLog, parts: &Parts, caller: Caller, by: &str) {
        let event = Event { caller, ..event(log, "sign_in.succeeded", Detail::Ok, parts) };
        record(log, event.fact("by", by));
    }

    /// Somebody was not let in. What they sent is not recorded: it may be the secret of something else.
    pub(super) fn refused(&self, log: &AuditLog, parts: &Parts, by: &str) {
        self.tell(log, parts, by, Caller::default(), "unknown_credential", format!("No {by} of this log was sent."));
    }

    /// Somebody was not let in, and it is known why. Whose token has expired is known as well.
    pub(super) fn refused_for(&self, log: &AuditLog, parts: &Parts, by: &str, error: &SignInError) {
        match error {
            // Nobody was refused: it could not be found out.
            error if error.is_failure() => {}
            SignInError::Expired(token) => {
                self.tell(log, parts, by, token.caller(), "expired_credential", "The token has expired.".to_owned());
            }
            SignInError::Jwt(why) => {
                let message = format!("A JWT was not accepted: {why}.");
                self.tell(log, parts, "jwt", Caller::default(), "refused_credential", message);
            }
            SignInError::Unknown | SignInError::Tokens(_) => self.refused(log, parts, by),
        }
    }

    fn tell(&self, log: &AuditLog, parts: &Parts, by: &str, caller: Caller, kind: &str, message: String) {
        let Some(passed_over) = self.0.lock().unwrap_or_else(PoisonError::into_inner).count(log.now()) else { return };
        let mut event = event(log, "sign_in.failed", Detail::Denied, parts).fact("by", by);
        if passed_over > 0 {
            event = event.fact("not_recorded_before", passed_over);
        }
        event.caller = caller;
        event.failure = Some(Failure { kind: kind.to_owned(), message, code: None });
        record(log, event);
    }
}

impl Second {
    /// Whether to record one more, and how many were passed over before it.
    fn count(&mut self, now: Timestamp) -> Option<i64> {
        if self.began.is_none_or(|began| now < began || began.plus(SECOND) <= now) {
            self.began = Some(now);
            self.recorded = 0;
        }
        if self.recorded == REFUSALS {
            self.passed_over += 1;
            return None;
        }
        self.recorded += 1;
        Some(std::mem::take(&mut self.passed_over))
    }
}

fn event(log: &AuditLog, method: &str, detail: Detail, parts: &Parts) -> Event {
    let event = Event::new(log.now(), Channel::System, Kind::System, detail);
    Event { method: Some(method.to_owned()), client: client(parts), ..event }
}

/// From where a request came, and with which program.
pub(super) fn client(parts: &Parts) -> Client {
    let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|address| address.0.ip().to_canonical().to_string());
    let user_agent = parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Client { ip, user_agent, ..Client::default() }
}

/// A full queue counts what it must drop and tells it later, so there is nothing to do here.
fn record(log: &AuditLog, event: Event) {
    if let Err(error) = log.record(event) {
        tracing::warn!(%error, "a sign-in was not recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_recorded_one_by_one() {
        let mut second = Second::default();
        let now = Timestamp::from_micros(0);
        let recorded = (0..100).filter(|_| second.count(now).is_some()).count();
        assert_eq!(recorded, 10);
        assert_eq!(second.count(now.plus(SECOND)), Some(90));
        assert_eq!(second.count(now.plus(SECOND)), Some(0));
        assert_eq!(second.count(now), Some(0), "a clock that goes back does not stop it");
    }
}
