//! Converts the arguments of a policy call: from the host's types to the contract's, borrowed.
//!
//! Of an event only the parts go over that the policy reads.

use super::bindings as wit;
use super::reads::Reads;
use super::{Keep, Verdict};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::depends::{EventField, EventFields};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Event, Outcome};
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::value::Value;

pub(super) fn settings(settings: &Settings) -> Vec<wit::Setting<'_>> {
    settings.iter().map(|(key, value)| wit::Setting { key, value: self::value(value) }).collect()
}

/// The names of a viewer's groups, for [`viewer`].
pub(super) fn groups(groups: &[String]) -> Vec<&str> {
    groups.iter().map(String::as_str).collect()
}

pub(super) fn viewer<'a>(viewer: &'a Viewer, groups: &'a [&'a str]) -> wit::Viewer<'a> {
    wit::Viewer { user: &viewer.user, groups, instance: viewer.instance.as_deref() }
}

/// The lists inside of events, concatenated, and how many items each event has of them.
pub(super) struct EventLists<'a> {
    arguments: Vec<wit::Argument<'a>>,
    facts: Vec<wit::FactParam<'a>>,
    counts: Vec<(usize, usize)>,
}

impl<'a> EventLists<'a> {
    /// The arguments and facts of `events` that are read.
    pub(super) fn of(events: &[&'a Event], reads: &Reads) -> Self {
        let mut lists = Self { arguments: Vec::new(), facts: Vec::new(), counts: Vec::with_capacity(events.len()) };
        for event in events {
            let reads = reads.of(event.channel);
            let before = (lists.arguments.len(), lists.facts.len());
            let arguments = event.arguments.iter().filter(|argument| reads.arguments.contains(&argument.name));
            lists.arguments.extend(arguments.map(|one| wit::Argument { name: &one.name, json: &one.json }));
            let facts = event.facts.iter().filter(|(name, _)| reads.facts.contains(name));
            lists.facts.extend(facts.map(|(name, value)| wit::FactParam { name, value: self::value(value) }));
            lists.counts.push((lists.arguments.len() - before.0, lists.facts.len() - before.1));
        }
        lists
    }

    /// The events with these lists, without their payloads.
    pub(super) fn events(&'a self, events: &[&'a Event], reads: &Reads) -> Vec<wit::Event<'a>> {
        let (mut arguments, mut facts) = (self.arguments.as_slice(), self.facts.as_slice());
        let lowered = events.iter().zip(&self.counts).map(|(event, counts)| wit::Event {
            arguments: first(&mut arguments, counts.0),
            facts: first(&mut facts, counts.1),
            ..Part(reads.of(event.channel).fields).event(event)
        });
        lowered.collect()
    }
}

/// The lists inside of verdicts, concatenated, and how many items each verdict has of them.
pub(super) struct VerdictLists<'a> {
    facts: Vec<wit::FactParam<'a>>,
    changes: Vec<wit::ChangeParam<'a>>,
    masks: Vec<&'a str>,
    counts: Vec<[usize; 3]>,
}

impl<'a> VerdictLists<'a> {
    /// The lists of `verdicts`. A mask is passed by its name.
    pub(super) fn of(verdicts: &[&'a Verdict], masks: &'a [Mask]) -> Self {
        let mut lists = Self { facts: Vec::new(), changes: Vec::new(), masks: Vec::new(), counts: Vec::new() };
        for verdict in verdicts {
            lists
                .facts
                .extend(verdict.facts.iter().map(|(name, value)| wit::FactParam { name, value: self::value(value) }));
            let changes = verdict.changes.iter();
            lists.changes.extend(changes.map(|one| wit::ChangeParam {
                field: &one.field,
                old: self::value(&one.old),
                new: self::value(&one.new),
            }));
            let kept = verdict.keep.iter().flat_map(|keep| &keep.masks).filter_map(|at| masks.get(*at));
            let before = lists.masks.len();
            lists.masks.extend(kept.map(|mask| mask.name.as_str()));
            lists.counts.push([verdict.facts.len(), verdict.changes.len(), lists.masks.len() - before]);
        }
        lists
    }

    /// The verdicts with these lists.
    pub(super) fn verdicts(&'a self, verdicts: &[&'a Verdict]) -> Vec<wit::VerdictParam<'a>> {
        let (mut facts, mut changes) = (self.facts.as_slice(), self.changes.as_slice());
        let mut masks = self.masks.as_slice();
        let lowered = (0..).zip(verdicts).zip(&self.counts).map(|((event, verdict), counts)| wit::VerdictParam {
            event,
            action: &verdict.action,
            affected: verdict.affected.as_ref().map(|affected| wit::AffectedParam {
                kind: &affected.kind,
                id: affected.id.as_deref(),
                name: affected.name.as_deref(),
            }),
            model: verdict.model.as_deref(),
            record_id: verdict.record_id.as_deref(),
            facts: first(&mut facts, counts[0]),
            changes: first(&mut changes, counts[1]),
            payload: payload(verdict.keep.as_ref(), first(&mut masks, counts[2])),
        });
        lowered.collect()
    }
}

