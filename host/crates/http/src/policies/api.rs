//! `/api/v1/policy`: what judges, what judged before, and another policy in its place. Reading needs the right to
//! configure or to verify; changing needs the right to configure, and a declared widening the right to read payloads as
//! well.

use axum::Json;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::hold::LONGEST_REASON;
use mcp_audit_log_contract::judged_by::{JudgingLayer, PolicySwap};
use mcp_audit_log_service::PolicyRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::History;
use crate::openapi::Operation;
use crate::openapi::extractors::{Sendable, Sent, Upload};
use crate::problem::Problem;
use crate::query::extractor::{Parameters, ParsedQuery, describe_limit};
use crate::query::search::{self, Pairs};
use crate::session::auth::Visitor;
use crate::settings::holds_api::Reason;

/// The actions, as entries about refused attempts name them.
pub(super) const ACTIVATED: &str = "policy.activated";
pub(super) const ROLLED_BACK: &str = "policy.rolled_back";

/// What judges at present.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActivePolicy")]
pub(crate) struct Active {
    /// The policy, and then its extensions from the bottom up.
    layers: Vec<JudgingLayer>,
    /// The `seq` of the first entry that they judged with these settings.
    since: u64,
    /// Counts changes of the settings.
    settings_version: u64,
    /// Whether they were activated while the log was open, so that they stay active whatever a start names.
    activated: bool,
}

/// The policy that is to judge.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPolicy")]
pub(crate) struct Wanted {
    /// The component of the policy, in Base64; null: the default policy.
    #[serde(default)]
    policy: Option<String>,
    /// The components of its extensions, in Base64, in any order.
    #[serde(default)]
    extensions: Vec<String>,
    /// The notes that sign the components, as text, where the log demands signatures.
    #[serde(default)]
    notes: Vec<String>,
    /// Why it is activated.
    #[schemars(length(min = 1, max = LONGEST_REASON))]
    reason: String,
}

impl Sendable for Wanted {
    const EXAMPLE: &'static str = "{\"policy\": null, \"extensions\": [\"AGFzbQ==\"], \"reason\": \"the new rules\"}";
}

/// `GET`: what judges.
pub(crate) async fn show(visitor: Visitor) -> Result<Json<Active>, Problem> {
    visitor.access.require_oversight()?;
    let found = visitor.briefly(|log, _| Ok(log.view().judges_now()?)).await?;
    let record = found.ok_or_else(|| Problem::missing("record of the policy"))?;
    Ok(Json(Active {
        layers: record.layers,
        since: record.since,
        settings_version: record.settings_version,
        activated: record.configured.is_some(),
    }))
}

/// Which records.
pub(crate) struct HistoryQuery;

impl Parameters for HistoryQuery {
    fn describe(operation: &mut Operation<'_>) {
        describe_limit(operation);
        let number = serde_json::json!({ "type": "integer", "minimum": 0 });
        operation.query("before", "Only records before this one; use `next` of the previous page.", number);
    }
}

/// `GET …/history`: what judged, newest first.
pub(crate) async fn history(visitor: Visitor, asked: ParsedQuery<HistoryQuery>) -> Result<Json<History>, Problem> {
    visitor.access.require_oversight()?;
    search::refuse_others(&asked.pairs, || ["limit", BEFORE].into_iter())?;
    let (limit, before) = (search::limit(&asked.pairs)?, before(&asked.pairs)?);
    visitor.search(move |log, _| History::find(log.view(), before, limit)).await.map(Json)
}

/// The parameter of the history, also on the page.
const BEFORE: &str = "before";

/// The `seq` in the parameter.
pub(super) fn before(pairs: &Pairs) -> Result<Option<u64>, Problem> {
    let wrong = |_| Problem::parameter(BEFORE, "before: not a seq; use `next` of the previous page.");
    search::single(pairs, BEFORE)?.map(|text| text.parse().map_err(wrong)).transpose()
}

/// `POST`: activates a policy.
pub(crate) async fn activate(visitor: Visitor, sent: Upload<Wanted>) -> Result<Json<PolicySwap>, Problem> {
    // First, so that nothing is read from a caller without the right.
    visitor.site.log.allow(&visitor.access, Right::Configure, ACTIVATED)?;
    let Wanted { policy, extensions, notes, reason } = sent.read().await?;
    let policy = policy.map(|policy| component("policy", &policy)).transpose()?;
    let extensions = extensions.iter().map(|one| component("extensions", one)).collect::<Result<_, _>>()?;
    let notes = notes.into_iter().map(String::into_bytes).collect();
    let wanted = PolicyRequest { policy, extensions, reason, notes };
    visitor.change(move |log, access| Ok(log.activate_policy(access, &wanted)?)).await.map(Json)
}

/// `POST …/rollback`: puts the policy before back.
pub(crate) async fn roll_back(visitor: Visitor, sent: Sent<Reason>) -> Result<Json<PolicySwap>, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, ROLLED_BACK)?;
    let Reason { reason } = sent.read()?;
    visitor.change(move |log, access| Ok(log.roll_back_policy(access, &reason)?)).await.map(Json)
}

fn component(field: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let refused = |error| Problem::invalid(format!("{field}: not Base64: {error}."));
    BASE64_STANDARD.decode(text.trim()).map_err(refused)
}
