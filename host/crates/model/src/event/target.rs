//! What a method was applied to.

/// What a method was applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool's name.
    Tool(String),
    /// A prompt's name.
    Prompt(String),
    /// A resource's URI, without user information, query and fragment: those may carry secrets.
    Resource(String),
    /// Anything else that has a name: a task's id, a logging level.
    Other(String),
}

impl Target {
    /// The name, whatever it names.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Other(name) => name,
        }
    }
}
