//! `/api/v1/verification`: the whole log held against its ledger, how far that is, and what was found.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::super::auth::Visitor;
use super::super::openapi::Accepted;
use super::super::problem::Problem;
use crate::store::NOT_PROVED;
use crate::time::Timestamp;
use crate::{Found, VerificationProgress, VerificationResult};

/// What is known of verification.
#[derive(Serialize, JsonSchema)]
pub(super) struct Verification {
    /// How far it is; null while none runs.
    running: Option<Running>,
    /// How the last one ended since the log was opened; entries of the action `log.verified` tell of those before.
    last: Option<Ended>,
    /// What no verification of this kind can show.
    not_proved: &'static [&'static str],
}

/// How far one is.
#[derive(Serialize, JsonSchema)]
struct Running {
    since: Timestamp,
    by: String,
    /// Which check it is at, counted from 1; 0 before the first.
    check: usize,
    checks: usize,
    /// What that check is called.
    name: String,
    /// How much it has looked at.
    looked_at: u64,
    /// How much there is to look at; null where that is not known.
    of: Option<u64>,
}

/// How one ended.
#[derive(Serialize, JsonSchema)]
struct Ended {
    began: Timestamp,
    ended: Timestamp,
    by: String,
    /// `whole`: everything fits. `wrong`: something does not. `unread`: the log could not be read, so nothing is known.
    result: &'static str,
    /// What is wrong, or why it could not be read.
    detail: Option<String>,
    /// Where it is whole: how many entries the ledger has.
    size: Option<u64>,
    /// The ledger's root, in hexadecimal digits.
    root: Option<String>,
    /// The first place that there is.
    first: Option<u64>,
    /// What was to be compared and cannot be any more.
    not_compared: Vec<String>,
    /// The entry about it.
    entry: Uuid,
}

impl From<VerificationProgress> for Running {
    fn from(progress: VerificationProgress) -> Self {
        let VerificationProgress { began, by, at, of, check, done, all } = progress;
        Self { since: began, by, check: at, checks: of, name: check, looked_at: done, of: (all > 0).then_some(all) }
    }
}

impl From<VerificationResult> for Ended {
    fn from(result: VerificationResult) -> Self {
        let VerificationResult { began, ended, by, found, entry } = result;
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

impl From<crate::Verification> for Verification {
    fn from(known: crate::Verification) -> Self {
        Self { running: known.running.map(Running::from), last: known.last.map(Ended::from), not_proved: NOT_PROVED }
    }
}

/// `GET`: how far one is, and how the last one ended.
pub(super) async fn show(visitor: Visitor) -> Result<Json<Verification>, Problem> {
    let known = visitor.briefly(|log, access| Ok(log.verification(access)?)).await?;
    Ok(Json(known.into()))
}

/// `POST`: starts one and answers with how it stands.
pub(super) async fn start(visitor: Visitor) -> Result<Accepted<Verification>, Problem> {
    let known = visitor.change(|log, access| {
        log.start_verification(access)?;
        Ok(log.verification(access)?)
    });
    Ok(Accepted(known.await?.into()))
}
