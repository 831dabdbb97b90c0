//! `/api/v1/tokens`: the tokens of the caller's instance, for those who configure the log.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::auth::Visitor;
use super::super::problem::Problem;
use super::body::json;
use crate::TokenRequest;
use crate::access::Right;
use crate::store::{Token, Tokens};
use crate::time::Timestamp;

const EXAMPLE: &str = "{\"user\": \"uma\", \"connection\": \"laptop\", \"groups\": [\"user\"], \"expires\": \"90d\"}";

/// The tokens.
#[derive(Serialize)]
pub(super) struct All {
    tokens: Vec<Token>,
}

/// A token that was just made.
#[derive(Serialize)]
pub(super) struct Made {
    /// The secret, which is shown this once.
    secret: String,
    #[serde(flatten)]
    token: Token,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: String,
    #[serde(default)]
    connection: Option<String>,
    groups: Vec<String>,
    #[serde(default)]
    expires: Option<String>,
}

/// `GET`: all of them, oldest first, expired ones included.
pub(super) async fn list(visitor: Visitor) -> Result<Json<All>, Problem> {
    let tokens = tokens(&visitor)?;
    let tokens = visitor.ask(move |log, access| Ok(log.tokens(access, &tokens)?)).await?;
    Ok(Json(All { tokens }))
}

/// `POST`: makes one.
pub(super) async fn create(
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let tokens = tokens(&visitor)?;
    let Wanted { user, connection, groups, expires } = json(&headers, &body?, EXAMPLE)?;
    let expires_at = expires.map(|text| moment(&text, visitor.site.log.now())).transpose()?;
    let connection = connection.unwrap_or_else(|| user.clone());
    let wanted = TokenRequest { user, connection, groups, expires_at };
    let made = visitor.ask(move |log, access| Ok(log.create_token(access, &tokens, wanted)?));
    let (secret, token) = made.await?;
    Ok((StatusCode::CREATED, Json(Made { secret, token })))
}

/// `DELETE …/{id}`: makes one worthless.
pub(super) async fn revoke(visitor: Visitor, id: Result<Path<String>, PathRejection>) -> Result<StatusCode, Problem> {
    let tokens = tokens(&visitor)?;
    let Path(id) = id.map_err(|_| Problem::missing("token"))?;
    visitor.ask(move |log, access| Ok(log.revoke_token(access, &tokens, &id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The right first, so that whoever lacks it learns nothing.
fn tokens(visitor: &Visitor) -> Result<Tokens, Problem> {
    visitor.access.require(Right::Configure)?;
    visitor.site.identity.tokens().cloned().ok_or_else(Problem::no_tokens)
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let advice = "expires: give a span such as 90d or 12h, a date such as 2027-01-31, or leave it out.";
    Timestamp::parse_ahead(text.trim(), now).ok_or_else(|| Problem::invalid(advice))
}
