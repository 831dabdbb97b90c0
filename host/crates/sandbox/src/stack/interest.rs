//! Which events an extension is asked about: a domain over what an event and its verdict so far have.

use std::collections::BTreeSet;

use mcp_audit_log_contract::depends::{Dependencies, EventField};
use mcp_audit_log_filter::{Context, Domain, DomainToken, from_tokens};
use mcp_audit_log_model::event::{Event, Target};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

use crate::Verdict;

/// The fields that are known when a verdict is amended, and what of the event they are made of. A verdict's fields depend
/// on what the layers below depend on.
const FIELDS: [(Field, Option<EventField>); 21] = [
    (Field::Channel, Some(EventField::Channel)),
    (Field::Kind, Some(EventField::Kind)),
    (Field::Method, Some(EventField::Method)),
    (Field::Tool, Some(EventField::Target)),
    (Field::Prompt, Some(EventField::Target)),
    (Field::ResourceUri, Some(EventField::Target)),
    (Field::Server, Some(EventField::Server)),
    (Field::Path, Some(EventField::Path)),
    (Field::Outcome, Some(EventField::Outcome)),
    (Field::OutcomeDetail, Some(EventField::OutcomeDetail)),
    (Field::StatusCode, Some(EventField::StatusCode)),
    (Field::User, Some(EventField::User)),
    (Field::Connection, Some(EventField::Connection)),
    (Field::Instance, Some(EventField::Instance)),
    (Field::ClientName, Some(EventField::ClientName)),
    (Field::Action, None),
    (Field::Model, None),
    (Field::RecordId, None),
    (Field::ResourceType, None),
    (Field::ResourceId, None),
    (Field::ResourceName, None),
];

/// The domain of these tokens.
pub(crate) fn domain(tokens: &[DomainToken], now: Timestamp) -> Result<Domain, String> {
    // No viewer is there when an event is judged.
    let domain = from_tokens(tokens, &Context::new(now, None, None)).map_err(|error| error.to_string())?;
    let other = fields(&domain).into_iter().find(|field| FIELDS.iter().all(|(known, _)| known != field));
    match other {
        Some(field) => Err(format!("the field {} is not known yet when an event is judged", field.name())),
        None => Ok(domain),
    }
}

/// The parts of an event that the domain depends on.
pub(crate) fn depends(domain: &Domain) -> Dependencies {
    let parts = fields(domain).into_iter().filter_map(|field| FIELDS.iter().find(|(known, _)| *known == field)?.1);
    Dependencies { fields: parts.collect(), ..Dependencies::default() }
}

fn fields(domain: &Domain) -> BTreeSet<Field> {
    let mut fields = BTreeSet::new();
    domain.fields(&mut fields);
    fields
}

/// Whether the event with its verdict so far is one that the extension is asked about.
pub(crate) fn holds(domain: &Domain, event: &Event, verdict: &Verdict) -> bool {
    *domain == Domain::TRUE || domain.holds(&|field| value(field, event, verdict))
}

fn value(field: Field, event: &Event, verdict: &Verdict) -> Value {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(Value::Unset, Value::from);
    let (affected, target) = (verdict.affected.as_ref(), event.target.as_ref());
    match field {
        Field::Channel => event.channel.as_str().into(),
        Field::Kind => event.kind.as_str().into(),
        Field::Method => text(event.method.as_deref()),
        Field::Tool => {
            text(target.and_then(|target| if let Target::Tool(name) = target { Some(&**name) } else { None }))
        }
        Field::Prompt => {
            text(target.and_then(|target| if let Target::Prompt(name) = target { Some(&**name) } else { None }))
        }
        Field::ResourceUri => {
            text(target.and_then(|target| if let Target::Resource(uri) = target { Some(&**uri) } else { None }))
        }
        Field::Server => text(event.server.as_deref()),
        Field::Path => text(event.path.as_deref()),
        Field::Outcome => event.detail.outcome().as_str().into(),
        Field::OutcomeDetail => event.detail.as_str().into(),
        Field::StatusCode => event.status_code.map_or(Value::Unset, |code| i64::from(code).into()),
        Field::User => text(event.caller.user.as_deref()),
        Field::Connection => text(event.caller.connection.as_deref()),
        Field::Instance => text(event.caller.instance.as_deref()),
        Field::ClientName => text(event.client.name.as_deref()),
        Field::Action => verdict.action.as_str().into(),
        Field::Model => text(verdict.model.as_deref()),
        Field::RecordId => text(verdict.record_id.as_deref()),
        Field::ResourceType => text(affected.map(|one| one.kind.as_str())),
        Field::ResourceId => text(affected.and_then(|one| one.id.as_deref())),
        Field::ResourceName => text(affected.and_then(|one| one.name.as_deref())),
        // `domain` lets no other field pass.
        _ => Value::Unset,
    }
}
