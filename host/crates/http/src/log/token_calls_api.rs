//! `/api/v1/settings/mcp-audit` and `/api/v1/settings/mcp-tokens/{token_id}/audit`: the latest calls with tokens, in
//! the format of a cluster platform's settings page.

use axum::Json;
use mcp_audit_log_contract::access::{Grant, GrantInternals, Right};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::Place;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Caller, Channel};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::AuditLog;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::extractors::Id;
use crate::problem::Problem;
use crate::query::extractor::{LimitOnly, ParsedQuery};
use crate::query::search;
use crate::session::auth::Visitor;

/// The word for a token in problems.
const TOKEN: &str = "token";

/// A call.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Call {
    /// The entry's id.
    id: Uuid,
    /// The name of the token or connection.
    token_name: String,
    /// The HTTP method; `TOOL` for calls through a tunnel.
    method: Option<String>,
    path: String,
    status_code: Option<u16>,
    /// The time of recording; the list is sorted by it, newest first.
    created_at: Timestamp,
}

/// The calls of every token.
pub(crate) async fn list(visitor: Visitor, asked: ParsedQuery<LimitOnly>) -> Result<Json<Vec<Call>>, Problem> {
    let calls = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        latest(log, access, &asked, Domain::TRUE)
    });
    calls.await.map(Json)
}

/// The calls of one token. For a viewer who may not see them, the token does not exist.
pub(crate) async fn of_token(
    visitor: Visitor,
    id: Id,
    asked: ParsedQuery<LimitOnly>,
) -> Result<Json<Vec<Call>>, Problem> {
    visitor.access.require(Right::Read).map_err(Problem::from)?;
    let id = id.of(TOKEN)?;
    let token = visitor.site.identity.name(&id.to_string()).await?.ok_or_else(|| Problem::missing(TOKEN))?;
    let calls = visitor.search(move |log, access| {
        let calls = latest(log, access, &asked, made_with(&token))?;
        // A viewer who may not see the token's calls does not learn that the token exists.
        if calls.is_empty() && !access.rule().matches(&call_with(&token)) {
            return Err(Problem::missing(TOKEN));
        }
        Ok(calls)
    });
    calls.await.map(Json)
}

fn latest(
    log: &AuditLog,
    access: &Grant,
    asked: &ParsedQuery<LimitOnly>,
    domain: Domain,
) -> Result<Vec<Call>, Problem> {
    search::refuse_others(&asked.pairs, || ["limit"].into_iter())?;
    let calls = [Field::Connection, Field::Path].map(|field| Domain::unset(field).not());
    let domain = Domain::all_of(calls).and(domain);
    let page = log.view().reader(access).page(domain, Place::Newest, search::limit(&asked.pairs)?)?;
    Ok(page.entries.iter().map(Call::new).collect())
}

/// An entry has no token id. It has the user and the token's name, which only a replacement of the token shares.
fn made_with(token: &Caller) -> Domain {
    let is = |(field, text): &(Field, Option<String>)| match text {
        Some(text) => Domain::equals(*field, text.as_str()),
        None => Domain::unset(*field),
    };
    Domain::all_of(names(token).iter().map(is))
}

/// An entry that only records the use of the token.
fn call_with(token: &Caller) -> Entry {
    let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
    names(token).iter().for_each(|(field, text)| entry.set_text(*field, text.as_deref()));
    entry
}

fn names(token: &Caller) -> [(Field, Option<String>); 3] {
    let Caller { user, connection, instance, .. } = token.clone();
    [(Field::User, user), (Field::Connection, connection), (Field::Instance, instance)]
}

impl Call {
    fn new(entry: &Entry) -> Self {
        let text = |field| entry.text(field).map(str::to_owned);
        // A call of the vendor's API shows its HTTP method or `TOOL`; an MCP call shows its target.
        let of_api = entry.text(Field::Channel) == Some(Channel::Api.as_str());
        let http = text(Field::HttpMethod).filter(|_| !of_api);
        Self {
            id: entry.id,
            token_name: text(Field::Connection).unwrap_or_default(),
            method: http.or_else(|| text(Field::Method)),
            path: text(Field::Path).unwrap_or_default(),
            status_code: entry.status_code,
            created_at: entry.recorded_at,
        }
    }
}
