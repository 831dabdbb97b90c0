//! `/api/v1/verification`: starts a verification of the whole log, and returns its progress and result.

use axum::Json;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::{Found, VerificationProgress, VerificationResult};
use mcp_audit_log_store::NOT_PROVED;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::Accepted;
use crate::problem::Problem;
use crate::session::auth::Visitor;

/// The state of verification.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Verification {
    /// The progress; null while no verification runs.
    running: Option<Running>,
    /// The last result since the log was opened. Earlier results are entries with the action `log.verified`.
    last: Option<Ended>,
    /// The limits of what this verification can prove.
    not_proved: &'static [&'static str],
}

/// The progress of a verification.
#[derive(Serialize, JsonSchema)]
struct Running {
    since: Timestamp,
    by: String,
    /// The current check, from 1; 0 before the first.
    check: usize,
    checks: usize,
    /// The name of that check.
    name: String,
    /// The number of checked items.
    looked_at: u64,
    /// The number of items to check; null if unknown.
    of: Option<u64>,
}

/// The result of a verification.
#[derive(Serialize, JsonSchema)]
struct Ended {
    began: Timestamp,
    ended: Timestamp,
    by: String,
    /// `whole`: everything matches. `wrong`: something does not. `unread`: the log could not be read.
    result: &'static str,
    /// The mismatch, or the reason why the log could not be read.
    detail: Option<String>,
    /// If the result is `whole`: the number of entries in the ledger.
    size: Option<u64>,
    /// The ledger's root, in hexadecimal digits.
    root: Option<String>,
    /// The seq of the oldest entry.
    first: Option<u64>,
    /// Checkpoints that could not be compared.
    not_compared: Vec<String>,
    /// The entry about it.
    entry: Uuid,
}

impl From<VerificationProgress> for Running {
    fn from(progress: VerificationProgress) -> Self {
        let VerificationProgress { began, by, at, of, check, done, all, .. } = progress;
        Self { since: began, by, check: at, checks: of, name: check, looked_at: done, of: (all > 0).then_some(all) }
    }
}

impl From<VerificationResult> for Ended {
    fn from(result: VerificationResult) -> Self {
        let VerificationResult { began, ended, by, found, entry, .. } = result;
        let none = Self {
            began,
            ended,
            by,
            result: "whole",
            detail: None,
            size: None,
            root: None,
            first: None,
            not_compared: Vec::new(),
            entry,
        };
        match found {
            Found::Whole(verified) => Self {
                size: Some(verified.head.size),
                root: Some(verified.head.root.to_string()),
                first: Some(verified.first),
                not_compared: verified.uncompared,
                ..none
            },
            Found::Wrong(wrong) => Self { result: "wrong", detail: Some(wrong.to_string()), ..none },
            Found::Unread(error) => Self { result: "unread", detail: Some(error), ..none },
        }
    }
}

impl From<mcp_audit_log_service::Verification> for Verification {
    fn from(known: mcp_audit_log_service::Verification) -> Self {
        Self { running: known.running.map(Running::from), last: known.last.map(Ended::from), not_proved: NOT_PROVED }
    }
}

/// `GET`: the progress of the current run, and the result of the last one.
pub(crate) async fn show(visitor: Visitor) -> Result<Json<Verification>, Problem> {
    let known = visitor.briefly(|log, access| Ok(log.verification(access)?)).await?;
    Ok(Json(known.into()))
}

/// `POST`: starts a verification and returns its state.
pub(crate) async fn start(visitor: Visitor) -> Result<Accepted<Verification>, Problem> {
    let known = visitor.change(|log, access| {
        log.start_verification(access)?;
        Ok(log.verification(access)?)
    });
    Ok(Accepted(known.await?.into()))
}