fn payload<'a>(keep: Option<&Keep>, masks: &'a [&'a str]) -> wit::PayloadDecisionParam<'a> {
    keep.map_or(wit::PayloadDecisionParam::None, |keep| {
        let max_bytes = u32::try_from(keep.max_bytes).unwrap_or(u32::MAX);
        wit::PayloadDecisionParam::Keep(wit::KeepPayloadParam { masks, max_bytes })
    })
}

/// Takes the first `count` items, or all if there are fewer.
pub(super) fn first<'a, T>(items: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = items.split_at(count.min(items.len()));
    *items = rest;
    first
}

/// The fields that are passed.
#[derive(Clone, Copy)]
struct Part(EventFields);

impl Part {
    /// An event without its lists. What is not read is empty.
    fn event(self, event: &Event) -> wit::Event<'_> {
        let text = |field, text: &'static str| if self.0.contains(field) { text } else { "" };
        wit::Event {
            channel: text(EventField::Channel, event.channel.as_str()),
            kind: text(EventField::Kind, event.kind.as_str()),
            method: self.part(EventField::Method, event.method.as_deref()),
            target: self.part(EventField::Target, event.target.as_ref().map(|target| target.name())),
            server: self.part(EventField::Server, event.server.as_deref()),
            path: self.part(EventField::Path, event.path.as_deref()),
            outcome: match self.0.contains(EventField::Outcome) {
                true => outcome(event.detail.outcome()),
                false => wit::Outcome::Success,
            },
            outcome_detail: text(EventField::OutcomeDetail, event.detail.as_str()),
            status_code: self.part(EventField::StatusCode, event.status_code),
            error_code: self.part(EventField::ErrorCode, event.failure.as_ref().and_then(|failure| failure.code)),
            duration_us: self.part(EventField::DurationUs, event.duration_us),
            has_duration: self.0.contains(EventField::HasDuration) && event.duration_us.is_some(),
            user: self.part(EventField::User, event.caller.user.as_deref()),
            connection: self.part(EventField::Connection, event.caller.connection.as_deref()),
            instance: self.part(EventField::Instance, event.caller.instance.as_deref()),
            client_name: self.part(EventField::ClientName, event.client.name.as_deref()),
            has_payload: self.0.contains(EventField::HasPayload) && event.payload.is_some(),
            has_arguments: self.0.contains(EventField::HasArguments) && !event.arguments.is_empty(),
            arguments: &[],
            facts: &[],
        }
    }

    fn part<T>(self, field: EventField, value: Option<T>) -> Option<T> {
        value.filter(|_| self.0.contains(field))
    }
}

fn outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Success => wit::Outcome::Success,
        Outcome::Error => wit::Outcome::Error,
        Outcome::Denied => wit::Outcome::Denied,
        // The contract has no case for pending; the exact outcome has it.
        Outcome::Pending => wit::Outcome::Error,
    }
}

fn value(value: &Value) -> wit::ValueParam<'_> {
    match value {
        Value::Unset => wit::ValueParam::Unset,
        Value::Boolean(value) => wit::ValueParam::Boolean(*value),
        Value::Integer(value) => wit::ValueParam::Integer(*value),
        Value::Text(value) => wit::ValueParam::Text(value),
    }
}
