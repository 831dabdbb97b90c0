//! The log over HTTP: an API under `/api/v1`, pages at `/`, and the sign-in of both.
//!
//! Every route except the sign-in, the assets and the probes is inside [`sign_in::gate`]. The gate creates the
//! [`session::auth::Visitor`] without which a handler cannot reach the log.
//!
//! Features use the shared modules ([`site`], [`session`], [`query`], [`ui`]), and only this file and [`api`] list the
//! features.

mod alerts;
mod api;
mod entry;
mod events;
mod export;
mod integrity;
mod log;
#[cfg(feature = "mcp")]
mod mcp;
mod metrics;
mod openapi;
mod policies;
mod problem;
mod query;
mod server;
mod servers;
mod session;
mod settings;
mod sign_in;
mod site;
mod timeline;
mod times;
mod tokens;
mod ui;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_service::AuditLog;

use crate::log::view;
use crate::openapi::extractors::UPLOAD;
use crate::problem::Problem;
use crate::server::{middleware, timed_body};
use crate::settings::{cron, hold};
use crate::sign_in::gate;
use crate::site::{ALERTS, API, Tab};

pub use crate::api::openapi;
pub use crate::metrics::metrics_router;
pub use crate::server::middleware::{allow_origins, behind_proxies};
pub use crate::server::serve::serve;
pub use crate::site::Site;
pub use crate::site::sign_in_links::{LinkError, SignInLinks};

/// The longest request body in bytes: a form or a few settings.
const BODY: usize = 64 << 10;

/// The items of the navigation, in order.
const TABS: &[Tab] = &[
    Tab { path: "/", label: "Log", is_for: |_, grant| grant.may(Right::Read) },
    Tab { path: ALERTS, label: "Alerts", is_for: |_, grant| grant.may(Right::Read) },
    Tab { path: "/usage", label: "Usage", is_for: |_, grant| grant.may(Right::ReadUsage) },
    Tab { path: "/servers", label: "Servers", is_for: |_, grant| AuditLog::may_see_tools(grant) },
    Tab { path: "/integrity", label: "Integrity", is_for: |_, grant| grant.may(Right::Verify) },
    Tab { path: "/policies", label: "Policies", is_for: |_, grant| grant.may_oversee() },
    Tab {
        path: "/tokens",
        label: "Tokens",
        is_for: |site, grant| grant.may(Right::Manage) && site.identity.tokens().is_some(),
    },
    Tab { path: "/settings", label: "Settings", is_for: |_, grant| grant.may_oversee() },
];

/// API and pages as one router; nest it at the path that the site was given. It has its own fallback, so a router that
/// is merged with it must have none.
pub fn router(site: Site) -> Router {
    let site = Arc::new(Site { tabs: TABS, ..site });
    site.log.read_views_with(query::grouping::of_view);
    Router::new()
        .nest(API, api::router(&site))
        .merge(tools(&site))
        .merge(no_other_api())
        .merge(api::health::router())
        .merge(sign_in::page::router())
        .merge(ui::assets::router())
        .merge(pages(&site))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(&site), limit))
        .layer(from_fn(middleware::harden))
        .with_state(site)
}

/// The log as MCP tools, if this build has them.
#[cfg(feature = "mcp")]
fn tools(site: &Arc<Site>) -> Router<Arc<Site>> {
    mcp::router(site)
}

#[cfg(not(feature = "mcp"))]
fn tools(_: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
}

/// The pages, all behind the sign-in. Unknown paths get a page too.
fn pages(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(log::page::show).layer(from_fn(usage::page::instead)))
        .route("/entries/{id}", get(entry::page::show).post(entry::page::show))
        .route("/timeline", get(timeline::page::show))
        .route("/usage", get(usage::page::show))
        .route("/servers", get(servers::page::show))
        .route("/integrity", get(integrity::page::show))
        .route("/integrity/verify", post(integrity::page::verify))
        .route("/alerts", get(alerts::page::show).post(alerts::page::set))
        .route("/alerts/remove", post(alerts::page::remove))
        .route("/bundle", get(export::bundle::from_page).post(export::bundle::from_page))
        .route("/export", get(export::form::download).post(export::form::download))
        .route(
            "/policies",
            get(policies::page::show).post(policies::page::activate).layer(DefaultBodyLimit::max(UPLOAD)),
        )
        .route("/policies/trial", post(policies::page::try_policy).layer(DefaultBodyLimit::max(UPLOAD)))
        .route("/policies/shadow", post(policies::page::begin_shadow).layer(DefaultBodyLimit::max(UPLOAD)))
        .route("/policies/shadow/end", post(policies::page::end_shadow))
        .route("/policies/rollback", post(policies::page::roll_back))
        .route("/settings", get(settings::page::show).post(settings::page::change))
        .route("/settings/crons", post(cron::run))
        .route("/settings/holds", post(hold::place))
        .route("/settings/holds/release", post(hold::release))
        .route("/times", get(times::page::show).post(times::page::choose))
        .route("/tokens", get(tokens::page::show).post(tokens::page::create))
        .route("/tokens/revoke", post(tokens::page::revoke))
        .route("/views", post(view::save))
        .route("/views/{id}", post(view::change))
        .route("/views/{id}/delete", post(view::delete))
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(site), gate::for_pages))
}

/// Unknown paths below `/api` get a problem in JSON, because programs call them.
fn no_other_api() -> Router<Arc<Site>> {
    let nothing = async || Problem::no_route();
    // Nesting leaves the bare slash to the pages.
    Router::new().nest("/api", Router::new().fallback(nothing)).route("/api/", any(nothing))
}

/// Answers in place of the handler if the body did not arrive in time.
async fn limit(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().strip_prefix(API);
    if path == Some(events::PATH) || timed_body::is_empty(&request) {
        return next.run(request).await;
    }
    let is_page = !request.uri().path().starts_with("/api/");
    let Some(response) = timed_body::run(site.patience, request, next).await else {
        let advice = format!(
            "The body took longer than {} seconds and nothing was done. Send it again.",
            site.patience.as_secs()
        );
        let problem = Problem::too_slow(advice).into_response();
        return if is_page { ui::frame::as_page(&site, None, problem) } else { problem };
    };
    response
}
