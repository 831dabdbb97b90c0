//! Whether a verdict depends on nothing but what is declared: each event is judged again with everything passed, as it
//! is and with every undeclared part changed. Where the verdict is another one, the part is looked for.

use mcp_audit_log_contract::depends::{Dependencies, DependencyNames, EventField, EventFields};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Argument, Event, Failure, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Policy, Verdict};

use super::judge::Judged;
use super::{CheckRule, Run};
use crate::judging::judge_each;

/// How many events are looked at closely.
const CLOSELY: usize = 60;
/// What changed texts are, and what names of facts and arguments are that no event has.
const OTHER: &str = "golden-other";

pub(super) fn check(run: &mut Run<'_>, settings: &Settings, judged: &[Judged<'_>], depth: usize) {
    let policy = run.policy;
    let declared = |one: &Judged<'_>| policy.declared(one.event.channel, depth);
    let known: Vec<_> = judged.iter().filter_map(|one| Some((one, declared(one)?))).collect();
    let everything = Dependencies::all();
    let changed: Vec<_> = known.iter().map(|(one, declared)| changed(one.event, declared, None)).collect();
    let as_it_is: Vec<_> = known.iter().map(|(one, _)| one.event).collect();
    let plain = judge_each(policy, settings, &as_it_is, &everything, depth);
    let other = judge_each(policy, settings, &changed.iter().collect::<Vec<_>>(), &everything, depth);
    let mut closely = 0;
    for (((one, _), plain), other) in known.iter().zip(plain).zip(other) {
        let is_same =
            [&plain, &other].iter().all(|result| result.as_ref().is_ok_and(|verdict| *verdict == one.verdict));
        if is_same {
            continue;
        }
        closely += 1;
        // Those that come after the first ones read the same as these.
        if closely > CLOSELY {
            break;
        }
        if let Some(reads) = undeclared(policy, settings, one.event, &one.verdict, depth) {
            run.find(CheckRule::Depends, reads, one.name);
        }
    }
}

/// The undeclared part on which the verdict of an event depends, in a sentence.
pub(crate) fn undeclared(
    policy: &Policy,
    settings: &Settings,
    event: &Event,
    verdict: &Verdict,
    depth: usize,
) -> Option<String> {
    let declared = policy.declared(event.channel, depth)?;
    let other = changed(event, &declared, None);
    let verdicts = judge_each(policy, settings, &[event, &other], &Dependencies::all(), depth);
    if verdicts.iter().all(|result| result.as_ref().is_ok_and(|other| other == verdict)) {
        return None;
    }
    let part = culprit(policy, settings, event, verdict, &declared, depth);
    let what = part.map_or("several undeclared parts".to_owned(), |part| part.shown());
    Some(format!("it reads {what} of {}, which `depends` does not declare", event.channel))
}

/// A part of an event.
#[derive(Clone, Debug)]
enum Part {
    Field(EventField),
    Fact(String),
    Argument(String),
}

impl Part {
    fn shown(&self) -> String {
        match self {
            Self::Field(field) => format!("the field {field}"),
            Self::Fact(name) => format!("the fact {name:?}"),
            Self::Argument(name) => format!("the argument {name:?}"),
        }
    }

    fn alone(&self) -> Dependencies {
        let none = Dependencies::default();
        match self {
            Self::Field(field) => Dependencies { fields: EventFields::from_iter([*field]), ..none },
            Self::Fact(name) => Dependencies { facts: DependencyNames::of([name.clone()]), ..none },
            Self::Argument(name) => Dependencies { arguments: DependencyNames::of([name.clone()]), ..none },
        }
    }
}

/// The undeclared part that changes the verdict by itself.
fn culprit(
    policy: &Policy,
    settings: &Settings,
    event: &Event,
    verdict: &Verdict,
    declared: &Dependencies,
    depth: usize,
) -> Option<Part> {
    let fields = EventField::ALL.iter().copied().filter(|field| !declared.fields.contains(*field)).map(Part::Field);
    let facts = event.facts.iter().map(|(name, _)| name).filter(|name| !declared.facts.contains(name));
    let arguments = event.arguments.iter().map(|argument| &argument.name);
    let arguments = arguments.filter(|name| !declared.arguments.contains(name));
    let mut parts = fields.chain(facts.cloned().map(Part::Fact)).chain(arguments.cloned().map(Part::Argument));
    parts.find(|part| {
        let changed = changed(event, declared, Some(part));
        let verdicts = judge_each(policy, settings, &[event, &changed], &part.alone(), depth);
        verdicts.iter().any(|other| other.as_ref().ok() != Some(verdict))
    })
}

