//! The client of an event.

/// The client. It reports its name and version itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Self-reported name.
    pub name: Option<String>,
    /// Self-reported version.
    pub version: Option<String>,
    /// A short prefix and a keyed hash of the MCP session id, which is a credential and never stored itself.
    pub session: Option<String>,
    /// The network address it came from.
    pub ip: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}
