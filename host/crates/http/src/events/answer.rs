//! The result of each item, in the order of the request.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_index::Stored;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::values::Refusal;
use crate::openapi::{Operation, Output};
use crate::problem::{INVALID, PROBLEM_JSON, Problem};

/// The answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsAnswer")]
pub(crate) struct Answer {
    stored: usize,
    duplicate: usize,
    refused: usize,
    /// Whether the log keeps payloads now. While it does not, leave them out.
    keeps_payloads: bool,
    /// One result for each item, in their order.
    results: Vec<Outcome>,
}

/// The result of one item.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "result", rename_all = "lowercase")]
#[schemars(rename = "EventResult")]
enum Outcome {
    /// Stored, as this entry.
    Stored { id: Uuid, seq: u64 },
    /// The log already has this item. Nothing was changed.
    Duplicate { id: Uuid },
    /// The item was rejected.
    Refused(Refusal),
}

/// Every item was rejected.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsProblem")]
struct NothingStored {
    #[serde(flatten)]
    problem: Problem,
    #[serde(flatten)]
    answer: Answer,
}

impl Answer {
    /// `recorded` has the results of the accepted items.
    pub(crate) fn new(
        keeps_payloads: bool,
        items: Vec<Result<Uuid, Refusal>>,
        recorded: Vec<Result<Stored, RecordError>>,
    ) -> Result<Self, Problem> {
        let mut recorded = recorded.into_iter();
        let outcome = |item| match item {
            Err(refusal) => Ok(Outcome::Refused(refusal)),
            Ok(id) => recorded.next().map_or_else(|| Err(Problem::unsure()), |stored| outcome(id, stored)),
        };
        let results = items.into_iter().map(outcome).collect::<Result<Vec<_>, _>>()?;
        let count = |test: fn(&Outcome) -> bool| results.iter().filter(|outcome| test(outcome)).count();
        Ok(Self {
            stored: count(|outcome| matches!(outcome, Outcome::Stored { .. })),
            duplicate: count(|outcome| matches!(outcome, Outcome::Duplicate { .. })),
            refused: count(|outcome| matches!(outcome, Outcome::Refused(_))),
            keeps_payloads,
            results,
        })
    }
}

fn outcome(id: Uuid, stored: Result<Stored, RecordError>) -> Result<Outcome, Problem> {
    match stored {
        Ok(Stored::At(seq)) => Ok(Outcome::Stored { id, seq }),
        Ok(Stored::Duplicate) => Ok(Outcome::Duplicate { id }),
        Ok(Stored::Conflict) => {
            let reason = "another event has this id, so this one was not recorded; use a new id";
            Ok(Outcome::Refused(Refusal::of("id", reason)))
        }
        Err(RecordError::Refused(_)) => {
            let reason = "the log's store rejected it; do not send it again; the server's log has the reason";
            Ok(Outcome::Refused(Refusal::whole(reason)))
        }
        Err(_) => Err(Problem::unsure()),
    }
}

impl IntoResponse for Answer {
    /// 200 if all items are in the log, 207 if some are, 422 if none is.
    fn into_response(self) -> Response {
        match self.refused {
            0 => Json(self).into_response(),
            refused if refused < self.results.len() => (StatusCode::MULTI_STATUS, Json(self)).into_response(),
            _ => {
                let problem = Problem::invalid("Nothing was recorded; `results` has the reason for each item.");
                let body = Json(NothingStored { problem, answer: self });
                let kind = [(CONTENT_TYPE, PROBLEM_JSON)];
                (StatusCode::UNPROCESSABLE_ENTITY, kind, body).into_response()
            }
        }
    }
}

impl Output for Answer {
    fn describe(operation: &mut Operation<'_>) {
        operation.json::<Self>(StatusCode::OK);
        operation.json::<Self>(StatusCode::MULTI_STATUS);
        operation.problem::<NothingStored>(INVALID);
    }
}
