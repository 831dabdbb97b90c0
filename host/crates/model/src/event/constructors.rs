//! Events that only the platform knows: tool and API calls, administrative changes, OAuth and connections of agents.

use serde_json::Value as Json;

use super::state::States;
use super::{Argument, Caller, Channel, Event, Kind, OutcomeDetail, Resource, Target, state};
use crate::time::Timestamp;
use crate::vocabulary;

/// The argument in which a tunnel or relay passes the tool's name.
const TOOL_PATH: &str = "/mcp/tool/";

impl Event {
    /// A tool call on an MCP server, for platforms that carry the calls themselves. Calls through the layer or the
    /// proxy are recorded there.
    pub fn tool_call(at: Timestamp, server: impl Into<String>, tool: impl Into<String>) -> Self {
        let event = Self::new(at, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let target = Some(Target::Tool(tool.into()));
        Self { method: Some("tools/call".to_owned()), server: Some(server.into()), target, ..event }
    }

    /// A tool call through a tunnel or relay, which is recorded as the connection: `Hub Tunnel (hub)`, method `TOOL`,
    /// path `/mcp/tool/<name>`.
    pub fn tunnel_call(at: Timestamp, tunnel: impl Into<String>, tool: impl Into<String>) -> Self {
        let tool = tool.into();
        let path = Some(format!("{TOOL_PATH}{tool}"));
        let event = Self::new(at, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let caller = Caller::default().connection(tunnel);
        Self { method: Some("TOOL".to_owned()), path, target: Some(Target::Tool(tool)), caller, ..event }
    }

    /// A call of the vendor's own API with an MCP token: HTTP method, path and status. The query and the fragment are
    /// removed because they may carry secrets.
    pub fn api_call(at: Timestamp, method: impl Into<String>, path: &str, status: u16) -> Self {
        let method = method.into();
        let path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        let event = Self::new(at, Channel::Api, Kind::Request, OutcomeDetail::Ok).fact("http_method", method.as_str());
        Self { method: Some(method), path: Some(path), ..event }.status(status)
    }
}

impl Event {
    /// An administrative change: the action as `<resource>.<verb>` (`user.role_changed`), and the changed resource.
    /// Vendors choose the verb; one that the policy does not know is recorded as well.
    pub fn admin(at: Timestamp, action: impl Into<String>, on: Resource) -> Self {
        let Resource { kind, id, name } = on;
        let mut event = Self::new(at, Channel::Admin, Kind::Request, OutcomeDetail::Ok).fact("resource_type", kind);
        event.facts.extend(name.map(|name| ("resource_name".to_owned(), name.into())));
        Self { method: Some(action.into()), target: Some(Target::Other(id)), ..event }
    }

    /// `<kind>.created`, with its initial state.
    pub fn created(at: Timestamp, resource: Resource, new: &Json) -> Self {
        Self::admin(at, format!("{}.created", resource.kind), resource).states(None, Some(new))
    }

    /// `<kind>.updated`, with its old and new state.
    pub fn updated(at: Timestamp, resource: Resource, old: &Json, new: &Json) -> Self {
        Self::admin(at, format!("{}.updated", resource.kind), resource).changed(old, new)
    }

    /// `<kind>.deleted`, with its last state.
    pub fn deleted(at: Timestamp, resource: Resource, old: &Json) -> Self {
        Self::admin(at, format!("{}.deleted", resource.kind), resource).states(Some(old), None)
    }

    /// The state before and after a change, mostly as JSON objects. The policy compares them field by field, hides
    /// secrets, and makes the change list; the states themselves are not stored.
    ///
    /// If a state has more than 16 KiB, only the members that differ are passed to the policy, and long texts only as
    /// their length. The detail `changes_left_out` counts the members that still do not fit.
    pub fn changed(self, old: &Json, new: &Json) -> Self {
        self.states(Some(old), Some(new))
    }

    /// The same, where one of them may be missing.
    #[doc(hidden)]
    pub fn states(mut self, old: Option<&Json>, new: Option<&Json>) -> Self {
        let States { old, new, left_out } = state::fitting(old, new);
        for (name, json) in [("old", old), ("new", new)] {
            self.arguments.extend(json.map(|json| Argument { name: name.to_owned(), json }));
        }
        match i64::try_from(left_out) {
            Ok(0) => self,
            left_out => self.fact("changes_left_out", left_out.unwrap_or(i64::MAX)),
        }
    }
}

vocabulary! {
    /// The step that was requested of an authorization server (RFC 6749, RFC 7009, RFC 7591, RFC 7662).
    #[non_exhaustive]
    OauthStep {
        /// A user was asked for consent, and gave or refused it.
        Authorize = "oauth.authorize",
        /// A token was issued or refreshed.
        Token = "oauth.token",
        /// A client registered itself.
        Register = "oauth.register",
        /// A token was revoked.
        Revoke = "oauth.revoke",
        /// A token was asked about.
        Introspect = "oauth.introspect",
    }
}

impl Event {
    /// A step of OAuth for the client with this id. Codes, verifiers, secrets and tokens do not belong into an event.
    pub fn oauth(at: Timestamp, step: OauthStep, client_id: impl Into<String>) -> Self {
        let event = Self::new(at, Channel::Oauth, Kind::Request, OutcomeDetail::Ok);
        Self { method: Some(step.as_str().to_owned()), ..event }.fact("client_id", client_id.into())
    }

    /// A connection that a user made, by its name.
    pub fn connection_created(at: Timestamp, connection: impl Into<String>) -> Self {
        Self::connection(at, "connection.created", connection.into())
    }

    /// A connection that was revoked, by its name; the caller is the user who revoked it.
    pub fn connection_revoked(at: Timestamp, connection: impl Into<String>) -> Self {
        Self::connection(at, "connection.revoked", connection.into())
    }

    fn connection(at: Timestamp, action: &str, connection: String) -> Self {
        let event = Self::new(at, Channel::Oauth, Kind::Request, OutcomeDetail::Ok);
        Self { method: Some(action.to_owned()), target: Some(Target::Other(connection)), ..event }
    }
}

/// The longest list of names in one detail, in bytes.
const LONGEST: usize = 1_000;

/// The tools that an agent may call, in three buckets.
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
    /// `agent.connected`: an agent connected for the first time, and was given these tools. With which client it came
    /// is for [`Event::with`]. The buckets become the details `tools_allowed`, `tools_denied` and `tools_conditional`.
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
