//! The API, version 1: JSON in, JSON or a problem out.

mod body;
mod crons;
mod entries;
mod entry;
mod extent;
mod groups;
pub(super) mod health;
mod holds;
mod manifest;
mod me;
mod settings;
mod tail;
mod tokens;
mod values;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

use super::problem::Problem;
use super::{Site, auth};

/// The routes below `/api/v1`, all behind the sign-in.
pub(super) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .route("/entries", get(entries::list))
        .route("/entries/tail", get(tail::follow))
        .route("/entries/{id}", get(entry::show))
        .route("/groups", get(groups::list))
        .route("/values/{field}", get(values::list))
        .route("/settings", get(settings::show).patch(settings::change))
        .route("/crons", get(crons::list))
        .route("/crons/{name}/run", post(crons::run))
        .route("/extent", get(extent::show))
        .route("/holds", get(holds::list).post(holds::place))
        .route("/holds/{id}/release", post(holds::release))
        .route("/views", get(views::list).post(views::save))
        .route("/views/{id}", put(views::change).delete(views::delete))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/manifest", get(manifest::show))
        .route("/me", get(me::show))
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(site), auth::for_api))
}
