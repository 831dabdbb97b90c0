//! The definitions of tools that MCP servers listed: what the log knows of each tool.

use mcp_audit_log_model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A tool of a server, as far as its listings passed the log. It outlives the entries about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTool {
    /// The name of the server in the log.
    pub server: String,
    /// The name of the tool.
    pub tool: String,
    /// Its definitions: first the one that was new last, then earlier ones, and ones that only some callers see.
    pub definitions: Vec<ToolDefinition>,
    /// When a listing had it first.
    pub first_seen: Timestamp,
    /// When a definition of it was new last, or it was gone or came back.
    pub changed_at: Timestamp,
    /// When a listing had it last, to the hour.
    pub last_seen: Timestamp,
    /// The caller whose listing had it last, as a keyed digest.
    pub seen_by: String,
    /// The newest entry about its definition.
    pub entry: Uuid,
    /// Whether the caller who saw it last got a complete listing without it.
    pub is_gone: bool,
}

/// A definition of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolDefinition {
    /// SHA-256 of its canonical form, in hex.
    pub hash: String,
    /// What it consists of besides the name.
    pub parts: Vec<DefinitionPart>,
    /// When a listing had it first.
    pub first_seen: Timestamp,
    /// When a listing had it last, to the hour.
    pub last_seen: Timestamp,
}

/// A part of a definition: its title, description, schemas or annotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionPart {
    /// Its key: `description`.
    pub name: String,
    /// The first half of SHA-256 of its canonical form, in hex.
    pub hash: String,
    /// The length of its canonical form, in bytes.
    pub bytes: u64,
}

impl KnownTool {
    /// The hash of the definition that was new last.
    pub fn hash(&self) -> &str {
        self.definitions.first().map_or("", |definition| &definition.hash)
    }
}
