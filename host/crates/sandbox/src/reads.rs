//! (short: sandbox and conversion share it) What of an event a component is given.

use mcp_audit_log_contract::depends::{ChannelDependencies, Dependencies, DependencyNames};
use mcp_audit_log_model::event::Channel;

/// The parts of events that a component is given.
pub(super) struct Reads {
    declared: ChannelDependencies,
    /// The parts that it is given of events on other channels.
    otherwise: Dependencies,
}

impl Reads {
    /// The declared parts, and everything for other channels; arguments only if the component wants them.
    pub(super) fn new(declared: ChannelDependencies, wants_arguments: bool) -> Self {
        let arguments = if wants_arguments { DependencyNames::all() } else { DependencyNames::default() };
        Self { declared, otherwise: Dependencies { arguments, ..Dependencies::all() } }
    }

    /// The parts that it is given of events on `channel`.
    pub(super) fn of(&self, channel: Channel) -> &Dependencies {
        self.declared.of(channel).unwrap_or(&self.otherwise)
    }

    /// Whether it is given arguments of events that nothing is declared about.
    pub(super) fn wants_arguments(&self) -> bool {
        !self.otherwise.arguments.is_empty()
    }
}
