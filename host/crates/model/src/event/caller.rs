//! The caller and the client of an event.

/// The caller, as far as the sign-in knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user's name or id on the platform.
    pub user: Option<String>,
    /// The name of the token or connection that was used.
    pub connection: Option<String>,
    /// The agent that acted for the user.
    pub agent: Option<String>,
    /// The run of the agent: all runs share the agent's name, and each has its own id.
    pub agent_instance: Option<String>,
    /// The tenant of the platform.
    pub instance: Option<String>,
}

impl Caller {
    /// A user, by name or id.
    pub fn user(user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..Self::default() }
    }

    /// The name of the token or connection that was used.
    pub fn connection(mut self, connection: impl Into<String>) -> Self {
        self.connection = Some(connection.into());
        self
    }

    /// The agent that acted, and which run of it.
    pub fn agent(mut self, agent: impl Into<String>, instance: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self.agent_instance = Some(instance.into());
        self
    }

    /// The tenant of the platform. Viewers see the entries of their own tenant only.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// This caller, with unset values taken from `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            user: self.user.or(other.user),
            connection: self.connection.or(other.connection),
            agent: self.agent.or(other.agent),
            agent_instance: self.agent_instance.or(other.agent_instance),
            instance: self.instance.or(other.instance),
        }
    }
}

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
