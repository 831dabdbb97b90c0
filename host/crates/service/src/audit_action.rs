//! Actions on the log itself as events, and a limit on entries about refusals: an unauthenticated sender cannot fill
//! the log, but every refusal is counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_audit_log_contract::access::{Denied, Grant, GrantInternals, Right};
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log_model::time::{SECOND, Timestamp};
use tokio::runtime::Handle;

use super::{AuditLog, Inner};

/// The action of an entry about a question to the log through its MCP tools.
pub const ASKED: &str = "log.asked";

impl AuditLog {
    /// An event about an action of the viewer on the log.
    pub(super) fn by(&self, action: &str, access: &Grant) -> Event {
        let viewer = access.viewer();
        self.0.event(action).by_actor(access.actor(), viewer.instance.as_deref())
    }

    /// Checks that the viewer has the right for the action `action`. A refused attempt is an entry; many are counted in
    /// one.
    ///
    /// # Errors
    /// The viewer lacks the right.
    pub fn allow(&self, access: &Grant, right: Right, action: &str) -> Result<(), Denied> {
        access.require(right).inspect_err(|denied| {
            if !self.is_refusal_recorded_alone(action, access, "changes") {
                return;
            }
            let event = self.by(action, access).failed(OutcomeDetail::Denied, "denied", format!("Refused: {denied}."));
            if let Err(error) = self.record(event) {
                tracing::warn!(%error, action, "a refused change was not recorded");
            }
        })
    }
}

/// A question to the log through one of its MCP tools.
#[derive(Clone, Debug)]
pub struct ToolQuestion {
    /// The name of the tool.
    pub tool: &'static str,
    /// The arguments, as JSON.
    pub arguments: String,
    /// The number of results; or whether it was denied, the kind of the error, and the log's own sentence about it.
    pub result: Result<u64, (bool, String, String)>,
    /// How long the answer took, in microseconds.
    pub duration_us: u64,
}

impl AuditLog {
    /// Records a question of the viewer, in an entry of the action [`ASKED`], and returns when it is stored. Many refusals
    /// are counted in one entry.
    ///
    /// # Errors
    /// It was not recorded.
    pub async fn asked(&self, access: &Grant, question: ToolQuestion) -> Result<(), RecordError> {
        let event = self.by(ASKED, access).fact("question", question.tool);
        let event = event.fact("arguments", question.arguments);
        let event = Event { duration_us: Some(question.duration_us), ..event };
        let event = match question.result {
            Ok(results) if access.may(Right::Read) || access.may(Right::ReadUsage) => {
                event.fact("results", i64::try_from(results).unwrap_or(i64::MAX))
            }
            _ if !self.is_refusal_recorded_alone(ASKED, access, "questions") => return Ok(()),
            Ok(results) => event.fact("results", i64::try_from(results).unwrap_or(i64::MAX)),
            Err((true, kind, message)) => event.failed(OutcomeDetail::Denied, kind, message),
            Err((false, kind, message)) => event.failed(OutcomeDetail::ToolError, kind, message),
        };
        self.record_durably(event).await.map(drop)
    }

    /// Whether a refusal of this viewer gets its own entry. A viewer without rights must not be able to fill the log.
    fn is_refusal_recorded_alone(&self, action: &str, access: &Grant, what: &'static str) -> bool {
        let viewer = access.viewer();
        let who = format!("{} of {}", viewer.user, viewer.instance.as_deref().unwrap_or_default());
        self.0.refusals.is_recorded_as(action, self, Some(who), what)
    }
}

impl Inner {
    /// An event of the log's own.
    pub(super) fn event(&self, method: &str) -> Event {
        let event = Event::new(self.view.now(), Channel::System, Kind::System, OutcomeDetail::Ok);
        Event { method: Some(method.to_owned()), ..event }
    }
}

/// The number of refusals per second that get their own entry, per address and in total. The rest is counted.
const OF_AN_ADDRESS: u32 = 10;
const OF_ALL: u32 = 100;

/// Counts refusals. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct RefusalLimiter(Arc<Mutex<Second>>);

/// The refusals in the current second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Timestamp>,
    told: u32,
    by_address: HashMap<Option<String>, u32>,
    passed_over: i64,
}

/// How to record a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Alone,
    /// The first one that is only counted; the caller must record the number.
    ByNumber,
    /// It is counted in an entry that will be recorded.
    Counted,
}

impl RefusalLimiter {
    /// Whether a refusal of a caller at `address` gets its own entry. Otherwise one entry counts the number of `what`
    /// after the second has passed. It does not wait for another refusal, which may never come.
    pub fn is_recorded_alone(&self, log: &AuditLog, address: Option<String>, what: &'static str) -> bool {
        self.is_recorded_as("sign_in.failed", log, address, what)
    }

    /// The same for refusals that are counted in an entry about `action`.
    pub(crate) fn is_recorded_as(
        &self,
        action: &str,
        log: &AuditLog,
        address: Option<String>,
        what: &'static str,
    ) -> bool {
        let told = self.second().count(log.view().now(), address);
        if told == Told::ByNumber
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.clone().tell_the_number(action.to_owned(), log.clone(), what));
        }
        told == Told::Alone
    }

    async fn tell_the_number(self, action: String, log: AuditLog, what: &'static str) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let number = std::mem::take(&mut self.second().passed_over);
        let message = format!("{number} more refused {what} were counted, not recorded one by one.");
        let event = Event::new(log.view().now(), Channel::System, Kind::System, OutcomeDetail::Denied)
            .fact("not_recorded", number);
        let event = event.failed(OutcomeDetail::Denied, "too_many_refusals", message);
        if let Err(error) = log.record(Event { method: Some(action), ..event }) {
            tracing::warn!(%error, number, "the number of refusals was not recorded");
        }
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
        if self.told < OF_ALL {
            let of_address = self.by_address.entry(address).or_default();
            if *of_address < OF_AN_ADDRESS {
                *of_address += 1;
                self.told += 1;
                return Told::Alone;
            }
        }
        self.passed_over += 1;
        if self.passed_over == 1 { Told::ByNumber } else { Told::Counted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_are_counted_in_one_entry() {
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
