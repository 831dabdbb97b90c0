//! Agents: which tools one was given when it connected for the first time.

use super::{Caller, Event, Resource};
use crate::time::Timestamp;

/// Longest list of names in one detail, in bytes.
const LONGEST: usize = 1_000;

/// What an agent may call, in three buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentTools {
    /// Tools that it may call.
    pub allowed: Vec<String>,
    /// Tools that it may not call.
    pub denied: Vec<String>,
    /// Tools that it may call under a condition, such as an approval.
    pub conditional: Vec<String>,
}

impl Event {
    /// `agent.connected`: an agent connected for the first time, and was given these tools. With which client it came is
    /// for [`Event::with`]. The buckets become the details `tools_allowed`, `tools_denied` and `tools_conditional`.
    pub fn agent_connected(at: Timestamp, agent: Resource, tools: &AgentTools) -> Self {
        let name = agent.name.clone().unwrap_or_else(|| agent.id.clone());
        let event = Self::admin(at, "agent.connected", agent);
        let event = Self { caller: Caller { agent: Some(name), ..Caller::default() }, ..event };
        let AgentTools { allowed, denied, conditional } = tools;
        [("tools_allowed", allowed), ("tools_denied", denied), ("tools_conditional", conditional)]
            .into_iter()
            .fold(event, |event, (bucket, tools)| event.fact(bucket, listed(tools)))
    }
}

/// The names as a list, and how many more there are than fit.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if text.len() + name.len() > LONGEST {
            return format!("{text} and {} more", names.len() - at).trim_start().to_owned();
        }
        let comma = if at == 0 { "" } else { ", " };
        text.push_str(&format!("{comma}{name}"));
    }
    text
}
