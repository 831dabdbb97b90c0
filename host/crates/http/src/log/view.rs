//! Saved views on the list, and the forms that save, change and delete one.

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path};
use axum::response::Redirect;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::saved_view::{NewView, SavedView};
use uuid::Uuid;

use crate::problem::Problem;
use crate::query::grouping;
use crate::query::search::{Pairs, query_of};
use crate::session::auth::Visitor;
use crate::ui::text::Shown;

/// Names of the form's own fields; everything else in it is the search.
const NAME: &str = "view_name";
const SHARED: &str = "view_shared";

/// A view as a link.
pub(crate) struct View {
    pub(crate) id: Uuid,
    pub(crate) name: Shown,
    pub(crate) href: String,
    /// The owner, if it is another user.
    pub(crate) owner: Option<Shown>,
    pub(crate) shared: bool,
    pub(crate) on: bool,
    pub(crate) changeable: bool,
}

impl View {
    /// The view for a viewer with the search `pairs`.
    pub(crate) fn new(view: &SavedView, home: &str, pairs: &Pairs, access: &Grant) -> Self {
        let own = view.is_of(access.viewer());
        Self {
            id: view.id,
            name: Shown::line(&view.name),
            href: address(home, &view.query),
            owner: (!own).then(|| Shown::line(&view.owner)),
            shared: view.shared,
            on: kept(pairs) == view.query,
            changeable: view.may_be_changed(access),
        }
    }
}

/// The part of a search that a view keeps: without the page, and without empty parameters.
pub(crate) fn kept(pairs: &Pairs) -> Pairs {
    pairs.iter().filter(|(name, value)| name != "cursor" && !value.is_empty()).cloned().collect()
}

/// `POST /views`: saves the search in the form, and redirects to it.
pub(crate) async fn save(visitor: Visitor, sent: Result<Form<Pairs>, FormRejection>) -> Result<Redirect, Problem> {
    visitor.access.require(Right::Read)?;
    let Form(sent) = sent?;
    let (own, search): (Pairs, Pairs) = sent.into_iter().partition(|(name, _)| name == NAME || name == SHARED);
    let query = kept(&search);
    grouping::check(&query, &visitor.site.log, &visitor.access)?;
    let wanted = wanted(&own, query);
    let saved = visitor.change(move |log, access| Ok(log.save_view(access, wanted)?)).await?;
    Ok(Redirect::to(&address(visitor.site.home(), &saved.query)))
}

/// `POST /views/{id}`: renames, shares or unshares a view. Its search stays.
pub(crate) async fn change(
    visitor: Visitor,
    id: Result<Path<Uuid>, PathRejection>,
    sent: Result<Form<Pairs>, FormRejection>,
) -> Result<Redirect, Problem> {
    visitor.access.require(Right::Read)?;
    let Path(id) = id.map_err(|_| Problem::missing("view"))?;
    let Form(sent) = sent?;
    let changed = visitor.change(move |log, access| {
        let found = log.views(access)?.into_iter().find(|view| view.id == id);
        let query = found.ok_or_else(|| Problem::missing("view"))?.query;
        Ok(log.change_view(access, id, wanted(&sent, query))?)
    });
    Ok(Redirect::to(&address(visitor.site.home(), &changed.await?.query)))
}

/// The view that a form describes.
fn wanted(sent: &Pairs, query: Pairs) -> NewView {
    let field = |wanted: &str| sent.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    NewView { shared: field(SHARED).is_some(), ..NewView::new(field(NAME).unwrap_or_default(), query) }
}

/// `POST /views/{id}/delete`: deletes a view, and redirects to the list.
pub(crate) async fn delete(visitor: Visitor, id: Result<Path<Uuid>, PathRejection>) -> Result<Redirect, Problem> {
    visitor.access.require(Right::Read)?;
    let Path(id) = id.map_err(|_| Problem::missing("view"))?;
    visitor.change(move |log, access| Ok(log.delete_view(access, id)?)).await?;
    Ok(Redirect::to(visitor.site.home()))
}

fn address(home: &str, search: &Pairs) -> String {
    format!("{home}{}", query_of(search))
}
