//! The parts of an event that a policy reads. The host passes only these parts, so it can reuse a verdict for equal
//! values.

use std::collections::BTreeSet;

use mcp_audit_log_model::event::Channel;
use mcp_audit_log_model::vocabulary;

vocabulary! {
    /// A field of an event, by its name in the contract.
    EventField {
        /// The door it came through.
        Channel = "channel",
        /// Its shape.
        Kind = "kind",
        /// The method.
        Method = "method",
        /// What the method was applied to.
        Target = "target",
        /// The server.
        Server = "server",
        /// The HTTP path.
        Path = "path",
        /// The outcome.
        Outcome = "outcome",
        /// The exact outcome.
        OutcomeDetail = "outcome-detail",
        /// The HTTP status.
        StatusCode = "status-code",
        /// The JSON-RPC error code.
        ErrorCode = "error-code",
        /// The duration in microseconds.
        DurationUs = "duration-us",
        /// Whether there is a duration.
        HasDuration = "has-duration",
        /// The user.
        User = "user",
        /// The token or connection.
        Connection = "connection",
        /// The tenant.
        Instance = "instance",
        /// The client program.
        ClientName = "client-name",
        /// Whether there is a payload.
        HasPayload = "has-payload",
        /// Whether there are arguments.
        HasArguments = "has-arguments",
    }
}

/// Names of facts or arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependencyNames {
    /// Whether all names are included.
    pub all: bool,
    /// The names.
    pub names: BTreeSet<String>,
}

impl DependencyNames {
    /// Every name.
    pub fn all() -> Self {
        Self { all: true, names: BTreeSet::new() }
    }

    /// These names; `*` is every name.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.contains("*") { Self::all() } else { Self { all: false, names } }
    }

    /// Whether `name` is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }

    /// The names of both.
    pub fn union(&self, other: &Self) -> Self {
        match self.all || other.all {
            true => Self::all(),
            false => Self { all: false, names: self.names.union(&other.names).cloned().collect() },
        }
    }
}

/// Fields of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFields(u32);

impl EventFields {
    /// Whether `field` is among them.
    pub fn contains(self, field: EventField) -> bool {
        self.0 & Self::bit(field) != 0
    }

    /// The fields of both.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Them in order.
    pub fn iter(self) -> impl Iterator<Item = EventField> {
        EventField::ALL.iter().copied().filter(move |field| self.contains(*field))
    }

    fn bit(field: EventField) -> u32 {
        1 << field as u32
    }
}

impl FromIterator<EventField> for EventFields {
    fn from_iter<T: IntoIterator<Item = EventField>>(fields: T) -> Self {
        Self(fields.into_iter().fold(0, |bits, field| bits | Self::bit(field)))
    }
}

/// The parts of an event that a verdict depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Fields.
    pub fields: EventFields,
    /// Facts.
    pub facts: DependencyNames,
    /// Arguments.
    pub arguments: DependencyNames,
}

impl Dependencies {
    /// Every part.
    pub fn all() -> Self {
        let fields = EventField::ALL.iter().copied().collect();
        Self { fields, facts: DependencyNames::all(), arguments: DependencyNames::all() }
    }

    /// The parts of both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            fields: self.fields.union(other.fields),
            facts: self.facts.union(&other.facts),
            arguments: self.arguments.union(&other.arguments),
        }
    }
}

/// The parts of an event that verdicts depend on, by channel. A channel without a declaration depends on everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelDependencies([Option<Dependencies>; Channel::ALL.len()]);

impl ChannelDependencies {
    /// The declaration for `channel`.
    pub fn of(&self, channel: Channel) -> Option<&Dependencies> {
        self.0.get(channel as usize).and_then(Option::as_ref)
    }

    /// Declares this for `channel`, in place of an earlier declaration.
    pub fn set(&mut self, channel: Channel, depends: Dependencies) {
        if let Some(place) = self.0.get_mut(channel as usize) {
            *place = Some(depends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_every_name() {
        let names = |names: &[&str]| DependencyNames::of(names.iter().map(|name| (*name).to_owned()));
        assert!(names(&["phase", "*"]).contains("anything") && !names(&["phase"]).contains("anything"));
        assert!(names(&[]).is_empty() && !names(&["*"]).is_empty());
        assert_eq!(names(&["a"]).union(&names(&["b"])), names(&["b", "a"]));
        assert_eq!(names(&["a"]).union(&names(&["*"])), DependencyNames::all());
    }
}