/// The event with all undeclared parts changed, or with one of them.
fn changed(event: &Event, declared: &Dependencies, only: Option<&Part>) -> Event {
    let mut changed = event.clone();
    for field in EventField::ALL.iter().copied().filter(|field| !declared.fields.contains(*field)) {
        if matches!(only, None | Some(Part::Field(_)))
            && only.is_none_or(|only| matches!(only, Part::Field(own) if *own == field))
        {
            change(&mut changed, field, declared);
        }
    }
    for (name, value) in changed.facts.iter_mut().filter(|(name, _)| !declared.facts.contains(name)) {
        if only.is_none_or(|only| matches!(only, Part::Fact(own) if own == name)) {
            *value = if *value == Value::from(OTHER) { Value::Integer(7) } else { OTHER.into() };
        }
    }
    for argument in changed.arguments.iter_mut().filter(|argument| !declared.arguments.contains(&argument.name)) {
        if only.is_none_or(|only| matches!(only, Part::Argument(own) if *own == argument.name)) {
            argument.json = format!("{OTHER:?}");
        }
    }
    if only.is_none() && !declared.facts.contains(OTHER) {
        changed.facts.push((OTHER.to_owned(), Value::Integer(1)));
    }
    if only.is_none() && !declared.arguments.contains(OTHER) && !changed.arguments.is_empty() {
        changed.arguments.push(Argument { name: OTHER.to_owned(), json: "1".to_owned() });
    }
    changed
}

/// Gives a field another value. What is declared of the same thing stays: a duration is another one, and still there.
fn change(event: &mut Event, field: EventField, declared: &Dependencies) {
    let is_declared = |field| declared.fields.contains(field);
    let other = |text: &mut Option<String>| *text = Some(OTHER.to_owned()).filter(|other| text.as_ref() != Some(other));
    match field {
        EventField::Channel => {}
        EventField::Kind => event.kind = if event.kind == Kind::Stream { Kind::Session } else { Kind::Stream },
        EventField::Method => other(&mut event.method),
        EventField::Target => {
            let is_other = event.target.as_ref().is_some_and(|target| target.name() == OTHER);
            event.target = (!is_other).then(|| Target::Other(OTHER.to_owned()));
        }
        EventField::Server => other(&mut event.server),
        EventField::Path => other(&mut event.path),
        EventField::Outcome | EventField::OutcomeDetail => {
            let same_outcome = is_declared(EventField::Outcome);
            let fits = |detail: &&OutcomeDetail| {
                **detail != event.detail && (!same_outcome || detail.outcome() == event.detail.outcome())
            };
            // Where the exact outcome is declared, the outcome follows from it.
            if !is_declared(EventField::OutcomeDetail) {
                event.detail = OutcomeDetail::ALL.iter().find(fits).copied().unwrap_or(event.detail);
            }
        }
        EventField::StatusCode => {
            event.status_code = if event.status_code == Some(599) { None } else { Some(599) };
        }
        EventField::ErrorCode => {
            let code =
                if event.failure.as_ref().and_then(|failure| failure.code) == Some(-1) { None } else { Some(-1) };
            event.failure = Some(Failure { code, ..event.failure.take().unwrap_or_default() });
        }
        EventField::DurationUs if is_declared(EventField::HasDuration) => {
            event.duration_us = event.duration_us.map(|micros| micros ^ 1);
        }
        EventField::HasDuration if is_declared(EventField::DurationUs) => {}
        EventField::DurationUs | EventField::HasDuration => {
            event.duration_us = if event.duration_us.is_some() { None } else { Some(7) };
        }
        EventField::User => other(&mut event.caller.user),
        EventField::Connection => other(&mut event.caller.connection),
        EventField::Instance => other(&mut event.caller.instance),
        EventField::ClientName => other(&mut event.client.name),
        EventField::HasPayload => {
            event.payload = if event.payload.is_some() { None } else { Some(Payload::default()) };
        }
        EventField::HasArguments if declared.arguments.is_empty() => match event.arguments.is_empty() {
            true => event.arguments.push(Argument { name: OTHER.to_owned(), json: "1".to_owned() }),
            false => event.arguments.clear(),
        },
        EventField::HasArguments => {}
    }
}
