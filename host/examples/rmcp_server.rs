//! The log before a server of the official SDK: an axum application with one MCP endpoint over Streamable HTTP.

use axum::Router;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use mcp_audit_log::capture::{AuditLayer, CallerSlot};
use mcp_audit_log::event::Caller;
use mcp_audit_log::{AuditLog, Options};
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, schemars, tool, tool_router};

/// Your server, as the SDK has it. It knows nothing of the log, except where it signs callers in.
#[derive(Clone)]
struct Orders;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Order {
    /// The number of the order.
    number: u32,
}

#[tool_router(server_handler)]
impl Orders {
    #[tool(description = "Show an order")]
    fn show_order(&self, Parameters(Order { number }): Parameters<Order>) -> CallToolResult {
        match number {
            7 => CallToolResult::success(vec![ContentBlock::text("Order 7: a lamp, sent on Monday")]),
            _ => CallToolResult::error(vec![ContentBlock::text(format!("There is no order {number}"))]),
        }
    }

    #[tool(description = "Cancel an order")]
    fn cancel_order(
        &self,
        Parameters(Order { number }): Parameters<Order>,
        Extension(parts): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let user = your_sign_in(&parts).ok_or_else(|| ErrorData::invalid_request("sign in first", None))?;
        Ok(format!("{user} cancelled order {number}"))
    }
}

/// The application. The layer is the outermost, so that requests that your sign-in refuses are entries too.
pub fn app(log: &AuditLog) -> Router {
    let server: StreamableHttpService<Orders, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Orders), Default::default(), Default::default());
    Router::new()
        .nest_service("/mcp", server)
        .layer(from_fn(name_the_caller))
        .layer(AuditLayer::new(log.clone(), "orders"))
}

/// Puts the caller of your sign-in into the entry.
async fn name_the_caller(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let (Some(slot), Some(user)) = (parts.extensions.get::<CallerSlot>(), your_sign_in(&parts)) {
        slot.set(Caller::user(user));
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Your own sign-in.
fn your_sign_in(parts: &Parts) -> Option<String> {
    parts.headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = Options::new("audit").open()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app(&log)).with_graceful_shutdown(stop).await?;
    log.close();
    Ok(())
}
