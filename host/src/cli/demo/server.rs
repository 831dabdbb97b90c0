//! The demo's MCP server: a small shop with tools that succeed, fail and take their time.
#![allow(missing_docs, reason = "rmcp's macros make public items of their own")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use tokio::net::TcpListener;

/// Starts the server on a free port and returns its address.
pub(super) async fn start() -> io::Result<SocketAddr> {
    let config = StreamableHttpServerConfig::default();
    let service: StreamableHttpService<Shop, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Shop), Default::default(), config);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new().nest_service("/mcp", service);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the demo's MCP server ended");
        }
    });
    Ok(address)
}

#[derive(Clone)]
struct Shop;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Search {
    /// The text to search for.
    query: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Invoice {
    /// The invoice's number, as in INV/2026/0042.
    number: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Write {
    /// The business model.
    model: String,
    /// The record's id.
    record_id: String,
    /// The new note.
    note: String,
}

#[tool_router]
impl Shop {
    #[tool(description = "Search the products")]
    fn search_products(&self, Parameters(Search { query }): Parameters<Search>) -> String {
        format!("3 products match {query:?}: a chair, a table, a lamp")
    }

    #[tool(description = "Read an invoice")]
    fn get_invoice(&self, Parameters(Invoice { number }): Parameters<Invoice>) -> CallToolResult {
        match number.as_str() {
            "INV/2026/0042" => CallToolResult::success(vec![ContentBlock::text("INV/2026/0042: 1,250.00 EUR, paid")]),
            _ => CallToolResult::error(vec![ContentBlock::text(format!("There is no invoice {number}"))]),
        }
    }

    #[tool(description = "Write a note on a business record")]
    fn write_note(&self, Parameters(Write { model, record_id, note }): Parameters<Write>) -> String {
        format!("A note of {} characters on {model} {record_id}", note.len())
    }

    #[tool(description = "Make a report, which takes a while")]
    async fn make_report(&self) -> String {
        tokio::time::sleep(Duration::from_millis(400)).await;
        "Sales are up.".to_owned()
    }
}

#[tool_handler(router = Self::tool_router())]
impl ServerHandler for Shop {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_instructions("A small shop")
    }
}
