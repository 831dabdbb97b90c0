//! What an administrative change was made to.

/// Something that is administered: its kind, its id, and what it was called at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The kind, as it stands before the dot of an action: `mcp_server`.
    pub kind: String,
    /// Its id on the platform, which stays when it is renamed.
    pub id: String,
    /// Its name at the time.
    pub name: Option<String>,
}

impl Resource {
    /// A thing of any kind: a lower-case word, as it stands before the dot of an action.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), name: None }
    }

    /// An MCP server of the platform.
    pub fn mcp_server(id: impl Into<String>) -> Self {
        Self::new("mcp_server", id)
    }

    /// A policy of the platform: what its agents and users may call.
    pub fn policy(id: impl Into<String>) -> Self {
        Self::new("policy", id)
    }

    /// An agent.
    pub fn agent(id: impl Into<String>) -> Self {
        Self::new("agent", id)
    }

    /// A user.
    pub fn user(id: impl Into<String>) -> Self {
        Self::new("user", id)
    }

    /// An API key, by its id or name and never by its secret.
    pub fn api_key(id: impl Into<String>) -> Self {
        Self::new("api_key", id)
    }

    /// A provider of language models.
    pub fn provider(id: impl Into<String>) -> Self {
        Self::new("provider", id)
    }

    /// A language model that the platform offers.
    pub fn model(id: impl Into<String>) -> Self {
        Self::new("model", id)
    }

    /// What it is called.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}
