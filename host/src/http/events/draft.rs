//! An item on its way to an event: what was given, until all of it is known.

use serde_json::Value as Json;
use uuid::Uuid;

use super::values::Refusal;
use crate::capture::{clean, failure};
use crate::event::{Argument, Channel, Detail, Event, Failure, Kind, Outcome, Target};
use crate::time::Timestamp;
use crate::value::Value;

/// What was given so far.
pub(in crate::http) struct Draft {
    /// The fields that need nothing but their value.
    pub(in crate::http) event: Event,
    pub(in crate::http) now: Timestamp,
    pub(in crate::http) id: Option<Uuid>,
    pub(in crate::http) occurred_at: Option<Timestamp>,
    pub(in crate::http) channel: Option<Channel>,
    pub(in crate::http) kind: Option<Kind>,
    pub(in crate::http) outcome: Option<Outcome>,
    pub(in crate::http) detail: Option<Detail>,
    pub(in crate::http) tool: Option<String>,
    pub(in crate::http) prompt: Option<String>,
    pub(in crate::http) resource_uri: Option<String>,
    pub(in crate::http) error_type: Option<String>,
    pub(in crate::http) error_message: Option<String>,
    /// Arguments from fields of the item; they go before those of the request.
    pub(in crate::http) named: Vec<Argument>,
    /// The state before and after a change.
    pub(in crate::http) old: Option<Json>,
    pub(in crate::http) new: Option<Json>,
    /// Free facts, which go after those from fields.
    pub(in crate::http) facts: Vec<(String, Value)>,
}

impl Draft {
    pub(in crate::http) fn new(now: Timestamp) -> Self {
        Self {
            event: Event::new(now, Channel::Api, Kind::Http, Detail::Unknown),
            now,
            id: None,
            occurred_at: None,
            channel: None,
            kind: None,
            outcome: None,
            detail: None,
            tool: None,
            prompt: None,
            resource_uri: None,
            error_type: None,
            error_message: None,
            named: Vec::new(),
            old: None,
            new: None,
            facts: Vec::new(),
        }
    }

    /// The event, if what was given makes one.
    pub(in crate::http) fn finish(mut self) -> Result<Event, Refusal> {
        let channel =
            self.channel.ok_or_else(|| Refusal::of("channel", "required: give mcp, stdio, oauth, api or admin"))?;
        let occurred_at = self.occurred_at.unwrap_or(self.now);
        let detail = self.detail()?;
        let target = self.target()?;
        self.may_change(channel)?;
        let fresh = Event::new(occurred_at, channel, self.kind.unwrap_or(Kind::Request), detail);
        let failure = self.failure(detail);
        let (id, occurred_at, kind) = (self.id.unwrap_or(fresh.id), fresh.occurred_at, fresh.kind);
        let mut event = Event { id, occurred_at, channel, kind, detail, target, failure, ..self.event };
        event.arguments.splice(0..0, self.named);
        event.facts.extend(self.facts);
        Ok(event.states(self.old.as_ref(), self.new.as_ref()))
    }

    fn detail(&self) -> Result<Detail, Refusal> {
        match (self.outcome, self.detail, self.event.status_code) {
            (Some(_), Some(_), _) => Err(Refusal::of("outcome", "conflicts with outcome_detail; give only one")),
            (_, Some(detail), _) => Ok(detail),
            (Some(Outcome::Success), ..) => Ok(Detail::Ok),
            (Some(Outcome::Pending), ..) => Ok(Detail::Intended),
            (Some(Outcome::Denied), ..) | (None, None, Some(401 | 403)) => Ok(Detail::Denied),
            (None | Some(Outcome::Error), None, Some(400..)) => Ok(Detail::Rejected),
            (Some(Outcome::Error), ..) => Ok(Detail::Unknown),
            (None, None, Some(_)) => Ok(Detail::Ok),
            (None, None, None) => Err(Refusal::of("outcome", "required: give outcome, outcome_detail or status_code")),
        }
    }

    fn target(&mut self) -> Result<Option<Target>, Refusal> {
        let tool = self.tool.take().map(Target::Tool);
        let prompt = self.prompt.take().map(Target::Prompt);
        let resource = self.resource_uri.take().map(|uri| Target::Resource(clean(&uri)));
        let mut targets = [tool, prompt, resource].into_iter().flatten();
        match (targets.next(), targets.next()) {
            (target, None) => Ok(target),
            _ => Err(Refusal::of("tool", "give only one of tool, prompt and resource_uri")),
        }
    }

    /// The failure that the sender reports, else the one that capture would use.
    fn failure(&self, detail: Detail) -> Option<Failure> {
        let usual = match detail {
            // Capture would say that the answer could not be read; here nothing tried to read it.
            Detail::Unknown => Some(Failure::new(detail.as_str(), "It failed; the sender gave no reason")),
            _ => failure(detail, self.event.status_code, None, None),
        };
        match (self.error_type.clone(), self.error_message.clone()) {
            (None, None) => usual,
            (None, Some(message)) => Some(Failure { message, ..usual.unwrap_or_default() }),
            // What is usual is about another type of error.
            (Some(kind), message) => Some(Failure { kind, message: message.unwrap_or_default(), code: None }),
        }
    }
}
