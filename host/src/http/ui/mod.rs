//! The pages: drawn on the server, readable without JavaScript, and made of the same searches as the API.

pub(super) mod assets;
mod bars;
mod bounds;
mod changed;
mod changes;
mod chips;
mod chosen;
mod confirm;
mod cron;
mod entry;
pub(super) mod error;
mod export;
mod extent;
mod facets;
mod frame;
mod groups;
mod hold;
mod integrity;
mod json;
mod labels;
mod levels;
mod list;
mod menus;
mod near;
mod panel;
mod payload;
mod proof;
mod reading;
mod row;
mod settings;
pub(super) mod sign_in;
mod table;
mod text;
mod usage;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use super::problem::Problem;
use super::{Site, auth};

/// The routes, all inside the sign-in; unknown paths get a page too.
pub(super) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(list::show).layer(from_fn(usage::instead)))
        .route("/entries/{id}", get(entry::show).post(entry::show))
        .route("/usage", get(usage::show))
        .route("/integrity", get(integrity::show))
        .route("/integrity/verify", post(integrity::verify))
        .route("/export", get(export::download).post(export::download))
        .route("/settings", get(settings::show).post(settings::change))
        .route("/settings/crons", post(cron::run))
        .route("/settings/holds", post(hold::place))
        .route("/settings/holds/release", post(hold::release))
        .route("/views", post(view::save))
        .route("/views/{id}", post(view::change))
        .route("/views/{id}/delete", post(view::delete))
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(site), auth::for_pages))
}

fn draw(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
