//! `/api/v1/views`: saved searches, the caller's own and the shared ones.

use axum::Json;
use axum::response::NoContent;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::saved_view::{LONGEST_NAME, NewView, SavedView};
use mcp_audit_log_model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::openapi::Created;
use crate::openapi::extractors::Id;
use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::query::{grouping, search};
use crate::session::auth::Visitor;

/// The views.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Views {
    views: Vec<View>,
}

/// A view.
#[derive(Serialize, JsonSchema)]
pub(crate) struct View {
    id: Uuid,
    name: String,
    owner: String,
    /// Whether the caller owns it.
    own: bool,
    shared: bool,
    /// The query string of a list of entries, or of groups if it has `by`, without the `?`.
    query: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A view to save.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewView")]
pub(crate) struct Wanted {
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    name: String,
    /// Whether other users of the tenant see it too.
    #[serde(default)]
    shared: bool,
    /// The search as a percent-encoded query string, without the `?`.
    query: String,
}

impl Sendable for Wanted {
    const EXAMPLE: &'static str =
        "{\"name\": \"Errors of today\", \"query\": \"outcome=error&from=today\", \"shared\": false}";
}

impl View {
    fn new(view: SavedView, access: &Grant) -> Self {
        let query = search::query_of(&view.query);
        Self {
            id: view.id,
            own: view.is_of(access.viewer()),
            name: view.name,
            owner: view.owner,
            shared: view.shared,
            query: query.trim_start_matches('?').to_owned(),
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

/// `GET`: all views that the caller may see, by name.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<Views>, Problem> {
    let views = visitor.search(|log, access| {
        Ok(log.views(access)?.into_iter().map(|view| View::new(view, access)).collect::<Vec<_>>())
    });
    Ok(Json(Views { views: views.await? }))
}

/// `POST`: saves one.
pub(crate) async fn save(visitor: Visitor, sent: Sent<Wanted>) -> Result<Created<View>, Problem> {
    let wanted = wanted(&visitor, sent)?;
    let saved = visitor.change(move |log, access| Ok(View::new(log.save_view(access, wanted)?, access)));
    Ok(Created(saved.await?))
}

/// `PUT …/{id}`: replaces name, search and whether it is shared.
pub(crate) async fn change(visitor: Visitor, id: Id, sent: Sent<Wanted>) -> Result<Json<View>, Problem> {
    let wanted = wanted(&visitor, sent)?;
    let id = id.of("view")?;
    visitor.change(move |log, access| Ok(View::new(log.change_view(access, id, wanted)?, access))).await.map(Json)
}

/// `DELETE …/{id}`.
pub(crate) async fn delete(visitor: Visitor, id: Id) -> Result<NoContent, Problem> {
    visitor.access.require(Right::Read)?;
    let id = id.of("view")?;
    visitor.change(move |log, access| Ok(log.delete_view(access, id)?)).await?;
    Ok(NoContent)
}

fn wanted(visitor: &Visitor, sent: Sent<Wanted>) -> Result<NewView, Problem> {
    visitor.access.require(Right::Read)?;
    let Wanted { name, shared, query } = sent.read()?;
    let query = search::pairs(&query)?;
    // Checked as any search is, so that a view is never saved that cannot be shown.
    grouping::check(&query, &visitor.site.log, &visitor.access)?;
    Ok(NewView { shared, ..NewView::new(name, query) })
}
