//! Turns an item into an event on behalf of its sender. Values that a sender may not set are refused.

use mcp_audit_log_capture::{clean, failure};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_filter::meant;
use mcp_audit_log_model::event::{Argument, Channel, Event, Failure, Kind, Outcome, OutcomeDetail, Target};
use mcp_audit_log_model::field::{Field, SenderRule};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::body::MEMBERS;
use super::fields::{KNOWN, Rule, members_and_rules, rule};
use super::values::{Refusal, members, number, text};
use crate::query::search::short;

/// The sender and the time.
pub(crate) struct Sender<'a> {
    log: &'a AuditLog,
    viewer: &'a Viewer,
    now: Timestamp,
    keeps_payloads: bool,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(log: &'a AuditLog, viewer: &'a Viewer) -> Self {
        Self { log, viewer, now: log.view().now(), keeps_payloads: log.keeps_payloads() }
    }

    /// The event of the item.
    pub(crate) fn event(&self, item: &RawValue) -> Result<Event, Refusal> {
        let mut draft = Draft::new(self.now);
        for (name, json) in members(item, KNOWN.max(MEMBERS)).map_err(Refusal::whole)? {
            let rule = rule(&name).ok_or_else(|| unknown(&name))?;
            // An entry shows what is not set as null.
            if json.get() != "null" {
                give(&mut draft, rule, json).map_err(|reason| Refusal::of(&name, reason))?;
            }
        }
        let mut event = draft.finish()?;
        self.own(&mut event)?;
        Ok(event)
    }

    /// Applies the values that the sender's token and the log's settings decide.
    fn own(&self, event: &mut Event) -> Result<(), Refusal> {
        let instance = &mut event.caller.instance;
        match (&self.viewer.instance, instance.as_ref()) {
            (Some(own), Some(given)) if own != given => {
                return Err(Refusal::of("instance", format!("this token belongs to the tenant {}", short(own))));
            }
            (Some(own), None) => *instance = Some(own.clone()),
            _ => {}
        }
        // A session's id is a credential; an entry that capture made names the same session in the same way.
        event.client.session = event.client.session.take().map(|session| self.log.secret().session(&session));
        event.path = event.path.take().map(|path| without_query(&path).to_owned());
        event.payload = event.payload.take().filter(|_| self.keeps_payloads);
        event.facts.push(("sent_by".to_owned(), self.viewer.user.as_str().into()));
        Ok(())
    }
}

fn give(draft: &mut Draft, rule: Rule, json: &RawValue) -> Result<(), String> {
    match rule {
        Rule::Refused(advice) => Err(advice.to_owned()),
        Rule::Text(field) => {
            draft.set_text(field, text(json, field.longest())?);
            Ok(())
        }
        Rule::Count(field) => {
            let count = number(json, 0..=i64::MAX)?;
            draft.event.facts.push((field.name().to_owned(), Value::Integer(count)));
            Ok(())
        }
        Rule::Read(read, _) => read(draft, json),
    }
}

fn unknown(name: &str) -> Refusal {
    let known = || members_and_rules().filter(|(_, rule)| !matches!(rule, Rule::Refused(_))).map(|(name, _)| name);
    let advice = match meant(name, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use one of: {}; send anything else as facts", known().collect::<Vec<_>>().join(", ")),
    };
    Refusal::of(name, format!("unknown field; {advice}"))
}

/// A query may carry secrets.
fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// The members that were read so far.
pub(crate) struct Draft {
    /// The fields that need only their value.
    pub(crate) event: Event,
    pub(crate) now: Timestamp,
    pub(crate) id: Option<Uuid>,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) channel: Option<Channel>,
    pub(crate) kind: Option<Kind>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) detail: Option<OutcomeDetail>,
    pub(crate) tool: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) resource_uri: Option<String>,
    /// The name of another target.
    pub(crate) other: Option<String>,
    /// The JSON-RPC error code.
    pub(crate) error_code: Option<i64>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    /// Arguments from fields of the item. They precede those of the request.
    pub(crate) named: Vec<Argument>,
    /// The state before and after a change.
    pub(crate) old: Option<Json>,
    pub(crate) new: Option<Json>,
    /// Free facts. They follow those from fields.
    pub(crate) facts: Vec<(String, Value)>,
}

