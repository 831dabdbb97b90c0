//! Calls that a policy of the platform did not let through.

use super::{Detail, Event, Failure};

/// A policy of the platform (not of the log) as it was when it blocked a call. The entry keeps this snapshot, so that
/// it stays true when the policy is renamed, rewritten or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockingPolicy {
    /// Its id on the platform: the entry's field `policy`.
    pub id: String,
    /// Its name: the detail `policy_name`.
    pub name: String,
    /// Its description: the detail `policy_description`.
    pub description: Option<String>,
}

impl Event {
    /// A policy of the platform blocked it: denied, with the `error_type` `blocked_by_policy`.
    pub fn blocked_by(mut self, policy: BlockingPolicy) -> Self {
        let BlockingPolicy { id, name, description } = policy;
        self.detail = Detail::Denied;
        self.failure = Some(Failure::new("blocked_by_policy", format!("Blocked by the policy {name:?}")));
        self.facts.extend(description.map(|text| ("policy_description".to_owned(), text.into())));
        self.fact("policy", id).fact("policy_name", name)
    }
}
