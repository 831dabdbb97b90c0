//! The state that all routes share: the log, how users sign in, where the site is mounted, and what may run at once.
//! Features use it, so it depends on none of them.

pub(crate) mod asset;
pub(crate) mod read_scheduler;
pub(crate) mod shadow_place;
pub(crate) mod sign_in_audit;
pub(crate) mod sign_in_links;
pub(crate) mod turns;

use std::pin::Pin;
use std::time::Duration;

use axum::http::request::Parts;
use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_identity::Identity;
use mcp_audit_log_service::AuditLog;

use self::asset::Asset;
use self::read_scheduler::ReadScheduler;
use self::shadow_place::ShadowPlace;
use self::sign_in_audit::SignInAudit;
use self::sign_in_links::SignInLinks;
use self::turns::Turns;

/// The path of the API, below the site.
pub(crate) const API: &str = "/api/v1";
/// The path of the page of alerts, whose tab is marked while one is raised.
pub(crate) const ALERTS: &str = "/alerts";
/// The time that a body may take: a form or a few settings. Events are longer, so they have their own limit.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sign-ins that wait for an OpenID provider at once.
const PROVIDER_TURNS: usize = 16;

/// The state of the routes, and where they are mounted.
///
/// An embedder that signs users in itself passes a function ([`Site::embedded`]), or puts a
/// [`Viewer`] into the request's extensions with its own middleware. That viewer is trusted, and no token or session is
/// needed.
pub struct Site {
    pub(crate) log: AuditLog,
    pub(crate) identity: Identity,
    pub(crate) links: SignInLinks,
    pub(crate) base: String,
    pub(crate) https: bool,
    pub(crate) sign_in_audit: SignInAudit,
    pub(crate) turns: Turns,
    pub(crate) shadow: ShadowPlace,
    pub(crate) scheduler: ReadScheduler,
    /// How many visitors may make the server ask their OpenID provider at once.
    pub(crate) provider_turns: tokio::sync::Semaphore,
    /// The end of a session does not wait for sign-ins.
    pub(crate) logout_turns: tokio::sync::Semaphore,
    pub(crate) patience: Duration,
    pub(crate) embedder: Option<SignIn>,
    pub(crate) style: Option<Asset>,
    /// The MCP servers that tokens are for: name, and URL or path on this host.
    pub(crate) servers: Vec<(String, String)>,
    /// The items of the navigation, from the router's list of pages.
    pub(crate) tabs: &'static [Tab],
}

/// An embedder's sign-in: from a request to its sender.
type SignIn = Box<dyn Fn(&Parts) -> Pin<Box<dyn Future<Output = Option<Viewer>> + Send>> + Send + Sync>;

/// A part of the navigation.
pub(crate) struct Tab {
    /// The path of its page below the site.
    pub(crate) path: &'static str,
    pub(crate) label: &'static str,
    /// Whether a viewer gets it.
    pub(crate) is_for: fn(&Site, &Grant) -> bool,
}

impl Site {
    /// A site at the root of its host, served over plain HTTP.
    pub fn new(log: AuditLog, identity: Identity, links: SignInLinks) -> Self {
        Self {
            log,
            identity,
            links,
            base: String::new(),
            https: false,
            sign_in_audit: SignInAudit::default(),
            turns: Turns::default(),
            shadow: ShadowPlace::default(),
            scheduler: ReadScheduler::new(),
            provider_turns: tokio::sync::Semaphore::new(PROVIDER_TURNS),
            logout_turns: tokio::sync::Semaphore::new(PROVIDER_TURNS),
            patience: PATIENCE,
            embedder: None,
            style: None,
            servers: Vec::new(),
            tabs: &[],
        }
    }

    /// A site where only the embedder signs users in; see [`Site::sign_in`].
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
        self.style = Some(Asset::style(css.into()));
        self
    }

    /// The MCP servers that the page of tokens explains how to reach: the name of each, and its URL, or its path on the
    /// host that the browser uses.
    pub fn mcp_servers(mut self, servers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.servers = servers.into_iter().collect();
        self
    }

    /// The time that a form or a few settings may take to arrive; ten seconds by default.
    #[doc(hidden)]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Declares that browsers use HTTPS: the session cookie is then sent over HTTPS only.
    pub fn over_https(mut self) -> Self {
        self.https = true;
        self
    }

    /// The path of the list, as browsers see it.
    pub(crate) fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }

    /// The address of the page at `path`, as browsers see it.
    pub(crate) fn address(&self, path: &str) -> String {
        if path == "/" { self.home().to_owned() } else { format!("{}{path}", self.base) }
    }
}