impl Draft {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            event: Event::new(now, Channel::Api, Kind::Http, OutcomeDetail::Unknown),
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
            other: None,
            error_code: None,
            error_type: None,
            error_message: None,
            named: Vec::new(),
            old: None,
            new: None,
            facts: Vec::new(),
        }
    }

    /// Stores the text of a field as its rule says.
    fn set_text(&mut self, field: Field, text: Option<String>) {
        let Some(text) = text else { return };
        let name = || field.name().to_owned();
        match field {
            Field::Tool => self.tool = Some(text),
            Field::Prompt => self.prompt = Some(text),
            Field::ResourceUri => self.resource_uri = Some(text),
            Field::ErrorType => self.error_type = Some(text),
            Field::ErrorMessage => self.error_message = Some(text),
            _ if field.sender_rule() == SenderRule::Argument => {
                self.named.push(Argument { name: name(), json: Json::from(text).to_string() });
            }
            _ => match self.event.text_mut(field) {
                Some(own) => *own = Some(text),
                None => self.event.facts.push((name(), text.into())),
            },
        }
    }

    /// The event, if the draft is complete.
    pub(crate) fn finish(mut self) -> Result<Event, Refusal> {
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

    fn detail(&self) -> Result<OutcomeDetail, Refusal> {
        match (self.outcome, self.detail, self.event.status_code) {
            (Some(_), Some(_), _) => Err(Refusal::of("outcome", "conflicts with outcome_detail; give only one")),
            (_, Some(detail), _) => Ok(detail),
            (Some(Outcome::Success), ..) => Ok(OutcomeDetail::Ok),
            (Some(Outcome::Pending), ..) => Ok(OutcomeDetail::Intended),
            (Some(Outcome::Denied), ..) | (None, None, Some(401 | 403)) => Ok(OutcomeDetail::Denied),
            (None | Some(Outcome::Error), None, Some(400..)) => Ok(OutcomeDetail::Rejected),
            (Some(Outcome::Error), ..) => Ok(OutcomeDetail::Unknown),
            (None, None, Some(_)) => Ok(OutcomeDetail::Ok),
            (None, None, None) => Err(Refusal::of("outcome", "required: give outcome, outcome_detail or status_code")),
        }
    }

    fn target(&mut self) -> Result<Option<Target>, Refusal> {
        let tool = self.tool.take().map(Target::Tool);
        let prompt = self.prompt.take().map(Target::Prompt);
        let resource = self.resource_uri.take().map(|uri| Target::Resource(clean(&uri)));
        let other = self.other.take().map(Target::Other);
        let mut targets = [tool, prompt, resource, other].into_iter().flatten();
        match (targets.next(), targets.next()) {
            (target, None) => Ok(target),
            _ => Err(Refusal::of("tool", "give only one of tool, prompt, resource_uri and target")),
        }
    }

    /// The failure that the sender reports, otherwise the one that capture would use.
    fn failure(&self, detail: OutcomeDetail) -> Option<Failure> {
        let usual = match detail {
            // Capture would say that the answer could not be read; here nothing tried to read it.
            OutcomeDetail::Unknown => Some(Failure::new(detail.as_str(), "It failed; the sender gave no reason")),
            _ => failure(detail, self.event.status_code, None, None),
        };
        let failure = match (self.error_type.clone(), self.error_message.clone()) {
            (None, None) => usual,
            (None, Some(message)) => Some(Failure { message, ..usual.unwrap_or_default() }),
            // What is usual is about another type of error.
            (Some(kind), message) => Some(Failure { kind, message: message.unwrap_or_default(), code: None }),
        };
        failure.map(|failure| Failure { code: self.error_code.or(failure.code), ..failure })
    }
}
