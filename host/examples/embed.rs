//! The log in your application: it records MCP traffic, serves API and pages under /audit, and uses your sign-in.

use axum::http::HeaderMap;
use axum::{Extension, Router, routing::any};
use mcp_audit_log::capture::{AuditLayer, CallerSlot};
use mcp_audit_log::event::Caller;
use mcp_audit_log::http::{self, Site};
use mcp_audit_log::{AuditLog, Options, Viewer};

/// Your application with the log. Put the layer outside of your sign-in, so that it records refused requests as well.
pub fn app(log: &AuditLog) -> Router {
    let site = Site::embedded(log.clone(), |parts| {
        let viewer = your_sign_in(&parts.headers);
        async move { viewer }
    });
    Router::new()
        .route("/mcp", any(your_mcp_server))
        .layer(AuditLayer::new(log.clone(), "your-server"))
        .nest("/audit", http::router(site.mounted_at("/audit").over_https()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = Options::new("audit").open()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    http::serve(listener, app(&log), stop).await?;
    log.close();
    Ok(())
}

/// Your own sign-in: the user of this request, their groups of the policy, and their tenant.
fn your_sign_in(headers: &HeaderMap) -> Option<Viewer> {
    let user = headers.get("x-your-session")?.to_str().ok()?.to_owned();
    Some(Viewer::new(user, ["user"]).instance("eu-1"))
}

/// Your own MCP server. After your sign-in, put the caller into the slot.
async fn your_mcp_server(Extension(slot): Extension<CallerSlot>, headers: HeaderMap, _message: String) -> &'static str {
    if let Some(Viewer { user, instance, .. }) = your_sign_in(&headers) {
        slot.set(Caller { instance, ..Caller::user(user) });
    }
    r#"{"jsonrpc":"2.0","id":1,"result":{}}"#
}
