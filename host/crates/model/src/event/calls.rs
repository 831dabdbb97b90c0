//! Calls: of tools, of tools through a tunnel, and of the vendor's own API.

use super::{Caller, Channel, Detail, Event, Kind, Target};
use crate::time::Timestamp;

/// Where a tunnel or relay puts the tool's name.
const TOOL_PATH: &str = "/mcp/tool/";

impl Event {
    /// A tool call on an MCP server, for platforms that carry the calls themselves. Calls through the layer or the
    /// proxy are recorded there.
    pub fn tool_call(at: Timestamp, server: impl Into<String>, tool: impl Into<String>) -> Self {
        let event = Self::new(at, Channel::Mcp, Kind::Request, Detail::Ok);
        let target = Some(Target::Tool(tool.into()));
        Self { method: Some("tools/call".to_owned()), server: Some(server.into()), target, ..event }
    }

    /// A tool call through a tunnel or relay, which is recorded as the connection: `Hub Tunnel (hub)`, method `TOOL`,
    /// path `/mcp/tool/<name>`.
    pub fn tunnel_call(at: Timestamp, tunnel: impl Into<String>, tool: impl Into<String>) -> Self {
        let tool = tool.into();
        let path = Some(format!("{TOOL_PATH}{tool}"));
        let event = Self::new(at, Channel::Mcp, Kind::Request, Detail::Ok);
        let caller = Caller::default().connection(tunnel);
        Self { method: Some("TOOL".to_owned()), path, target: Some(Target::Tool(tool)), caller, ..event }
    }

    /// A call of the vendor's own API with an MCP token: HTTP method, path and status. The query and the fragment are
    /// removed because they may carry secrets.
    pub fn api_call(at: Timestamp, method: impl Into<String>, path: &str, status: u16) -> Self {
        let method = method.into();
        let path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        let event = Self::new(at, Channel::Api, Kind::Request, Detail::Ok).fact("http_method", method.as_str());
        Self { method: Some(method), path: Some(path), ..event }.status(status)
    }
}
