//! The pages: drawn on the server, readable without JavaScript, and made of the same searches as the API.

pub(crate) mod assets;
pub(crate) mod frame;
pub(crate) mod labels;
pub(crate) mod text;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use super::Site;
use super::problem::Problem;
use super::session::auth;
use crate::log::view;
use crate::settings::{cron, hold};
use crate::{entry, export, integrity, log, settings, usage};

/// The routes, all inside the sign-in; unknown paths get a page too.
pub(crate) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(log::page::show).layer(from_fn(usage::page::instead)))
        .route("/entries/{id}", get(entry::page::show).post(entry::page::show))
        .route("/usage", get(usage::page::show))
        .route("/integrity", get(integrity::page::show))
        .route("/integrity/verify", post(integrity::page::verify))
        .route("/export", get(export::form::download).post(export::form::download))
        .route("/settings", get(settings::page::show).post(settings::page::change))
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

pub(crate) fn draw(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
