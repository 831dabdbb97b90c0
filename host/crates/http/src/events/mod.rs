//! `POST /api/v1/events`: a platform sends one event or many, and gets the result of each.

mod answer;
mod body;
mod fields;
mod schema;
mod sender;
mod values;

use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_index::Stored;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::AuditLog;
use uuid::Uuid;

use self::answer::Answer;
use self::body::Form;
use self::body::Sent;
use self::sender::Sender;
use self::values::Refusal;
use crate::problem::Problem;
use crate::session::auth::Visitor;

/// The route for events, below the API.
pub(crate) const PATH: &str = "/events";
/// The time that a sender waits until everything is durable.
const PATIENCE: Duration = Duration::from_secs(10);

/// The events of a request in order, and for each item the id of its event or the reason why there is none.
struct Read {
    events: Vec<Event>,
    items: Vec<Result<Uuid, Refusal>>,
    bytes: usize,
}

/// Answers when all accepted items are durable. It accepts all valid items, or none.
pub(crate) async fn take(visitor: Visitor, sent: Sent) -> Result<Answer, Problem> {
    // First, so that no body is read from a sender without the right.
    visitor.access.require(Right::Record)?;
    let form = sent.form()?;
    let turn = visitor.site.turns.intake().await?;
    let body = sent.read().await?;
    let Read { events, items, bytes } = visitor.briefly(move |log, access| read(log, access, &body, form)).await?;
    drop(turn);
    let recorded = match events.is_empty() {
        true => Vec::new(),
        false => record(&visitor.site.log, events, bytes).await?,
    };
    Answer::new(visitor.site.log.keeps_payloads(), items, recorded)
}

fn read(log: &AuditLog, access: &Grant, body: &[u8], form: Form) -> Result<Read, Problem> {
    let sender = Sender::new(log, access.viewer());
    let mut read = Read { events: Vec::new(), items: Vec::new(), bytes: body.len() };
    for item in body::items(body, form)? {
        let event = item.and_then(|item| sender.event(item));
        read.items.push(event.as_ref().map(|event| event.id).map_err(Clone::clone));
        read.events.extend(event);
    }
    Ok(read)
}

/// The result of each event.
type Recorded = Vec<Result<Stored, RecordError>>;

async fn record(log: &AuditLog, events: Vec<Event>, bytes: usize) -> Result<Recorded, Problem> {
    match tokio::time::timeout(PATIENCE, log.record_all(events, bytes)).await {
        Ok(Ok(recorded)) => Ok(recorded),
        Ok(Err(_)) => Err(Problem::nothing_taken()),
        Err(_) => Err(Problem::unsure()),
    }
}
