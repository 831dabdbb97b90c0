//! Sign-ins as events: who came in by browser, and who was not let in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::AuditLog;
use crate::event::{Caller, Channel, Client, Detail, Event, Failure, Kind};
use crate::identity::SignInError;
use crate::time::{SECOND, Timestamp};

/// How many refusals of one second are recorded one by one for each address, and for all of them. Whoever has no token
/// could otherwise fill the log and push out of the queue what it is there for; the rest is told by its number.
const OF_AN_ADDRESS: u32 = 10;
const OF_ALL: u32 = 100;

/// Records sign-ins.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<Second>>);

/// The refusals of the present second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Timestamp>,
    recorded: u32,
    by_address: HashMap<Option<String>, u32>,
    passed_over: i64,
}

/// What is to be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Alone,
    /// The first one that is not told alone; somebody must tell the number.
    ByNumber,
    /// Somebody will tell the number.
    Counted,
}

impl Witness {
    /// Somebody came in by browser.
    pub(super) fn admitted(&self, log: &AuditLog, parts: &Parts, caller: Caller, by: &str) {
        let event = Event { caller, ..event(log, "sign_in.succeeded", Detail::Ok, parts) };
        record(log, event.fact("by", by));
    }

    /// Somebody signed out.
    pub(super) fn left(&self, log: &AuditLog, parts: &Parts, caller: Caller) {
        record(log, Event { caller, ..event(log, "sign_in.ended", Detail::Ok, parts) });
    }

    /// Somebody was not let in. What they sent is not recorded: it may be the secret of something else.
    pub(super) fn refused(&self, log: &AuditLog, parts: &Parts, by: &str) {
        self.tell(log, parts, by, Caller::default(), "unknown_credential", format!("No {by} of this log was sent."));
    }

    /// Somebody was not let in, and it is known why. Whose token has expired or was revoked is known as well.
    pub(super) fn refused_for(&self, log: &AuditLog, parts: &Parts, by: &str, error: &SignInError) {
        let (caller, by, kind, message) = match error {
            // Nobody was refused: it could not be found out.
            error if error.is_failure() => return,
            SignInError::Expired(token) => {
                (token.caller(), by, "expired_credential", "The token has expired.".to_owned())
            }
            SignInError::Revoked(caller) => {
                (caller.clone(), by, "revoked_credential", "The token was revoked.".to_owned())
            }
            SignInError::Jwt(why) => {
                (Caller::default(), "jwt", "refused_credential", format!("A JWT was not accepted: {why}."))
            }
            SignInError::Unknown | SignInError::Tokens(_) => return self.refused(log, parts, by),
        };
        self.tell(log, parts, by, caller, kind, message);
    }

    fn tell(&self, log: &AuditLog, parts: &Parts, by: &str, caller: Caller, kind: &str, message: String) {
        let event = event(log, "sign_in.failed", Detail::Denied, parts).fact("by", by);
        let told = self.second().count(log.now(), event.client.ip.clone());
        match told {
            Told::Alone => {
                let failure = Some(Failure { kind: kind.to_owned(), message, code: None });
                // A link's path is what signs in.
                let path = (by != "link").then(|| path(parts));
                record(log, Event { caller, failure, path, ..event });
            }
            Told::ByNumber => drop(tokio::spawn(self.clone().tell_the_number(log.clone()))),
            Told::Counted => {}
        }
    }

    /// When the second is over: without waiting for another refusal, which may never come.
    async fn tell_the_number(self, log: AuditLog) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let passed_over = std::mem::take(&mut self.second().passed_over);
        let event =
            Event::new(log.now(), Channel::System, Kind::System, Detail::Denied).fact("not_recorded", passed_over);
        let message = format!("{passed_over} more sign-ins were refused than are told one by one.");
        let event = event.failed(Detail::Denied, "too_many_refusals", message);
        record(&log, Event { method: Some("sign_in.failed".to_owned()), ..event });
    }

    fn second(&self) -> MutexGuard<'_, Second> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Second {
    /// One more, from this address.
    fn count(&mut self, now: Timestamp, address: Option<String>) -> Told {
        if self.began.is_none_or(|began| now < began || began.plus(SECOND) <= now) {
            let passed_over = self.passed_over;
            *self = Self { began: Some(now), passed_over, ..Self::default() };
        }
        if self.recorded < OF_ALL {
            let of_address = self.by_address.entry(address).or_default();
            if *of_address < OF_AN_ADDRESS {
                *of_address += 1;
                self.recorded += 1;
                return Told::Alone;
            }
        }
        self.passed_over += 1;
        if self.passed_over == 1 { Told::ByNumber } else { Told::Counted }
    }
}

fn event(log: &AuditLog, method: &str, detail: Detail, parts: &Parts) -> Event {
    let event = Event::new(log.now(), Channel::System, Kind::System, detail);
    Event { method: Some(method.to_owned()), client: client(parts), ..event }
}

/// The path as it was sent: below a vendor's own, the router has taken that away.
fn path(parts: &Parts) -> String {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri).path().to_owned()
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
        let from = |address: &str| Some(address.to_owned());
        let told: Vec<_> = (0..50).map(|_| second.count(now, from("a"))).collect();
        assert_eq!(told[..10], [Told::Alone; 10]);
        assert_eq!((told[10], &told[11..]), (Told::ByNumber, &[Told::Counted; 39][..]));
        assert_eq!(second.count(now, from("b")), Told::Alone, "one does not silence another");
        let others = (0..200).filter(|at| second.count(now, from(&at.to_string())) == Told::Alone).count();
        assert_eq!(others, 89, "a hundred in all");
        assert_eq!(second.passed_over, 40 + 111);
        assert_eq!(second.count(now.plus(SECOND), from("a")), Told::Alone);
        assert_eq!(second.passed_over, 151, "until somebody tells it");
        assert_eq!(second.count(now, None), Told::Alone, "a clock that goes back does not stop it");
    }
}
