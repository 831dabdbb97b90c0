//! `GET /api/v1/entries`: a page of entries, newest first.

use axum::Json;
use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_index::Page;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_service::AuditLog;
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;
use crate::query::extractor::ParsedQuery;
use crate::query::search::{Pairs, Search};
use crate::query::{cursor, usage_query};
use crate::session::auth::Visitor;

/// A page.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Entries {
    entries: Vec<Entry>,
    /// The cursor of the page of older entries; null if there are none.
    next: Option<String>,
    /// The cursor of the page of newer entries; null if this page was the newest.
    previous: Option<String>,
    /// The query string of `/api/v1/usage` for the same search, `?` included.
    usage: String,
}

/// The parameters are those of [`Search`].
pub(crate) async fn list(visitor: Visitor, asked: ParsedQuery<Search>) -> Result<Json<Entries>, Problem> {
    let page = visitor.search(move |log, access| {
        let page = page(&asked.pairs, log, access)?;
        Ok(Entries {
            entries: page.entries,
            next: page.next.map(|seq| cursor::older(log.secret(), seq)),
            previous: page.previous.map(|seq| cursor::newer(log.secret(), seq)),
            usage: usage_query::back(&asked.pairs),
        })
    });
    page.await.map(Json)
}

/// The page that these parameters ask for.
pub(crate) fn page(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Page, Problem> {
    let search = Search::parse(pairs, log, access)?;
    Ok(log.view().reader(access).page(search.domain, search.from, search.limit)?)
}
