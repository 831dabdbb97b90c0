//! The log over HTTP: an API under `/api/v1`, pages at `/`, and the sign-in of both.
//!
//! Every route except the sign-in, the assets and the probes is inside [`session::auth`], which creates the
//! [`session::auth::Visitor`] without which a handler cannot reach the log.

mod api;
mod entry;
pub(crate) mod events;
mod export;
mod integrity;
mod log;
mod metrics;
mod openapi;
mod problem;
mod query;
mod server;
mod session;
mod settings;
mod ui;
mod usage;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_identity::Identity;
use mcp_audit_log_service::AuditLog;

use crate::problem::Problem;
use crate::server::middleware;
use crate::server::read_scheduler::ReadScheduler;
use crate::session::sign_in;
use crate::session::sign_in_audit::SignInAudit;

pub use crate::api::openapi;
pub use crate::metrics::metrics_router;
pub use crate::server::middleware::across;
pub use crate::server::middleware::behind;
pub use crate::server::serve::serve;
pub use crate::session::cookie::{LinkError, SignInLinks};

/// The longest request body: a form or a few settings.
const BODY: usize = 64 << 10;

/// The state of the routes, and where they are mounted.
///
/// An embedder that signs users in itself passes a function ([`Site::embedded`]), or puts a [`mcp_audit_log_contract::access::Viewer`] into the
/// request's extensions with its own middleware. That viewer is trusted, and no token or session is needed.
pub struct Site {
    log: AuditLog,
    identity: Identity,
    links: SignInLinks,
    base: String,
    https: bool,
    witness: SignInAudit,
    intake: api::Intake,
    room: ReadScheduler,
    patience: Duration,
    exports: export::Exports,
    embedder: Option<SignIn>,
    style: Option<ui::assets::Asset>,
}

/// An embedder's sign-in: from a request to its sender.
type SignIn = Box<dyn Fn(&Parts) -> Pin<Box<dyn Future<Output = Option<Viewer>> + Send>> + Send + Sync>;

impl Site {
    /// A site at the root of its host, spoken to over plain HTTP.
    pub fn new(log: AuditLog, identity: Identity, links: SignInLinks) -> Self {
        let (witness, intake, exports) = (SignInAudit::default(), api::Intake::default(), export::Exports::default());
        let (room, base) = (ReadScheduler::new(), String::new());
        Self {
            log,
            identity,
            links,
            base,
            https: false,
            witness,
            intake,
            room,
            patience: middleware::usual(),
            exports,
            embedder: None,
            style: None,
        }
    }

    /// A site whose users are signed in by the embedder, and in no other way; see [`Site::sign_in`].
    pub fn embedded<F, V>(log: AuditLog, sign_in: F) -> Self
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: Future<Output = Option<Viewer>> + Send + 'static,
    {
        Self::new(log, Identity::without_sign_in(), SignInLinks::default()).sign_in(sign_in)
    }

    /// Calls `sign_in` to find the sender of a request, from its head. If it returns `None`, a token still signs in.
    /// Requests from pages of other sites cannot change anything, so `sign_in` may rely on a cookie.
    pub fn sign_in<F, V>(mut self, sign_in: F) -> Self
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: Future<Output = Option<Viewer>> + Send + 'static,
    {
        self.embedder = Some(Box::new(move |parts| Box::pin(sign_in(parts))));
        self
    }

    /// The path under which the router is nested, as browsers see it: `/audit`.
    pub fn mounted_at(mut self, base: &str) -> Self {
        let base = base.trim_matches('/');
        self.base = if base.is_empty() { String::new() } else { format!("/{base}") };
        self
    }

    /// The vendor's own style sheet, loaded after ours, so that the pages match the rest of the product.
    /// `docs/pages.md` has the properties that it may set, from `--mcp-audit-log-accent` on. It is served from this
    /// site, because browsers may not load styles from elsewhere.
    pub fn styled(mut self, css: impl Into<String>) -> Self {
        self.style = Some(ui::assets::Asset::style(css.into()));
        self
    }

    /// How long a form or a few settings may take to arrive; ten seconds by default.
    #[doc(hidden)]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Browsers come over HTTPS: the session's cookie is then sent over nothing else.
    pub fn over_https(mut self) -> Self {
        self.https = true;
        self
    }

    /// The path of the list, as browsers see it.
    fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }
}

/// API and pages as one router; nest it at the path that the site was given. It has its own fallback, so a router that
/// it is merged with must have none.
pub fn router(site: Site) -> Router {
    let site = Arc::new(site);
    Router::new()
        .nest(api::BASE, api::router(&site))
        .merge(no_other_api())
        .merge(api::health::router())
        .merge(sign_in::router())
        .merge(ui::assets::router())
        .merge(ui::router(&site))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(&site), middleware::limit))
        .layer(from_fn(middleware::harden))
        .with_state(site)
}

/// Below `/api` there is nothing else, and a program gets a problem in JSON.
fn no_other_api() -> Router<Arc<Site>> {
    let nothing = async || Problem::no_route();
    // Nesting leaves the bare slash to the pages.
    Router::new().nest("/api", Router::new().fallback(nothing)).route("/api/", any(nothing))
}
