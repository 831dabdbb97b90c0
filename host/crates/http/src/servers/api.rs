//! `/api/v1/tools`: the known tools of all MCP servers. For callers who oversee the log and have no tenant.

use axum::Json;
use mcp_audit_log_contract::tool_definition::{KnownTool, ToolDefinition};
use mcp_audit_log_model::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::problem::Problem;
use crate::session::auth::Visitor;

/// The tools.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tools {
    /// By server and name.
    tools: Vec<Tool>,
}

/// A tool that a listing had.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KnownTool")]
pub(crate) struct Tool {
    server: String,
    tool: String,
    /// The definition that was new last, and then others that some callers see or that were before it.
    definitions: Vec<ToolDefinition>,
    /// When a listing had it first.
    first_seen: Timestamp,
    /// When a definition was new last, or the tool was gone or came back.
    changed_at: Timestamp,
    /// When a listing had it last, to the hour.
    last_seen: Timestamp,
    /// Whether the caller who saw it last got a complete listing without it.
    gone: bool,
    /// The newest entry about its definition; null if it has none of its own.
    entry: Option<Uuid>,
}

impl Tool {
    fn new(tool: KnownTool) -> Self {
        Self {
            server: tool.server,
            tool: tool.tool,
            definitions: tool.definitions,
            first_seen: tool.first_seen,
            changed_at: tool.changed_at,
            last_seen: tool.last_seen,
            gone: tool.is_gone,
            entry: Some(tool.entry).filter(|entry| !entry.is_nil()),
        }
    }
}

/// `GET`: all of them.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<Tools>, Problem> {
    let tools = visitor.search(|log, access| Ok(log.known_tools(access)?));
    Ok(Json(Tools { tools: tools.await?.into_iter().map(Tool::new).collect() }))
}
