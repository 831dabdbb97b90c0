//! The target of an event, administered resources, and the arguments of a request.

/// The object that a method was applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool's name.
    Tool(String),
    /// A prompt's name.
    Prompt(String),
    /// A resource's URI, without user information, query and fragment: those may carry secrets.
    Resource(String),
    /// Another named object: a task's id, a logging level.
    Other(String),
}

impl Target {
    /// The name of the tool, prompt, resource or other target.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Other(name) => name,
        }
    }
}

/// An administered resource: its kind, its id, and its name at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The kind, the part of an action before the dot: `mcp_server`.
    pub kind: String,
    /// Its id on the platform, which stays the same when it is renamed.
    pub id: String,
    /// Its name at the time.
    pub name: Option<String>,
}

impl Resource {
    /// A resource of any kind: a lower-case word, the part of an action before the dot.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), name: None }
    }

    /// An MCP server of the platform.
    pub fn mcp_server(id: impl Into<String>) -> Self {
        Self::new("mcp_server", id)
    }

    /// A policy of the platform: the tools that its agents and users may call.
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

    /// Its name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// A top-level argument of a request, or the `old` and `new` state of a change: its name and its value as JSON text.
/// Shown to the policy, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The argument's name.
    pub name: String,
    /// Its value as JSON text.
    pub json: String,
}
