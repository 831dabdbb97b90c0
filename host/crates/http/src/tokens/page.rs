//! `/tokens`: the tokens of the viewer's tenant, and what MCP clients need to use one. A secret is shown once, on the
//! page that answers its creation.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_service::TokenRequest;
use mcp_audit_log_store::{Token, TokenAction};
use serde::Deserialize;

use super::api::{expiry, tokens};
use super::snippet;
use super::snippet::{PLACEHOLDER, ServerAddress, Snippet};
use crate::problem::Problem;
use crate::query::search::{Pairs, query, values};
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::site::Site;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    frame: Frame,
    notice: Option<&'static str>,
    /// The new token's secret.
    secret: Option<String>,
    /// The token that the snippets are for.
    chosen: Option<TokenLine>,
    snippets: Vec<Snippet>,
    /// Whether the address is only an example, because the site knows no server.
    is_example: bool,
    tokens: Vec<TokenLine>,
    typed: TypedToken,
    /// The groups that the viewer may give, and whether each is ticked.
    groups: Vec<(String, bool)>,
}

/// A token as the page shows it.
struct TokenLine {
    id: String,
    user: Shown,
    connection: Shown,
    groups: Shown,
    created: (String, String),
    expires: Option<(String, String)>,
    used: Option<String>,
    is_expired: bool,
    /// The page with what clients need to use it.
    href: String,
}

/// The input of the form that makes a token, and the reason why it was refused.
#[derive(Default)]
struct TypedToken {
    user: String,
    connection: String,
    expires: String,
    groups: Vec<String>,
    error: Option<Shown>,
}

impl TokenLine {
    fn new(token: &Token, clock: PageClock, base: &str) -> Self {
        let time = |at| (clock.ago(at), clock.both(at));
        Self {
            id: token.id.clone(),
            user: Shown::line(&token.user),
            connection: Shown::line(&token.connection),
            groups: Shown::line(&token.groups.join(", ")),
            created: time(token.created_at),
            expires: token.expires_at.map(|at| (clock.ahead(at.max(clock.now)), clock.both(at))),
            // It is known to the hour only.
            used: token.last_used_at.map(|at| format!("in the hour from {}", clock.zone.minute(at))),
            is_expired: token.is_expired(clock.now),
            href: format!("{base}/tokens{}#use", query([("token", token.id.as_str())])),
        }
    }
}

/// `GET`: the tokens; with `token`, what clients need to use that one.
pub(crate) async fn show(
    visitor: Visitor,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Problem> {
    let chosen = values(&pairs, "token").next().map(str::to_owned);
    let notice = values(&pairs, "revoked").next().map(|_| "The token is revoked, and its sessions have ended.");
    let page = page(&visitor, &headers, chosen, TypedToken::default()).await?;
    Ok(draw(StatusCode::OK, &Page { notice, ..page }))
}

/// `POST`: makes a token and shows its secret. A refused form keeps its input.
pub(crate) async fn create(
    visitor: Visitor,
    headers: HeaderMap,
    sent: Result<Form<Pairs>, FormRejection>,
) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, TokenAction::Created.as_str())?;
    let all = tokens(&visitor)?;
    let Form(sent) = sent?;
    let field = |name: &str| values(&sent, name).next().unwrap_or_default().trim().to_owned();
    let [user, connection, expires] = ["user", "connection", "expires"].map(field);
    let typed = TypedToken {
        groups: values(&sent, "group").map(str::to_owned).collect(),
        user,
        connection,
        expires,
        error: None,
    };
    let made = match expiry(Some(&typed.expires), visitor.clock()) {
        Ok(expires_at) => {
            let connection = if typed.connection.is_empty() { &typed.user } else { &typed.connection };
            let wanted = TokenRequest::new(&typed.user, connection, typed.groups.clone()).expires(expires_at);
            visitor.change(move |log, access| Ok(log.create_token(access, &all, wanted)?)).await
        }
        Err(problem) => Err(problem),
    };
    match made {
        Ok((secret, token)) => {
            let page = page(&visitor, &headers, Some(token.id), TypedToken::default()).await?;
            let snippets = snippet::all(&servers(&visitor.site, &headers).0, &secret);
            Ok(draw(StatusCode::OK, &Page { secret: Some(secret), snippets, ..page }))
        }
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let typed = TypedToken { error: Some(Shown::line(problem.detail())), ..typed };
            Ok(draw(problem.status(), &page(&visitor, &headers, None, typed).await?))
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Deserialize)]
pub(crate) struct RevokedToken {
    id: String,
}

/// `POST /tokens/revoke`: revokes a token.
pub(crate) async fn revoke(
    visitor: Visitor,
    sent: Result<Form<RevokedToken>, FormRejection>,
) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, TokenAction::Revoked.as_str())?;
    let all = tokens(&visitor)?;
    let Form(RevokedToken { id }) = sent?;
    visitor.change(move |log, access| Ok(log.revoke_token(access, &all, &id)?)).await?;
    Ok(Redirect::to(&format!("{}/tokens?revoked=true", visitor.site.base)).into_response())
}

/// The page with what clients need to use this token, if it is one of the tenant's.
async fn page(
    visitor: &Visitor,
    headers: &HeaderMap,
    chosen: Option<String>,
    typed: TypedToken,
) -> Result<Page, Problem> {
    visitor.access.require(Right::Manage)?;
    let all = tokens(visitor)?;
    // A new token's secret is shown once, so this must not be refused for want of a turn.
    let found = visitor.briefly(move |log, access| Ok((log.tokens(access, &all)?, log.groups_to_give(access))));
    let (found, groups) = found.await?;
    let (clock, base) = (visitor.clock(), visitor.site.base.as_str());
    let line = |token: &Token| TokenLine::new(token, clock, base);
    let chosen = chosen.map(|id| found.iter().find(|token| token.id == id).ok_or_else(|| Problem::missing("token")));
    let (addresses, is_example) = servers(&visitor.site, headers);
    let chosen = chosen.transpose()?.map(line);
    Ok(Page {
        frame: Frame::new(&visitor.site, Some(visitor), "/tokens", "Tokens"),
        notice: None,
        secret: None,
        snippets: chosen.iter().flat_map(|_| snippet::all(&addresses, PLACEHOLDER)).collect(),
        chosen,
        is_example,
        tokens: found.iter().rev().map(line).collect(),
        groups: groups
            .into_iter()
            .map(|group| (typed.groups.contains(&group), group))
            .map(|(on, name)| (name, on))
            .collect(),
        typed,
    })
}

/// The MCP servers as this browser reaches them, and whether they are only an example.
fn servers(site: &Site, headers: &HeaderMap) -> (Vec<ServerAddress>, bool) {
    let scheme = if site.https { "https" } else { "http" };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let absolute = |url: &str| if url.starts_with('/') { format!("{scheme}://{host}{url}") } else { url.to_owned() };
    let known = site.servers.iter().map(|(name, url)| ServerAddress { name: name.clone(), url: absolute(url) });
    let known: Vec<_> = known.collect();
    match known.is_empty() {
        true => (vec![ServerAddress { name: "NAME".to_owned(), url: absolute("/mcp/NAME") }], true),
        false => (known, false),
    }
}
