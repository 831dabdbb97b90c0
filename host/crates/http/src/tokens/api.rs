//! `/api/v1/tokens`: the tokens of the caller's tenant. Needs the right to manage.

use axum::Json;
use axum::response::NoContent;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_model::name::LONGEST_NAME;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::TokenRequest;
use mcp_audit_log_store::{Token, TokenAction, Tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::openapi::Created;
use crate::openapi::extractors::Name;
use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;

/// The tokens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tokens")]
pub(crate) struct All {
    tokens: Vec<Token>,
}

/// A new token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeToken")]
pub(crate) struct Made {
    /// The secret. It is never shown again.
    secret: String,
    #[serde(flatten)]
    token: Token,
}

/// A token to make.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub(crate) struct Wanted {
    /// The user of the token.
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    user: String,
    /// The name of the connection; by default the user's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    connection: Option<String>,
    /// Groups of the policy; the creator must have each of them.
    #[schemars(length(min = 1))]
    groups: Vec<String>,
    /// The expiry: a duration such as `90d` or `12h`, or a date; by default never.
    #[serde(default)]
    expires: Option<String>,
}

impl Sendable for Wanted {
    const EXAMPLE: &'static str =
        "{\"user\": \"uma\", \"connection\": \"laptop\", \"groups\": [\"user\"], \"expires\": \"90d\"}";
}

/// `GET`: all tokens, oldest first, including expired ones.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<All>, Problem> {
    visitor.access.require(Right::Manage)?;
    let tokens = tokens(&visitor)?;
    let tokens = visitor.search(move |log, access| Ok(log.tokens(access, &tokens)?)).await?;
    Ok(Json(All { tokens }))
}

/// `POST`: makes one.
pub(crate) async fn create(visitor: Visitor, sent: Sent<Wanted>) -> Result<Created<Made>, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, TokenAction::Created.as_str())?;
    let tokens = tokens(&visitor)?;
    let Wanted { user, connection, groups, expires } = sent.read()?;
    let expires_at = expiry(expires.as_deref(), visitor.clock())?;
    let connection = connection.unwrap_or_else(|| user.clone());
    let wanted = TokenRequest::new(user, connection, groups).expires(expires_at);
    let made = visitor.change(move |log, access| Ok(log.create_token(access, &tokens, wanted)?));
    let (secret, token) = made.await?;
    Ok(Created(Made { secret, token }))
}

/// `DELETE …/{id}`: revokes a token.
pub(crate) async fn revoke(visitor: Visitor, Name(id): Name) -> Result<NoContent, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, TokenAction::Revoked.as_str())?;
    let tokens = tokens(&visitor)?;
    visitor.change(move |log, access| Ok(log.revoke_token(access, &tokens, &id)?)).await?;
    Ok(NoContent)
}

/// The tokens of this log. The right is checked first, so that a caller without it learns nothing.
pub(super) fn tokens(visitor: &Visitor) -> Result<Tokens, Problem> {
    visitor.site.identity.tokens().cloned().ok_or_else(Problem::no_tokens)
}

/// The expiry that a text names; an empty one means never.
pub(super) fn expiry(text: Option<&str>, clock: PageClock) -> Result<Option<Timestamp>, Problem> {
    let advice = "expires: give a duration such as 90d or 12h, or a date such as 2027-01-31, or leave it out.";
    let read = |text: &str| {
        let begins = |at: &Timestamp| clock.zone.parse_spoken(text, clock.now).map_or(*at, |(from, _)| from);
        Timestamp::parse_ahead(text, clock.now).map(|at| begins(&at)).ok_or_else(|| Problem::invalid(advice))
    };
    text.map(str::trim).filter(|text| !text.is_empty()).map(read).transpose()
}
